//! The time of the log where there are several: the doors' own log, and streams that are read.
//!
//! The doors' log has come as far as the clock, always: what comes next is stamped later. Streams have
//! come as far as they were read. So where streams are read, log time is theirs: a window closes when
//! what arrived before its watermark has been taken, however far behind the reader is. It stands while
//! nobody can say how far they are (Redis is gone): nothing else is counted meanwhile. Where no streams are
//! read, log time is the clock's.

use longpole_model::signal::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};

/// No stream holds the time.
const FREE: u64 = u64::MAX;

/// How far the logs have come.
#[derive(Debug)]
pub struct LogTime {
    /// Where the streams are; [`FREE`] where none counts.
    streams: AtomicU64,
    /// End of the last window that was closed and judged.
    closed: AtomicU64,
}

impl Default for LogTime {
    fn default() -> Self {
        Self { streams: AtomicU64::new(FREE), closed: AtomicU64::new(0) }
    }
}

impl LogTime {
    /// The streams have come to `at`. They only go forward.
    pub fn hold(&self, at: Timestamp) {
        let later = |now: u64| if now == FREE { at.0 } else { now.max(at.0) };
        // The closure always says what to store.
        let _ = self.streams.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| Some(later(n)));
    }

    /// Streams will be read, from nobody knows where: time stands until they say.
    pub fn stand(&self) {
        self.streams.store(0, Ordering::Release);
    }

    /// Log time, the clock being at `clock`.
    pub(super) fn at(&self, clock: Timestamp) -> Timestamp {
        match self.streams.load(Ordering::Acquire) {
            FREE => clock,
            at => Timestamp(at),
        }
    }

    /// Whether streams lead.
    pub(super) fn is_held(&self) -> bool {
        self.streams.load(Ordering::Acquire) != FREE
    }

    /// A window that ends at `end` was judged.
    pub(super) fn close(&self, end: Timestamp) {
        self.closed.fetch_max(end.0, Ordering::AcqRel);
    }

    /// End of the last window that was judged; 0 before the first.
    pub fn closed(&self) -> Timestamp {
        Timestamp(self.closed.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longpole_model::signal::SECOND;

    #[test]
    fn streams_lead_where_there_are_any() {
        let time = LogTime::default();
        let (clock, s) = (Timestamp(100 * SECOND), |n| Timestamp(n * SECOND));
        assert_eq!(time.at(clock), clock);
        time.stand();
        assert_eq!(time.at(clock), s(0));
        time.hold(s(40));
        time.hold(s(30));
        assert_eq!(time.at(clock), s(40), "however late it is");
        time.hold(s(105));
        assert_eq!(time.at(clock), s(105));
    }
}
