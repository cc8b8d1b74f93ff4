//! Streams of a real Redis: the form of entries, least rights, back-pressure, the second road and back.

use super::collector::{Collector, Mood};
use super::server::{Server, free_port, shard_of};
use super::*;
use longpole_proto::road;
use std::collections::{BTreeMap, BTreeSet};

/// The producer's rights, as shipped (ARCHITECTURE).
const RIGHTS: [&str; 12] = [
    "ACL",
    "SETUSER",
    "pen",
    "on",
    ">ink",
    "~lp:*",
    "resetchannels",
    "-@all",
    "+xadd",
    "+ping",
    "+wait",
    "+hmget",
];

#[test]
fn entries_are_as_agreed_under_least_rights() {
    let Some(server) = Server::start(4, &[]) else { return };
    let _: String = server.ask(&RIGHTS);
    let mut road_of = redis(server.port).expect("settings");
    (road_of.user, road_of.password) = (Some("pen".into()), Some("ink".into()));
    let t = start(Settings { redis: Some(road_of), ..Settings::default() });
    for i in 0..20 {
        t.offer(request(i * 100, 100)).expect("room");
    }
    assert!(t.flush(SOON));
    let entries = server.entries(4);
    let mut sequences: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    let mut all = Vec::new();
    let producers: BTreeSet<String> = entries.iter().map(|e| e.name().0).collect();
    assert_eq!(producers.len(), 1);
    for e in &entries {
        let order = ["format", "producer", "sequence", "signal", "items", "encoding", "otlp"];
        assert_eq!(e.order, order);
        assert_eq!((e.text("format"), e.text("signal")), (road::ENTRY_FORMAT, "traces"));
        assert_eq!(e.text("encoding"), "gzip");
        let numbers = e.numbers();
        assert_eq!(e.text("items").parse(), Ok(numbers.len()));
        assert!(numbers.iter().all(|n| shard_of(*n, 4) == e.shard), "the shard of the trace");
        sequences.entry(e.shard).or_default().push(e.name().2);
        all.extend(numbers);
    }
    all.sort_unstable();
    assert_eq!(all, (0..2000).collect::<Vec<u64>>());
    assert_eq!(sequences.len(), 4);
    for (shard, s) in sequences {
        assert_eq!(s, (1..=s.len() as u64).collect::<Vec<u64>>(), "shard {shard}, without gaps");
    }
    assert!(t.stop(SOON));
    settled(&t.delivery());
    assert_eq!(t.delivery().delivered, 2000);
}

#[test]
fn a_full_redis_is_waited_for() {
    let Some(server) = Server::start(1, &["--maxmemory-policy", "noeviction"]) else { return };
    let t = start(Settings { redis: redis(server.port), ..Settings::default() });
    t.offer(request(0, 10)).expect("room");
    assert!(t.flush(SOON));
    let _: String = server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    for i in 1..30 {
        t.offer(request(i * 10, 10)).expect("room");
    }
    assert!(!t.flush(Duration::from_millis(300)), "it takes nothing");
    let d = t.delivery();
    assert_eq!((d.delivered, d.dropped(), d.on_the_way()), (10, 0, 290));
    let _: String = server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    assert!(t.flush(SOON), "{:?}", t.delivery());
    let entries = server.entries(1);
    let names: Vec<u64> = entries.iter().map(|e| e.name().2).collect();
    assert_eq!(names, (1..=30).collect::<Vec<u64>>(), "the same names, each once");
    assert_eq!(entries.iter().flat_map(|e| e.numbers()).count(), 300);
    assert!(t.stop(SOON));
    settled(&t.delivery());
}

#[test]
fn down_to_otlp_and_back_up_and_nothing_counts_twice() {
    let port = free_port();
    let Some(server) = Server::bare(port, &[]) else { return };
    server.meta(2);
    let collector = Collector::start(Mood::Well);
    let traces = http(collector.at);
    let t = start(Settings { redis: redis(port), traces, ..Settings::default() });
    for i in 0..10 {
        t.offer(request(i * 10, 10)).expect("room");
    }
    assert!(t.flush(SOON));
    let before = server.entries(2);
    assert!(collector.numbers().is_empty());
    // The Redis refuses, so its requests have their names already, and go on by OTLP under them.
    let _: String = server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    for i in 10..20 {
        t.offer(request(i * 10, 10)).expect("room");
    }
    assert!(t.flush(SOON));
    server.stop();
    for i in 20..30 {
        t.offer(request(i * 10, 10)).expect("room");
    }
    assert!(t.flush(SOON));
    assert_eq!(collector.numbers(), (100..300).collect::<Vec<u64>>());
    let named = collector.seen.lock().expect("sound").clone();
    let cut: Vec<_> = named.iter().filter(|r| r.name().1.is_some()).collect();
    assert!(!cut.is_empty(), "what was tried on the Redis keeps its shard and sequence");
    let mut names: BTreeSet<_> =
        before.iter().map(|e| (e.name().0, Some(e.name().1), e.name().2)).collect();
    let entries = names.len();
    names.extend(named.iter().map(|r| r.name()));
    assert_eq!(names.len(), entries + named.len(), "no name is used twice");
    let again = Server::bare(port, &[]).expect("as before");
    again.meta(2);
    let mut i = 30;
    until("back on the Redis", || {
        t.offer(request(i * 10, 10)).expect("room");
        i += 1;
        assert!(t.flush(SOON));
        !again.entries(2).is_empty()
    });
    assert!(t.stop(SOON));
    let d = t.delivery();
    settled(&d);
    assert_eq!((d.delivered, d.dropped()), (i * 10, 0));
}

#[test]
fn without_its_description_a_redis_is_not_used() {
    let Some(server) = Server::bare(free_port(), &[]) else { return };
    let t = start(Settings { redis: redis(server.port), ..Settings::default() });
    t.offer(request(0, 10)).expect("room");
    assert!(!t.flush(Duration::from_millis(200)));
    server.meta(1);
    assert!(t.flush(SOON));
    assert_eq!(server.entries(1).len(), 1);
    assert!(t.stop(SOON));
    settled(&t.delivery());
}

#[test]
fn replicas_are_waited_for() {
    let Some(server) = Server::start(1, &[]) else { return };
    let mut of = redis(server.port).expect("settings");
    (of.replicas, of.timeout) = (1, Duration::from_millis(400));
    let t = start(Settings { redis: Some(of), ..Settings::default() });
    t.offer(request(0, 10)).expect("room");
    assert!(!t.flush(Duration::from_millis(900)), "no replica has it");
    let to = ["--replicaof", "127.0.0.1", &server.port.to_string()].map(str::to_owned);
    let replica = Server::bare(free_port(), &to.each_ref().map(String::as_str)).expect("as before");
    until("the replica has it", || t.flush(Duration::from_secs(1)));
    let names: BTreeSet<u64> = replica.entries(1).iter().map(|e| e.name().2).collect();
    assert_eq!(names, BTreeSet::from([1]), "tried more than once, under one name");
    assert!(t.stop(SOON));
    settled(&t.delivery());
}
