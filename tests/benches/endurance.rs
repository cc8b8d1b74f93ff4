//! A program under the SDK that records a million spans a second, while its collector is killed and started again:
//! what a call costs the host meanwhile, what memory the host takes, and whether every span is accounted for.
//!
//! `cargo bench -p longpole-tests --bench endurance [-- SECONDS [RATE]]` (60 seconds, 1,000,000 a second; needs
//! `cargo build --release --bin longpole`). Calls are timed by the wall, so the scheduler's share is in the
//! figures; the empty line beside them is a call of nothing, timed alike.

use hdrhistogram::Histogram;
use longpole_sdk::{DropReason, Stats, span, stats};
use longpole_tests::collector::{Collector, wait_until};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Spans of a trace, its root included.
const TRACE: u64 = 11;
/// One trace of so many has its calls timed.
const TIMED: u64 = 7;

fn main() {
    let numbers: Vec<u64> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let seconds = numbers.first().copied().unwrap_or(60).max(3);
    let rate = numbers.get(1).copied().unwrap_or(1_000_000).max(1_000);
    let collector = Collector::start(&[]);
    let at = collector.http;
    let guard = longpole_sdk::Builder::new("endurance")
        .endpoint(&format!("http://{at}"))
        .schedule_delay(Duration::from_millis(200))
        .quiet(true)
        .init()
        .expect("starts");
    println!(
        "{rate} spans a second, {seconds} s: a third with a collector, a third without, a third with a new one\n\
         {:<12} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "phase", "spans/s", "p50 ns", "p99 ns", "p99.9 ns", "RSS MiB", "sent", "dropped"
    );
    let third = Duration::from_secs_f64(seconds as f64 / 3.0);
    phase("empty", third / 10, rate, |_| {
        black_box(());
    });
    phase("alive", third, rate, child);
    // Killed by its Drop, not asked.
    drop(collector);
    phase("dead", third, rate, child);
    let again = Collector::start_at(&at.to_string(), &[]);
    phase("alive again", third, rate, child);
    let flushed = guard.flush(Duration::from_secs(20));
    let last = stats();
    println!("flushed within 20 s: {flushed}; at the end {}", told(&last));
    wait_until(Duration::from_secs(20), "the new collector has counted", || {
        again.account("spans") > 0
    });
    println!(
        "the new collector received {} spans, and its own account is even",
        again.account("spans")
    );
    let shut = guard.shutdown(Duration::from_secs(5));
    let s = stats();
    let explained = s.sent + s.dropped() + s.on_disk + s.queued;
    println!(
        "shut down within 5 s: {shut}; created {} = {explained} explained: {}",
        s.created,
        if s.created == explained && s.queued == 0 { "exactly" } else { "NOT EXACT" }
    );
}

fn told(s: &Stats) -> String {
    let reasons = DropReason::ALL.into_iter().filter(|r| s.dropped_for(*r) > 0);
    let reasons: Vec<String> =
        reasons.map(|r| format!("{} {}", r.name(), s.dropped_for(r))).collect();
    format!("created {}, sent {}, dropped: {}", s.created, s.sent, reasons.join(", "))
}

#[inline(never)]
fn child(number: u64) {
    let _child = span!("step", number = number, stage = "warm");
}

/// Calls at the rate, in traces, a millisecond's worth at a time; prints what they cost.
fn phase(name: &str, time: Duration, rate: u64, call: fn(u64)) {
    let before = stats();
    let mut seen = Histogram::<u64>::new_with_max(1_000_000_000, 3).expect("bounds");
    let began = Instant::now();
    let mut spans = 0;
    while began.elapsed() < time {
        let due = (began.elapsed().as_secs_f64() * rate as f64) as u64;
        if spans >= due {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        }
        let _root = (name != "empty").then(|| span!("trace"));
        for number in 1..TRACE {
            if (spans / TRACE).is_multiple_of(TIMED) {
                let at = Instant::now();
                call(number);
                seen.saturating_record(u64::try_from(at.elapsed().as_nanos()).unwrap_or(u64::MAX));
            } else {
                call(number);
            }
        }
        spans += TRACE;
    }
    let reached = spans as f64 / began.elapsed().as_secs_f64();
    let after = stats();
    println!(
        "{name:<12} {reached:>10.0} {:>9} {:>9} {:>9} {:>9.1} {:>9} {:>9}",
        seen.value_at_quantile(0.5),
        seen.value_at_quantile(0.99),
        seen.value_at_quantile(0.999),
        resident(),
        after.sent - before.sent,
        after.dropped() - before.dropped(),
    );
}

/// Resident memory of this process, MiB.
fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kib = line.and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}
