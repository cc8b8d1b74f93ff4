//! Wall time carried on by the monotonic clock: durations never go negative.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Now, Unix nanoseconds.
pub(crate) fn now() -> u64 {
    static ANCHOR: OnceLock<(u64, Instant)> = OnceLock::new();
    let (wall, start) = ANCHOR.get_or_init(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (u64::try_from(since.as_nanos()).unwrap_or(u64::MAX), Instant::now())
    });
    wall.saturating_add(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX))
}
