//! The closed loop where a program writes into Redis alone: what either of two collectors is told to ask of it arrives
//! by a stream, and so does the profile; under the least rights that are shipped.

use longpole_sdk::{span, stats};
use longpole_tests::collector::{Collector, wait_until};
use longpole_tests::streams::Redis;
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);
/// Names are looked up in the debug information of a large test binary.
const LATER: Duration = Duration::from_secs(120);

/// Spans that are recorded of a hundred.
fn recorded() -> u64 {
    let before = stats().created;
    (0..100).for_each(|_| drop(span!("job")));
    stats().created - before
}

fn collector(redis: &Redis) -> Collector {
    Collector::start(&["--redis", &redis.collector_url(), "--window", "1s", "--lateness", "1s"])
}

fn takers(collector: &Collector) -> usize {
    let table = collector.table("/api/v1/control");
    table["profilable"]["loop"].as_array().map_or(0, Vec::len)
}

/// What the one process said to the first order.
fn outcome(collector: &Collector) -> Value {
    let table = collector.table("/api/v1/control");
    let all = table["orders"][0]["instances"].as_object().cloned().unwrap_or_default();
    all.values().next().cloned().unwrap_or_default()
}

#[test]
fn orders_and_profiles_go_by_redis() {
    let Some(redis) = Redis::guarded(&[]) else { return };
    let collectors = [collector(&redis), collector(&redis)];
    let guard = longpole_sdk::Builder::new("loop")
        .redis(&redis.producer_url())
        .schedule_delay(Duration::from_millis(20))
        .env(|name| (name == "LONGPOLE_CONTROL").then(|| "sampling,profile".to_owned()))
        .quiet(true)
        .init()
        .expect("starts");
    for collector in &collectors {
        wait_until(SOON, "the process is known as one that takes orders", || {
            takers(collector) == 1
        });
    }
    // Whichever reads the spans: both are asked.
    let rare = json!({"service": "loop", "operation": "job", "share": 0.0, "seconds": 5});
    assert_eq!(collectors[0].order(&rare).0, 201);
    wait_until(SOON, "the order is followed", || recorded() == 0);
    wait_until(SOON, "and that is said", || outcome(&collectors[0]) == "followed");
    wait_until(SOON, "everything is as it was", || recorded() == 100);

    let profile = json!({"kind": "profile", "service": "loop", "seconds": 1, "rate": 199});
    let (status, order) = collectors[1].order(&profile);
    assert_eq!(status, 201, "{order}");
    wait_until(LATER, "the profile comes", || {
        // Something to be seen.
        recorded();
        outcome(&collectors[1])["profile"] == 1
    });
    let listed = collectors[1].table("/api/v1/profiles");
    assert_eq!(listed["profiles"][0]["order"], order["id"]);
    let other = collectors[0].table("/api/v1/profiles");
    assert_eq!((&other["count"]["taken"], &other["count"]["refused"]), (&json!(0), &json!(0)));
    let table = collectors[0].table("/api/v1/control");
    assert_eq!(
        table["orders"].as_array().map(Vec::len),
        Some(1),
        "the other's order is not its own"
    );
    assert!(guard.shutdown(SOON));
    let s = stats();
    assert_eq!((s.created, s.queued), (s.sent, 0), "{s:?}");
}
