//! OTLP's answers, the spill, and the account of it all.

use super::collector::{Collector, Mood};
use super::server::free_port;
use super::*;
use crate::DropReason;

fn dead() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

#[test]
fn http_answers_mean_what_the_protocol_says() {
    let collector = Collector::start(Mood::Busy(Some(0)));
    let mut to = http(collector.at).expect("an endpoint");
    to.headers = vec![("authorization".into(), "Bearer t".into())];
    to.gzip = true;
    let t = start(Settings { traces: Some(to), ..Settings::default() });
    t.offer(request(0, 10)).expect("room");
    until("it was tried", || t.delivery().retries > 0);
    collector.mood(Mood::Well);
    assert!(t.flush(SOON));
    collector.mood(Mood::Partial(3));
    t.offer(request(10, 10)).expect("room");
    assert!(t.flush(SOON));
    collector.mood(Mood::Refusing);
    t.offer(request(20, 10)).expect("room");
    assert!(t.flush(SOON));
    collector.mood(Mood::Flooding);
    t.offer(request(30, 10)).expect("room");
    assert!(t.flush(SOON), "an answer of 8 MiB is not read");
    let seen = collector.seen.lock().expect("sound").clone();
    assert_eq!(seen[0].headers["authorization"], "Bearer t");
    let agent = seen[0].headers["user-agent"].to_str().expect("text").to_owned();
    assert!(agent.starts_with("longpole-sdk/") && agent.contains("OTel-OTLP-Exporter-Rust/"));
    let names: Vec<u64> = seen.iter().map(|r| r.name().2).collect();
    assert_eq!(names, [1, 2, 4], "one name a request; the third was refused");
    assert!(t.stop(SOON));
    let d = t.delivery();
    settled(&d);
    assert_eq!((d.delivered, d.dropped()), (27, 13));
    assert_eq!(d.dropped_for(DropReason::Rejected), 3);
    assert_eq!(d.dropped_for(DropReason::Refused), 10);
}

#[test]
fn grpc_answers_mean_what_the_protocol_says() {
    let collector = Collector::start(Mood::Busy(None));
    let mut to = http(collector.at).expect("an endpoint");
    (to.url, to.protocol) = (format!("http://{}", collector.at), Protocol::Grpc);
    let t = start(Settings { traces: Some(to), ..Settings::default() });
    t.offer(request(0, 10)).expect("room");
    until("it was tried", || t.delivery().retries > 0);
    collector.mood(Mood::Partial(4));
    assert!(t.flush(SOON));
    collector.mood(Mood::Refusing);
    t.offer(request(10, 10)).expect("room");
    assert!(t.stop(SOON));
    let d = t.delivery();
    settled(&d);
    assert_eq!((d.delivered, d.dropped_for(DropReason::Rejected)), (6, 4));
    assert_eq!(d.dropped_for(DropReason::Refused), 10);
}

#[test]
fn a_pause_that_was_asked_for_is_kept() {
    let collector = Collector::start(Mood::Busy(Some(2)));
    let t = start(Settings { traces: http(collector.at), ..Settings::default() });
    let began = Instant::now();
    t.offer(request(0, 10)).expect("room");
    until("it was tried", || t.delivery().retries > 0);
    collector.mood(Mood::Well);
    assert!(t.flush(SOON), "a flush does not shorten it");
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(t.delivery().retries, 1);
}

