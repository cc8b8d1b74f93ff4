//! The outbox's clock: one anchor on the wall, monotonic from there.
//!
//! Waiting and giving up follow it, so that a clock set back neither repeats nor loses a day.

use longpole_model::signal::Timestamp;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Reads the time for the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    wall: Timestamp,
    since: Instant,
}

impl Clock {
    /// Anchors the clock now.
    pub(super) fn start() -> Self {
        Self { wall: Timestamp(nanos(since_epoch())), since: Instant::now() }
    }

    /// Time by the anchor.
    pub(super) fn now(&self) -> Timestamp {
        self.wall.plus(nanos(self.since.elapsed()))
    }
}

/// Seconds since the epoch by the wall: what a receiver compares with its own clock.
pub(super) fn unix_seconds() -> u64 {
    since_epoch().as_secs()
}

/// A duration in nanoseconds, saturating after 584 years.
pub(super) fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
