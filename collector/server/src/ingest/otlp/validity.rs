//! Which times and ids can be believed.
//!
//! Lateness and skew against the watermark are the core's business; this is about what cannot be true.

use longpole_model::signal::{Reason, SECOND, Timestamp};

/// 1980-01-01, before which nothing was traced.
pub(crate) const EARLIEST: Timestamp = Timestamp(315_532_800 * SECOND);
/// 2262-04-11, the end of signed 64-bit nanoseconds.
pub(crate) const LATEST: Timestamp = Timestamp(i64::MAX as u64);
/// A span takes at most a day.
pub(crate) const LONGEST: u64 = 86_400 * SECOND;
/// A sender's clock is at most this far ahead.
pub(crate) const AHEAD: u64 = 3_600 * SECOND;

/// The latest time that is believed when it is `now`.
pub(crate) fn horizon(now: Option<Timestamp>) -> Timestamp {
    now.map_or(LATEST, |now| now.plus(AHEAD).min(LATEST))
}

/// What is wrong with a span's times, if anything.
#[inline]
pub(crate) fn span_times(
    start: Timestamp,
    end: Timestamp,
    horizon: Timestamp,
) -> Option<(Reason, &'static str)> {
    if EARLIEST <= start && start <= end && end <= horizon && end.since(start) <= LONGEST {
        return None;
    }
    Some(if start.0 == 0 {
        (Reason::BadTime, "has no start time")
    } else if start < EARLIEST {
        (Reason::BadTime, "starts before 1980")
    } else if end < start {
        (Reason::NegativeDuration, "ends before it starts")
    } else if end > LATEST {
        (Reason::BadTime, "ends after 2262")
    } else if end > horizon {
        (Reason::BadTime, "ends more than an hour ahead of this machine's clock")
    } else {
        (Reason::BadTime, "is longer than 24 hours")
    })
}

/// What is wrong with a point's times, if anything.
pub(crate) fn point_times(
    start: Timestamp,
    time: Timestamp,
    horizon: Timestamp,
) -> Option<(Reason, &'static str)> {
    if time.0 == 0 {
        Some((Reason::BadTime, "has no time"))
    } else if time < EARLIEST {
        Some((Reason::BadTime, "was measured before 1980"))
    } else if time > LATEST {
        Some((Reason::BadTime, "was measured after 2262"))
    } else if time > horizon {
        Some((Reason::BadTime, "is more than an hour ahead of this machine's clock"))
    } else if start > time {
        Some((Reason::BadTime, "starts after it was measured"))
    } else {
        None
    }
}
