//! What strangers may send to a live collector: each bad input gets its status, grows its counter,
//! and good data is answered within a second afterwards.
//!
//! One file for each way to be bad; what they share is here. The decoders' own cases, through the
//! replay door, are in `bad_input.rs`.

mod amplification;
mod payloads;
mod points;
mod protocol;
mod scrape;
mod slow;
mod texts;
mod web;

use longpole_lab::live::Machine;
use longpole_tests::collector::{Collector, wait_until};
use longpole_tests::h2c::{self, Reply, TRACES, code};
use longpole_tests::http::Answer;
use longpole_tests::spans::good;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

const PROTOBUF: (&str, &str) = ("Content-Type", "application/x-protobuf");
const JSON: (&str, &str) = ("Content-Type", "application/json");
const GZIP: (&str, &str) = ("Content-Encoding", "gzip");

fn collector() -> Collector {
    Collector::start(&["--window", "1s", "--lateness", "1s"])
}

/// Spans over HTTP/protobuf.
fn post(c: &Collector, body: &[u8]) -> Answer {
    c.post("/v1/traces", &[PROTOBUF], body)
}

/// Spans over gRPC.
fn call(c: &Collector, message: &[u8]) -> Reply {
    h2c::call(c.grpc, TRACES, message).unwrap_or_else(|e| panic!("gRPC: {e}"))
}

/// Both doors, the page and readiness answer within a second for which the machine gave a processor, whatever came
/// before `after`.
fn lives(c: &Collector, after: &str) {
    static MACHINE: LazyLock<Machine> = LazyLock::new(|| Machine::watch().expect("a thread"));
    let timed = |what: &str, work: &dyn Fn() -> bool| {
        let (began, late) = (Instant::now(), MACHINE.late());
        assert!(work(), "{what} after {after}");
        let took = began.elapsed();
        if took >= Duration::from_secs(1) {
            // What was taken away is known once it is over.
            std::thread::sleep(Duration::from_millis(100));
            let late = MACHINE.late() - late;
            let own = took.saturating_sub(late);
            assert!(own < Duration::from_secs(1), "{what} took {took:?}, late {late:?}: {after}");
        }
    };
    timed("HTTP", &|| post(c, &good(1)).status == 200);
    timed("gRPC", &|| call(c, &good(1)).code == Some(code::OK));
    timed("readiness", &|| c.is_ready());
}

/// Does something and waits until a counter has grown by just that much.
fn grows<T>(
    c: &Collector,
    metric: &str,
    labels: &[(&str, &str)],
    by: f64,
    work: impl FnOnce() -> T,
) -> T {
    let before = c.sum(metric, labels);
    let out = work();
    let mut after = before;
    let began = Instant::now();
    // Totals are up to a tenth of a second old.
    while after != before + by && began.elapsed() < Duration::from_secs(2) {
        std::thread::sleep(Duration::from_millis(20));
        after = c.sum(metric, labels);
    }
    assert_eq!(after - before, by, "{metric} {labels:?}");
    out
}

/// A request that is refused as a whole counts under its reason.
fn refused<T>(c: &Collector, transport: &str, reason: &str, work: impl FnOnce() -> T) -> T {
    let labels = [("transport", transport), ("reason", reason)];
    grows(c, "longpole_rejected_requests_total", &labels, 1.0, work)
}

/// Nothing is unexplained at the end.
fn even(c: Collector) {
    wait_until(Duration::from_secs(5), "the queue is empty", || {
        c.sum("longpole_queue_bytes", &[]) == 0.0
    });
    let _ = (c.account("spans"), c.account("points"));
    c.terminate();
}
