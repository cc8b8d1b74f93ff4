//! Streams in a real Redis under faults: whatever is killed, stopped, poisoned or sent twice, every
//! acknowledged span is counted once or named. Each test prints its figure.

mod batches;
mod doors;
mod flow;
mod kills;
mod owners;
mod poison;
mod replicas;
mod sdk;
mod shared;
mod unfit;

use longpole_tests::collector::Collector;
use longpole_tests::figures::say;
use longpole_tests::process::signal;
use longpole_tests::spans::some;
use longpole_tests::streams::Redis;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(20);
const CALLS: &str = "traces_span_metrics_calls_total";
/// All tests run under the rights that are shipped.
fn server(settings: &[&str]) -> Option<Redis> {
    Redis::guarded(settings)
}

fn collector(redis: &Redis) -> Collector {
    with(redis, &[])
}

fn with(redis: &Redis, more: &[&str]) -> Collector {
    let url = redis.collector_url();
    let mut arguments = vec!["--redis", &url, "--window", "1s", "--lateness", "1s"];
    arguments.extend(more);
    Collector::start(&arguments)
}

fn calls(collector: &Collector) -> u64 {
    collector.sum(CALLS, &[]) as u64
}

fn counted(collector: &Collector, want: u64) {
    let mut last = 0;
    let began = Instant::now();
    while last != want {
        assert!(began.elapsed() < SOON, "{last} of {want} counted: {:?}", collector.log());
        std::thread::sleep(Duration::from_millis(20));
        last = calls(collector);
    }
    collector.account("spans");
}

/// Shards of a collector's streams that are its own.
fn owned(collector: &Collector) -> u64 {
    collector.sum("longpole_redis_streams_owned", &[]) as u64
}
