//! Event time in nanoseconds and the windows cut from it.
//!
//! Nothing here reads a clock: time is always an argument.

use serde::{Deserialize, Serialize};

/// Nanoseconds since the Unix epoch.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

/// One second in nanoseconds.
pub const SECOND: u64 = 1_000_000_000;

impl Timestamp {
    /// The time `nanos` later, saturating.
    pub fn plus(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// The time `nanos` earlier, saturating at the epoch.
    pub fn minus(self, nanos: u64) -> Self {
        Self(self.0.saturating_sub(nanos))
    }

    /// Nanoseconds since `earlier`, 0 if that is in the future.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A half-open stretch of event time, `start <= t < end`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Window {
    /// First nanosecond inside.
    pub start: Timestamp,
    /// First nanosecond behind.
    pub end: Timestamp,
}

impl Window {
    /// The window of a grid with cells of `width` nanoseconds, one of which starts at `origin`,
    /// that holds `t`.
    pub fn of(t: Timestamp, width: u64, origin: Timestamp) -> Self {
        let width = width.max(1);
        let phase = origin.0 % width;
        // `t` may lie before the first full cell after the epoch; that cell is then cut short.
        let start = match t.0.checked_sub(phase) {
            Some(x) => x / width * width + phase,
            None => 0,
        };
        let end = if start < phase { phase } else { start.saturating_add(width) };
        Self { start: Timestamp(start), end: Timestamp(end) }
    }

    /// Length in nanoseconds.
    pub fn length(self) -> u64 {
        self.end.since(self.start)
    }

    /// Length in seconds.
    pub fn seconds(self) -> f64 {
        self.length() as f64 / SECOND as f64
    }

    /// Whether `t` lies inside.
    pub fn contains(self, t: Timestamp) -> bool {
        self.start <= t && t < self.end
    }

    /// Whether `other` lies wholly inside.
    pub fn encloses(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_has_no_holes() {
        for (t, width, origin) in [(0, 10, 3), (2, 10, 3), (3, 10, 3), (12, 10, 3), (13, 10, 33)] {
            let w = Window::of(Timestamp(t), width, Timestamp(origin));
            assert!(w.contains(Timestamp(t)), "{t} {w:?}");
            assert_eq!(Window::of(w.end, width, Timestamp(origin)).start, w.end);
        }
        let last = Window::of(Timestamp(u64::MAX), 10, Timestamp(0));
        assert_eq!(last.end, Timestamp(u64::MAX));
    }
}
