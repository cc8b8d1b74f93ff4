//! Faults of real processes: too much load, power, partitions, clocks, slow readers, targets that fail, formats of
//! other versions, disks. Each prints its figure beside its goal. Faults of the journal and of streams under
//! crashes are in `faults_journal` and `faults_redis`.

mod clock;
mod disk;
mod formats;
mod overload;
mod partition;
mod power;
mod servers;
mod slow;
mod soak;
mod webhooks;

use longpole_tests::figures::say;
use longpole_tests::process::signal;
use longpole_tests::spans::some;
use longpole_tests::streams::Redis;
use std::time::Duration;

/// Seconds of a fault's longest part: short in every check, as the goal says with `LONGPOLE_LONG=1`.
fn seconds(short: u64, long: u64) -> Duration {
    let is_long = std::env::var("LONGPOLE_LONG").as_deref() == Ok("1");
    Duration::from_secs(if is_long { long } else { short })
}

/// A Redis with the rights that are shipped, and its address for a collector.
struct Streams {
    redis: Redis,
    url: String,
}

impl Streams {
    fn start(settings: &[&str]) -> Option<Self> {
        let redis = Redis::guarded(settings)?;
        let url = redis.collector_url();
        Some(Self { redis, url })
    }
}
