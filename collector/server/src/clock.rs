//! The process's clock: wall time, anchored once and carried on by the monotonic clock.
//!
//! The only place that asks the system for the time of arrivals.

use longpole_model::signal::Timestamp;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A clock that never goes back, whatever is done to the system's.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    anchor: u64,
    start: Instant,
    times: u64,
}

impl WallClock {
    /// Anchors at the system's wall time.
    pub fn start() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::made_up(Timestamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)), 1)
    }

    /// Takes it to be `now` at the moment, and time to pass so many times as fast: for load whose time
    /// is made up.
    pub fn made_up(now: Timestamp, times: u64) -> Self {
        Self { anchor: now.0, start: Instant::now(), times }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        let passed = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Timestamp(self.anchor.saturating_add(passed.saturating_mul(self.times)))
    }
}
