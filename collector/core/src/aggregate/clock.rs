//! Log time, the watermark, and the window in which a span counts.
//!
//! Does not read any clock: the log's stamps are its only time.

use crate::limits::Limits;
use longpole_model::signal::{Timestamp, Window};

/// Log time as far as the log has been read.
#[derive(Clone, Debug)]
pub struct Clock {
    now: Timestamp,
    width: u64,
    lateness: u64,
    skew: u64,
    origin: Timestamp,
}

/// Where something counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// In the window of its end.
    Window(Window),
    /// In the arrival window: it ended too far ahead of its arrival.
    Skewed(Window),
    /// In the totals only: its window has closed.
    Late,
}

impl Clock {
    /// A clock at the epoch. One cell of the window grid starts at `origin`.
    pub fn new(limits: &Limits, origin: Timestamp) -> Self {
        Self {
            now: Timestamp(0),
            width: limits.window,
            lateness: limits.lateness,
            skew: limits.skew,
            origin,
        }
    }

    /// Moves forward to a log stamp; stamps never go back.
    pub fn advance(&mut self, stamp: Timestamp) {
        self.now = self.now.max(stamp);
    }

    /// The greatest stamp so far.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Everything that ends before this has had its chance to arrive.
    pub fn watermark(&self) -> Timestamp {
        self.now.minus(self.lateness)
    }

    /// The window that holds `t`.
    pub fn window_of(&self, t: Timestamp) -> Window {
        Window::of(t, self.width, self.origin)
    }

    /// Whether a window is closed for good.
    pub fn is_closed(&self, window: Window) -> bool {
        window.end <= self.watermark()
    }

    /// The oldest window still open.
    pub fn oldest_open(&self) -> Window {
        self.window_of(self.watermark())
    }

    /// Where something that ended at `end` and arrived at `stamp` counts.
    pub fn slot(&self, end: Timestamp, stamp: Timestamp) -> Slot {
        if end > stamp.plus(self.skew) {
            return Slot::Skewed(self.window_of(stamp.max(self.oldest_open().start)));
        }
        let window = self.window_of(end);
        if self.is_closed(window) { Slot::Late } else { Slot::Window(window) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longpole_model::signal::SECOND;

    #[test]
    fn late_skewed_and_in_time() {
        let mut clock = Clock::new(&Limits::default(), Timestamp(0));
        clock.advance(Timestamp(100 * SECOND));
        let at = |s| clock.slot(Timestamp(s * SECOND), clock.now());
        assert_eq!(at(79), Slot::Late);
        assert!(matches!(at(80), Slot::Window(w) if w.start == Timestamp(80 * SECOND)));
        assert!(matches!(at(105), Slot::Window(_)));
        assert!(matches!(at(106), Slot::Skewed(w) if w.start == Timestamp(100 * SECOND)));
        clock.advance(Timestamp(0));
        assert_eq!(clock.now(), Timestamp(100 * SECOND), "stamps never go back");
    }
}
