//! F6: a bad network between a program under the SDK, Redis and the collector: slow, cut, half-open, dripping, one way.
//! Nothing is lost within the SDK's buffer, nothing counted twice, and the program's calls do not wait.

use crate::{Streams, say};
use longpole_sdk::{span, stats};
use longpole_tests::collector::{Collector, wait_until};
use longpole_tests::proxy::{Manner, Proxy};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(30);

/// Records spans for a while, timing each; the times, sorted.
fn work(long: Duration) -> Vec<Duration> {
    let (began, mut times) = (Instant::now(), Vec::new());
    while began.elapsed() < long {
        for number in 0..20u64 {
            let at = Instant::now();
            drop(span!(kind: Server, "job", number = number));
            times.push(at.elapsed());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    times.sort_unstable();
    times
}

fn p99(times: &[Duration]) -> Duration {
    times[times.len() * 99 / 100]
}

#[test]
fn bad_networks_lose_nothing_and_hold_nobody_up() {
    let Some(Streams { redis, url }) = Streams::start(&[]) else { return };
    let collector = Collector::start(&["--redis", &url, "--window", "1s", "--lateness", "1s"]);
    wait_until(SOON, "the streams are there", || {
        collector.sum("longpole_redis_streams_owned", &[]) > 0.0
    });
    let (to_redis, to_otlp) = (Proxy::start(redis.at()), Proxy::start(collector.http));
    let guard = longpole_sdk::Builder::new("worker")
        .redis(&format!("redis://longpole-producer:ink@{}", to_redis.at()))
        .endpoint(&format!("http://{}", to_otlp.at()))
        .schedule_delay(Duration::from_millis(20))
        .timeout(Duration::from_secs(1))
        .quiet(true)
        .init()
        .expect("starts");
    let usual = p99(&work(Duration::from_secs(1)));
    let mut told = Vec::new();
    let manners = [
        Manner::Delay(Duration::from_millis(100)),
        Manner::Cut,
        Manner::HalfOpen,
        Manner::OneWay,
        Manner::Drip,
    ];
    for manner in manners {
        to_redis.set(manner);
        // Half of the time OTLP is as bad.
        let alone = p99(&work(Duration::from_millis(1_500)));
        to_otlp.set(manner);
        let both = p99(&work(Duration::from_millis(1_500)));
        to_redis.set(Manner::Pass);
        to_otlp.set(Manner::Pass);
        told.push(format!("{manner:?} {:?}", alone.max(both).saturating_sub(usual)));
    }
    wait_until(SOON, "nothing is on its way", || {
        guard.flush(Duration::from_secs(1));
        stats().queued == 0
    });
    let s = stats();
    let calls = || collector.sum("traces_span_metrics_calls_total", &[]) as u64;
    wait_until(SOON, "all is counted", || calls() == s.created);
    collector.account("spans");
    say(&format!(
        "F6: {} spans over bad networks, {} dropped, {} counted, {} batches came twice and were known (goal: 0 \
         lost); p99 of a span {usual:?}, more by (goal 10 us): {}",
        s.created,
        s.dropped(),
        calls(),
        collector.sum("longpole_duplicate_batches_total", &[]),
        told.join(", ")
    ));
    assert_eq!((s.dropped(), s.sent), (0, s.created), "{s:?}");
    assert!(guard.shutdown(SOON));
    collector.terminate();
}
