//! Plain OTLP into collectors that write it into streams: what is acknowledged counts once, whoever is killed,
//! refuses, or sends again.

use super::*;
use longpole_proto::road::{HEADER_PRODUCER, HEADER_SEQUENCE, HEADER_SHARD, UNSHARDED};
use longpole_tests::addresses::lasting_address;
use longpole_tests::collector::wait_until;
use longpole_tests::http::call;
use longpole_tests::spans::request;
use longpole_tests::streams::Producer;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const PROTOBUF: (&str, &str) = ("Content-Type", "application/x-protobuf");

/// At an address that it takes again after a kill.
fn counting_all(redis: &Redis, http: &str) -> Collector {
    let url = redis.collector_url();
    Collector::start_at(http, &["--redis", &url, "--window", "1s", "--lateness", "1s"])
}

fn items(collector: &Collector, fate: &str) -> u64 {
    collector.sum(&format!("longpole_{fate}_items_total"), &[("signal", "spans")]) as u64
}

fn duplicates(collector: &Collector) -> u64 {
    collector.sum("longpole_duplicate_batches_total", &[]) as u64
}

/// Ends the senders, also where the test fails.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends requests of 24 spans, each again until it is acknowledged, by one collector or the other. Of every
/// eighth the acknowledgement is lost on its way.
fn load(at: [SocketAddr; 2], stop: &AtomicBool, acknowledged: &AtomicU64, again: &AtomicU64) {
    let mut turn = 0;
    while !stop.load(Ordering::Relaxed) {
        let body = request("shop", some(24));
        loop {
            turn += 1;
            let to = at[turn % 2];
            let told = call(to, "POST", "/v1/traces", &[PROTOBUF], &body);
            let heard = turn % 8 != 0;
            if told.is_ok_and(|answer| answer.status == 200) && heard {
                break;
            }
            again.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(20));
        }
        acknowledged.fetch_add(24, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn collectors_and_redis_killed_under_otlp_load_count_every_span_once() {
    let Some(mut redis) = server(&["--appendonly", "yes", "--appendfsync", "everysec"]) else {
        return;
    };
    let at = [lasting_address(), lasting_address()];
    let start = |redis: &Redis, n: usize| counting_all(redis, &at[n].to_string());
    let mut running = [start(&redis, 0), start(&redis, 1)];
    wait_until(SOON, "all streams are owned", || running.iter().map(owned).sum::<u64>() == 4);
    let (stop, acknowledged, again) = Default::default();
    let mut kills = (0, 0);
    std::thread::scope(|scope| {
        let _stops = Stops(&stop);
        for _ in 0..3 {
            scope.spawn(|| load(at, &stop, &acknowledged, &again));
        }
        let goes_on = |what: &str| {
            let before = acknowledged.load(Ordering::Relaxed);
            wait_until(SOON, what, || acknowledged.load(Ordering::Relaxed) > before + 500);
        };
        goes_on("senders are heard");
        for n in [0, 1, 0] {
            running[n].kill();
            running[n] = start(&redis, n);
            kills.0 += 1;
            goes_on("senders are heard after a collector's end");
            redis.kill();
            redis.restart();
            kills.1 += 1;
            goes_on("senders are heard after Redis's end");
        }
    });
    let all = acknowledged.into_inner();
    wait_until(SOON, "the one that leads has counted all", || {
        running.iter().any(|c| calls(c) == all)
    });
    let owner = running.iter().find(|c| calls(c) == all).expect("a leader");
    for _ in 0..10 {
        // And it stays so.
        assert_eq!(calls(owner), all);
        std::thread::sleep(Duration::from_millis(20));
    }
    owner.account("spans");
    assert!(items(owner, "duplicate") > 0, "what came again was known");
    let missed = |c: &Collector| {
        c.sum("longpole_awaited_sequences", &[]) + c.sum("longpole_missing_sequences_total", &[])
    };
    assert_eq!(
        running.iter().map(missed).sum::<f64>(),
        0.0,
        "no number of a collector that died is missed"
    );
    say(&format!(
        "plain OTLP through two collectors, {} kills of one, {} of Redis (AOF everysec): {all} spans \
         acknowledged, 0 lost, 0 twice; {} requests sent again, {} spans in streams more than once and known",
        kills.0,
        kills.1,
        again.into_inner(),
        items(owner, "duplicate"),
    ));
}

#[test]
fn a_request_of_which_a_part_is_refused_is_not_acknowledged_and_counts_once_when_it_comes_again() {
    let Some(redis) = server(&[]) else { return };
    let collector = counting_all(&redis, "127.0.0.1:0");
    wait_until(SOON, "the streams are owned", || owned(&collector) == 4);
    // One of the streams takes nothing.
    redis.ask::<()>(&["SET", "lp:{2}", "in the way"]);
    let body = request("shop", some(64));
    let post = || collector.post("/v1/traces", &[PROTOBUF], &body);
    let refused = post();
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.header("Retry-After"), Some("1"));
    assert!(refused.text().contains("WRONGTYPE"), "{}", refused.text());
    assert_eq!(collector.sum("longpole_overloaded_requests_total", &[("transport", "http")]), 1.0);
    let written: u64 =
        [0, 1, 3].map(|n| redis.ask::<u64>(&["XLEN", &format!("lp:{{{n}}}")])).iter().sum();
    assert!(written > 0, "the other parts are in their streams");
    redis.ask::<()>(&["DEL", "lp:{2}"]);
    wait_until(SOON, "it is taken", || post().status == 200);
    counted(&collector, 64);
    assert!(duplicates(&collector) >= written, "what had been written is known");
    wait_until(SOON, "no number is missed", || {
        collector.sum("longpole_awaited_sequences", &[]) == 0.0
    });
    collector.terminate();
}

#[test]
fn a_redis_that_is_full_or_gone_makes_senders_wait() {
    let Some(mut redis) = server(&["--appendonly", "yes"]) else { return };
    let collector = counting_all(&redis, "127.0.0.1:0");
    wait_until(SOON, "the streams are owned", || owned(&collector) == 4);
    let bodies: Vec<Vec<u8>> = (0..3).map(|_| request("shop", some(8))).collect();
    let post = |n: usize| collector.post("/v1/traces", &[PROTOBUF], &bodies[n]);
    assert_eq!(post(0).status, 200);
    redis.ask::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
    let full = post(1);
    assert_eq!((full.status, full.header("Retry-After")), (503, Some("1")), "{}", full.text());
    assert!(full.text().contains("maxmemory"), "{}", full.text());
    let ready = collector.get("/readyz");
    assert!(ready.status == 503 && ready.text().contains("maxmemory"), "{}", ready.text());
    // What is there is read and let go of all the same.
    let closed =
        || redis.hash("lp:{0}:position").get("closed").and_then(|at| at.parse::<u64>().ok());
    let then = closed();
    wait_until(SOON, "positions are written into a full Redis", || closed() > then);
    assert_eq!(collector.sum("longpole_redis_up", &[]), 1.0, "{:?}", collector.log());
    redis.ask::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
    wait_until(SOON, "it is taken when there is room", || post(1).status == 200);
    redis.kill();
    wait_until(SOON, "that Redis is gone is told", || post(2).status == 503);
    redis.restart();
    wait_until(SOON, "it is taken when Redis is back", || post(2).status == 200);
    counted(&collector, 24);
    wait_until(SOON, "no number is missed", || {
        collector.sum("longpole_awaited_sequences", &[]) == 0.0
    });
    collector.terminate();
}

#[test]
fn whoever_sends_again_by_whatever_door_counts_once() {
    let Some(redis) = server(&[]) else { return };
    let (first, second) =
        (counting_all(&redis, "127.0.0.1:0"), counting_all(&redis, "127.0.0.1:0"));
    let leads = |c: &Collector| c.sum("longpole_redis_leads", &[]) == 1.0;
    wait_until(SOON, "they share the streams", || {
        owned(&first) == 2 && owned(&second) == 2 && (leads(&first) || leads(&second))
    });
    let (owner, other) = if leads(&first) { (&first, &second) } else { (&second, &first) };
    let everywhere = |headers: &[(&str, &str)], body: &[u8]| {
        for collector in [&first, &second, &first] {
            let told = collector.post("/v1/traces", &[&[PROTOBUF], headers].concat(), body);
            assert_eq!((told.status, told.body.len()), (200, 0), "{}", told.text());
        }
    };
    // An SDK of others.
    everywhere(&[], &request("shop", some(40)));
    counted(owner, 40);
    wait_until(SOON, "its resends are known", || items(owner, "duplicate") == 80);
    // Ours, a batch that was not cut.
    let id = "a5".repeat(16);
    let uncut = [(HEADER_PRODUCER, id.as_str()), (HEADER_SEQUENCE, "1")];
    everywhere(&uncut, &request("shop", some(30)));
    counted(owner, 70);
    wait_until(SOON, "its resends are known", || items(owner, "duplicate") == 140);
    // Ours, cut for a stream and written there as well.
    let mut producer = Producer::new(&redis, 0x5a);
    let batch = producer.cut("shop", some(1)).remove(0);
    let own = "5a".repeat(16);
    let shard = batch.shard.to_string();
    let named = [(HEADER_PRODUCER, own.as_str()), (HEADER_SEQUENCE, "1"), (HEADER_SHARD, &shard)];
    let packed = batch.fields.last().map(|(_, otlp)| otlp.clone()).expect("a payload");
    producer.send(&redis, &[batch]);
    everywhere(&[&named[..], &[("Content-Encoding", "gzip")]].concat(), &packed);
    counted(owner, 71);
    wait_until(SOON, "its resends are known", || items(owner, "duplicate") == 143);
    // Cut for streams that are not there.
    let nowhere = [(HEADER_PRODUCER, own.as_str()), (HEADER_SEQUENCE, "9"), (HEADER_SHARD, "63")];
    everywhere(&nowhere, &request("shop", some(10)));
    counted(owner, 81);
    assert_ne!(UNSHARDED, 63);
    assert_eq!(owner.sum("longpole_awaited_sequences", &[]), 0.0, "nothing is missed");
    // What cannot be counted is said at the door, and the rest of its request counts.
    let mut spans = some(5);
    spans[2].trace_id.clear();
    let told = second.post("/v1/traces", &[PROTOBUF], &request("shop", spans));
    assert!(told.status == 200 && told.text().contains("trace"), "{}", told.text());
    counted(owner, 85);
    assert_eq!(items(owner, "rejected"), 1);
    let mut bad = some(1);
    bad[0].span_id.clear();
    assert_eq!(second.post("/v1/traces", &[PROTOBUF], &request("shop", bad)).status, 200);
    wait_until(SOON, "what its door refused is told by who leads", || {
        items(owner, "rejected") == 2
    });
    counted(owner, 85);
    assert_eq!(calls(other), 0, "who follows tells nothing");
    first.terminate();
    second.terminate();
}
