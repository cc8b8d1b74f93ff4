//! Whether a road may be tried now: pauses that double, with jitter, and those a collector asks for.

use std::time::{Duration, Instant};

/// The first pause, the longest one, and the longest a collector may ask for.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
const LONGEST_ASKED: Duration = Duration::from_secs(300);

/// The state of one road.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// Failures in a row.
    failures: u32,
    /// Not before then.
    until: Option<Instant>,
    /// Whether the pause was asked for: then nothing shortens it.
    asked: bool,
}

impl Health {
    /// It worked.
    pub fn well(&mut self) {
        *self = Self::default();
    }

    /// It did not; returns the pause. `chance` in 0..1 is the jitter: pauses of many senders spread
    /// between a half and the whole.
    pub fn ill(&mut self, now: Instant, asked: Option<Duration>, chance: f64) -> Duration {
        let doubled = FIRST.saturating_mul(1 << self.failures.min(5)).min(LONGEST);
        let pause = asked.map_or(doubled.mul_f64(0.5 + chance / 2.0), |a| a.min(LONGEST_ASKED));
        self.failures += 1;
        self.until = Some(now + pause);
        self.asked = asked.is_some();
        pause
    }

    /// Whether it may be tried.
    pub fn open(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now >= until)
    }

    /// When it may be tried again, if not now.
    pub fn next(&self) -> Option<Instant> {
        self.until
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// A flush or an end is worth a try at once, unless the collector asked for peace.
    pub fn hurry(&mut self) {
        if !self.asked {
            self.until = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_keep_to_what_was_asked() {
        let now = Instant::now();
        let mut h = Health::default();
        let pauses: Vec<u64> = (0..8).map(|_| h.ill(now, None, 1.0).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(Health::default().ill(now, None, 0.0).as_millis(), 500, "jitter");
        assert!(!h.open(now));
        h.hurry();
        assert!(h.open(now));
        assert_eq!(h.ill(now, Some(Duration::from_secs(7)), 0.3).as_secs(), 7);
        h.hurry();
        assert!(!h.open(now), "it was asked for");
        assert_eq!(h.ill(now, Some(Duration::MAX), 0.3), LONGEST_ASKED);
        h.well();
        assert!(h.open(now) && h.failures() == 0);
    }
}
