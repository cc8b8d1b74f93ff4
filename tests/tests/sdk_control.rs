//! The closed loop: a collector asks a running program to record none of an operation's traces for a while, the program
//! follows, says so, and goes back by itself. Who has not allowed it is asked nothing.

use longpole_sdk::{span, stats};
use longpole_tests::collector::{Collector, wait_until};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(20);

/// Spans that are recorded of a hundred.
fn recorded() -> u64 {
    let before = stats().created;
    (0..100).for_each(|_| drop(span!("job")));
    stats().created - before
}

fn ask(collector: &Collector, service: &str) -> (u16, serde_json::Value) {
    let wish = serde_json::json!({
        "service": service, "operation": "job", "share": 0.0, "seconds": 3,
    });
    collector.order(&wish)
}

#[test]
fn sampling_follows_an_order_and_goes_back() {
    let collector = Collector::start(&["--window", "1s", "--lateness", "1s"]);
    let guard = longpole_sdk::Builder::new("loop")
        .endpoint(&format!("http://{}", collector.http))
        .schedule_delay(Duration::from_millis(20))
        .controllable(true)
        .quiet(true)
        .init()
        .expect("starts");
    assert_eq!(recorded(), 100);
    assert!(guard.flush(SOON));
    let (status, problem) = ask(&collector, "somebody else");
    assert_eq!(status, 409, "{problem}");
    wait_until(SOON, "the process is known as one that takes orders", || {
        let table = collector.table("/api/v1/control");
        table["takers"]["loop"].as_array().is_some_and(|a| a.len() == 1)
    });
    let (status, order) = ask(&collector, "loop");
    assert_eq!(status, 201, "{order}");
    let began = Instant::now();
    wait_until(SOON, "the order is followed, and that is said", || {
        let all = recorded();
        guard.flush(SOON);
        let table = collector.table("/api/v1/control");
        let outcomes = table["orders"][0]["instances"].as_object().cloned().unwrap_or_default();
        all == 0 && outcomes.values().all(|o| o == "followed") && outcomes.len() == 1
    });
    wait_until(SOON, "everything is as it was", || recorded() == 100);
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(guard.shutdown(SOON));
    let s = stats();
    assert_eq!((s.created, s.queued), (s.sent, 0), "{s:?}");
    collector.terminate();
}
