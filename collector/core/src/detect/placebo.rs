//! The A/A test on production data: two random halves of the same window.
//!
//! Traces fall into a half by a bit of their hash, so nothing but chance tells the halves apart: an
//! alarm here is false by construction. Counted always, published per series-day, and used to raise
//! the threshold when chance alone alarms more often than wanted.

use crate::detect::counts::Counts;
use crate::stats::binomial_tail;
use serde::{Deserialize, Serialize};

/// Counts of A/A tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Placebo {
    /// Tests made.
    pub tests: u64,
    /// Tests that alarmed.
    pub alarms: u64,
    /// Series-seconds watched.
    pub series_seconds: f64,
}

/// Chance at which one half is called slower than the other.
const ALARM: f64 = 1e-4;
/// Requests that each half must hold.
const LEAST: u64 = 50;

impl Placebo {
    /// Tests one window of one series: slow requests in half B against half A's p90.
    pub fn observe(&mut self, halves: [&Counts; 2], seconds: f64) {
        let n = halves.map(|h| h.total() as u64);
        if n.iter().any(|n| *n < LEAST) {
            return;
        }
        self.tests += 1;
        self.series_seconds += seconds;
        let [limit] = halves[0].quantiles([0.9]);
        // The limit is itself an estimate: its share in half A has a binomial spread too, so the
        // test is made at the upper end of that.
        let p = halves[0].share_above(limit);
        let upper = (p + 2.0 * (p * (1.0 - p) / n[0] as f64).sqrt()).clamp(1e-3, 0.5);
        let slow = (halves[1].share_above(limit) * n[1] as f64).round() as u64;
        // Not above what is expected: one in two would be, and the tail is dear.
        if slow as f64 > upper * n[1] as f64 && binomial_tail(n[1], slow, upper) < ALARM {
            self.alarms += 1;
        }
    }

    /// False alarms per series-day.
    pub fn per_series_day(&self) -> f64 {
        if self.series_seconds <= 0.0 {
            return 0.0;
        }
        self.alarms as f64 / (self.series_seconds / 86_400.0)
    }

    /// Factor on the threshold: 1 while the share of alarms is within ten times what chance gives,
    /// then growing with its logarithm.
    pub fn threshold_factor(&self) -> f64 {
        if self.tests < 1_000 {
            return 1.0;
        }
        let excess = self.alarms as f64 / self.tests as f64 / (10.0 * ALARM);
        1.0 + 0.25 * excess.max(1.0).ln()
    }
}
