//! The process's clock: wall time, anchored once and carried on by the monotonic clock.
//!
//! The only place that asks the system for the time of arrivals.

use longpole_model::signal::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A clock that never goes back, whatever is done to the system's.
#[derive(Clone, Copy, Debug)]
pub struct WallClock(Source);

#[derive(Clone, Copy, Debug)]
enum Source {
    /// Wall time at a start, and the monotonic clock since.
    Anchored {
        anchor: u64,
        start: Instant,
    },
    Told(&'static AtomicU64),
}

impl WallClock {
    /// Anchors at the system's wall time.
    pub fn start() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let anchor = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        Self(Source::Anchored { anchor, start: Instant::now() })
    }

    /// Stands where it is told to, nanoseconds since the epoch: for load whose time is made up. Whoever tells it does
    /// not go back.
    pub fn told(at: &'static AtomicU64) -> Self {
        Self(Source::Told(at))
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        match self.0 {
            Source::Anchored { anchor, start } => {
                let passed = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
                Timestamp(anchor.saturating_add(passed))
            }
            Source::Told(at) => Timestamp(at.load(Ordering::Relaxed)),
        }
    }
}