#[test]
fn what_no_road_takes_waits_on_disk_for_the_next_process() {
    let root = tempfile::tempdir().expect("a folder");
    let at = dead();
    let t = with_disk(at, root.path());
    for i in 0..100 {
        t.offer(request(i * 10, 10)).expect("room");
    }
    assert!(t.stop(SOON), "all is on disk");
    let d = t.delivery();
    settled(&d);
    assert_eq!((d.on_disk, d.delivered, d.dropped()), (1000, 0, 0));
    bury(root.path());
    let collector = Collector::start(Mood::Well);
    let t = with_disk(collector.at, root.path());
    until("all is delivered", || t.delivery().delivered == 1000);
    assert_eq!(collector.numbers(), (0..1000).collect::<Vec<u64>>());
    let names: Vec<u64> =
        collector.seen.lock().expect("sound").iter().map(|r| r.name().2).collect();
    assert_eq!(names, (1..=100).collect::<Vec<u64>>(), "oldest first, under their first names");
    assert!(t.stop(SOON));
    settled(&t.delivery());
    assert_eq!(t.delivery().recovered, 1000);
    let left = std::fs::read_dir(root.path()).expect("there").count();
    assert_eq!(left, 0, "nothing is left on disk");
}

/// By OTLP, else on disk.
fn with_disk(at: SocketAddr, root: &Path) -> Transport {
    start(Settings { traces: http(at), spill: spill(root, 64 << 20), ..Settings::default() })
}

/// The folder of this process becomes that of one that is gone.
fn bury(root: &Path) {
    for (n, entry) in std::fs::read_dir(root).expect("there").flatten().enumerate() {
        let to = root.join(format!("4194399-1-{n}"));
        std::fs::rename(entry.path(), to).expect("renamed");
    }
}

#[test]
fn a_collector_that_comes_back_gets_what_lies_on_disk() {
    let root = tempfile::tempdir().expect("a folder");
    let at = dead();
    let t = with_disk(at, root.path());
    for i in 0..50 {
        t.offer(request(i * 10, 10)).expect("room");
    }
    // The second failure puts it on disk.
    until("it is on disk", || t.flush(Duration::from_millis(100)) && t.delivery().on_disk == 500);
    let collector = Collector::on(std::net::TcpListener::bind(at).expect("the port"), Mood::Well);
    for i in 50..60 {
        t.offer(request(i * 10, 10)).expect("room");
    }
    until("all is delivered", || {
        t.flush(Duration::from_millis(100));
        t.delivery().delivered == 600
    });
    assert_eq!(collector.numbers(), (0..600).collect::<Vec<u64>>());
    assert!(t.stop(SOON));
    settled(&t.delivery());
}

#[test]
fn a_full_disk_is_a_counted_drop() {
    let root = tempfile::tempdir().expect("a folder");
    let t = start(Settings {
        traces: http(dead()),
        spill: spill(root.path(), 4_000),
        ..Settings::default()
    });
    for i in 0..200 {
        t.offer(request(i * 10, 10)).expect("room");
    }
    assert!(t.stop(SOON));
    let d = t.delivery();
    settled(&d);
    assert_eq!(d.delivered, 0);
    assert!(d.on_disk >= 50 && d.on_disk.is_multiple_of(10), "{d:?}");
    assert_eq!(d.dropped_for(DropReason::SpillFull), 2000 - d.on_disk);
}

#[test]
fn memory_is_bounded_and_says_so_at_once() {
    let t = Transport::start(Settings {
        traces: http(dead()),
        memory: 20_000,
        quiet: true,
        ..Settings::default()
    });
    let t = t.expect("a thread");
    let mut taken = 0;
    while t.offer(request(taken * 10, 10)).is_ok() {
        taken += 1;
    }
    assert!((10..40).contains(&taken), "{taken}");
    assert!(t.stop(Duration::from_secs(5)));
    let d = t.delivery();
    settled(&d);
    assert_eq!((d.offered, d.dropped_for(DropReason::Shutdown)), (taken * 10, taken * 10));
}

#[test]
fn a_folder_that_cannot_be_used_costs_the_program_nothing() {
    let root = tempfile::tempdir().expect("a folder");
    let file = root.path().join("file");
    std::fs::write(&file, "in the way").expect("written");
    let collector = Collector::start(Mood::Well);
    let t = start(Settings {
        traces: http(collector.at),
        spill: spill(&file, 4_000),
        ..Settings::default()
    });
    t.offer(request(0, 10)).expect("room");
    assert!(t.stop(SOON));
    assert_eq!(t.delivery().delivered, 10);
}
