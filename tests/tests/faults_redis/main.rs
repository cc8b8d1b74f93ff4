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
mod unfit;

use longpole_tests::collector::Collector;
use longpole_tests::spans::span;
use longpole_tests::streams::Redis;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(20);
const CALLS: &str = "traces_span_metrics_calls_total";
/// The rights that are shipped; all tests run under them.
const USERS: &str = include_str!("../../../deploy/redis/users.acl");

/// Past the harness, which keeps what a passing test prints.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}

fn server(settings: &[&str]) -> Option<Redis> {
    let redis = Redis::start(settings)?;
    rights(&redis);
    Some(redis)
}

fn rights(redis: &Redis) {
    for line in USERS.lines() {
        let words: Vec<&str> = line.split(' ').skip(1).collect();
        let mut ask = vec!["ACL", "SETUSER"];
        ask.extend(words);
        ask.push(">ink");
        redis.ask::<()>(&ask);
    }
}

fn collector(redis: &Redis) -> Collector {
    with(redis, &[])
}

fn with(redis: &Redis, more: &[&str]) -> Collector {
    let url = redis.url_of("longpole-collector", "ink");
    let mut arguments = vec!["--redis", &url, "--window", "1s", "--lateness", "1s"];
    arguments.extend(more);
    Collector::start(&arguments)
}

fn some(n: usize) -> Vec<Span> {
    (0..n).map(|i| span(&format!("op{}", i % 7))).collect()
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

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(sent.is_ok_and(|s| s.success()), "{name} was not sent");
}

/// Shards of a collector's streams that are its own.
fn owned(collector: &Collector) -> u64 {
    collector.sum("longpole_redis_streams_owned", &[]) as u64
}
