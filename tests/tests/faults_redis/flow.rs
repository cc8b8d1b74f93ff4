//! The plain road: written by producers, counted, seen, and how long that takes.

use super::*;
use longpole_tests::collector::wait_until;
use longpole_tests::exposition::sum;
use longpole_tests::spans;
use longpole_tests::streams::Producer;

#[test]
fn what_producers_write_is_counted_and_visible() {
    let Some(redis) = server(&[]) else { return };
    let collector = collector(&redis);
    let mut producer = Producer::new(&redis, 1);
    let mut waits = Vec::new();
    for round in 1..=40u64 {
        let ended = Instant::now();
        producer.spans(&redis, some(64));
        while calls(&collector) < 64 * round {
            assert!(ended.elapsed() < SOON, "{:?}", collector.log());
        }
        waits.push(ended.elapsed());
    }
    waits.sort_unstable();
    say(&format!(
        "end of a span to its count in /metrics: p50 {:?}, p99 {:?} (a scrape is shared for 100 ms)",
        waits[20], waits[39]
    ));
    counted(&collector, producer.acknowledged);
    let text = collector.metrics();
    assert_eq!(sum(&text, "longpole_spans_received_total", &[("transport", "redis")]), 2_560.0);
    assert_eq!(sum(&text, "longpole_stream_lag_seconds", &[]), 0.0, "nothing waits");
    assert_eq!(sum(&text, "longpole_redis_streams_owned", &[]), 4.0);
    assert_eq!(sum(&text, "longpole_missing_sequences_total", &[]), 0.0);
    // Spans by OTLP beside them.
    assert_eq!(
        collector
            .post("/v1/traces", &[("Content-Type", "application/x-protobuf")], &spans::good(5))
            .status,
        200
    );
    counted(&collector, producer.acknowledged + 5);
    wait_until(SOON, "windows close in the streams' time", || {
        let rows = collector.table("/api/v1/red")["red"].as_array().cloned().unwrap_or_default();
        rows.iter().filter_map(|r| r["spans"].as_u64()).sum::<u64>() == producer.acknowledged + 5
    });
    let streams = collector.table("/api/v1/streams");
    assert_eq!(streams["redis"]["streams"].as_array().map(Vec::len), Some(4), "{streams}");
    assert!(
        streams["redis"]["nodes"][0]["version"].as_str().is_some_and(|v| !v.is_empty()),
        "{streams}"
    );
    assert!(!streams.to_string().contains("ink") && !collector.log().concat().contains("ink"));
    collector.terminate();
    let position = redis.hash("lp:{0}:position");
    assert!(position.contains_key("read") && position.contains_key("closed"), "{position:?}");
    let owner: Option<String> = redis.ask(&["GET", "lp:{0}:owner"]);
    assert_eq!(owner, None, "an orderly end gives the streams up");
}

/// Prints what a span costs Redis, written and read, and how many go through (no release build: read
/// the ratio of the two sizes).
#[test]
fn figures_of_the_road() {
    let Some(redis) = server(&[]) else { return };
    let collector = collector(&redis);
    let mut producer = Producer::new(&redis, 11);
    let mut want = 0;
    for each in [64, 512] {
        let batches: Vec<_> =
            (0..65_536 / (4 * each)).flat_map(|_| producer.cut("shop", some(4 * each))).collect();
        let spans: u64 = batches.iter().map(|b| b.spans).sum();
        let (cpu, began) = (redis.cpu_seconds(), Instant::now());
        for pipeline in batches.chunks(16) {
            producer.send(&redis, pipeline);
        }
        let written = began.elapsed();
        want += spans;
        counted(&collector, want);
        let (took, used) = (began.elapsed(), redis.cpu_seconds() - cpu);
        say(&format!(
            "{each} spans an entry: {spans} spans in {} entries, written in {written:?}, all counted \
             after {took:?} ({:.0} spans a second); Redis {:.2} us of CPU a span, written, read and held",
            batches.len(),
            spans as f64 / took.as_secs_f64(),
            used * 1e6 / spans as f64
        ));
    }
    collector.terminate();
}
