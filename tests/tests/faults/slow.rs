//! F10: a collector that gets one part in twenty of the time, behind a stream. Its memory holds, the lag shows, nothing is lost.

use crate::{Streams, say, signal, some};
use longpole_tests::collector::{Collector, wait_until};
use longpole_tests::streams::Producer;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[test]
fn a_slow_consumer_lags_and_loses_nothing() {
    let Some(Streams { redis, url }) = Streams::start(&[]) else { return };
    let cap = ["--memory", "256MiB", "--window", "1s", "--lateness", "1s", "--redis", &url];
    let collector = Collector::start(&cap);
    let mut producer = Producer::new(&redis, 8);
    let (over, pid) = (AtomicBool::new(false), collector.pid());
    let worst = std::thread::scope(|scope| {
        let seen = scope.spawn(|| {
            let mut worst = 0.0f64;
            while !over.load(Ordering::Relaxed) {
                worst = worst.max(collector.sum("longpole_stream_lag_seconds", &[("shard", "0")]));
            }
            worst
        });
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                signal(pid, "-STOP");
                std::thread::sleep(Duration::from_millis(1_900));
                signal(pid, "-CONT");
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(10) {
            producer.spans(&redis, some(1_000));
        }
        over.store(true, Ordering::Relaxed);
        seen.join().expect("scrapes are answered")
    });
    let ended = Instant::now();
    wait_until(Duration::from_secs(30), "all is counted", || {
        collector.account("spans") == producer.acknowledged
    });
    let gaps = collector.sum("longpole_missing_sequences_total", &[])
        + collector.sum("longpole_awaited_sequences", &[]);
    let peak = collector.peak_kib() >> 10;
    say(&format!(
        "F10: a collector with a twentieth of the time: {} spans, lag seen up to {worst:.1} s, 0 lost, {gaps} gaps; all \
         counted {:?} after it was let go; peak {peak} MiB (cap 256)",
        producer.acknowledged,
        ended.elapsed()
    ));
    assert!(gaps == 0.0 && peak <= 256 && worst > 0.5, "{gaps} {peak} {worst}");
    collector.terminate();
}
