//! Faults of real processes: too much load, power, partitions, clocks, slow readers, targets that fail, formats of
//! other versions, disks. Each prints its figure beside its goal. Faults of the journal and of streams under
//! crashes are in `faults_journal` and `faults_redis`.

mod disk;
mod formats;
mod overload;
mod partition;
mod power;
mod servers;
mod slow;
mod webhooks;

use longpole_tests::spans::span;
use longpole_tests::streams::Redis;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::io::Write;
use std::process::Command;
use std::time::Duration;

/// The rights that are shipped.
const USERS: &str = include_str!("../../../deploy/redis/users.acl");

/// A figure: captured output is not seen, this is.
fn say(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Seconds of a fault's longest part: short in every check, as the goal says with `LONGPOLE_LONG=1`.
fn seconds(short: u64, long: u64) -> Duration {
    let is_long = std::env::var("LONGPOLE_LONG").as_deref() == Ok("1");
    Duration::from_secs(if is_long { long } else { short })
}

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(sent.is_ok_and(|s| s.success()), "{name} was not sent");
}

fn some(n: usize) -> Vec<Span> {
    (0..n).map(|i| span(&format!("op{}", i % 7))).collect()
}

/// A Redis with the rights that are shipped, and its address for a collector.
struct Streams {
    redis: Redis,
    url: String,
}

impl Streams {
    fn start(settings: &[&str]) -> Option<Self> {
        let redis = Redis::start(settings)?;
        Self::rights(&redis);
        let url = redis.url_of("longpole-collector", "ink");
        Some(Self { redis, url })
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
}
