//! Requests per window against their own decayed past, both ways.
//!
//! Over-dispersed Poisson counts into two one-sided CUSUMs. A rate that falls because we shed,
//! lagged or missed shards is not told here: the caller leaves such windows out.

use crate::stats::{CHI_SQUARED_MEDIAN, median_of};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Windows before anything is tested, by which the mean lags, and that the spread remembers.
const WARMUP: usize = 20;
const LAG: usize = 8;
const MEMORY: usize = 64;
/// CUSUM allowance and threshold, in standard deviations; clip of one window.
const ALLOWANCE: f64 = 1.0;
const THRESHOLD: f64 = 15.0;
const CLIP: f64 = 5.0;
/// Requests per window below which a rate says nothing.
const LEAST: f64 = 20.0;
/// Least change, as a share of the mean.
const EFFECT: f64 = 0.5;

/// A rate that left its past.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moved {
    /// Requests per window expected.
    pub expected: f64,
    /// Requests per window seen since the run began.
    pub observed: f64,
    /// CUSUM statistic and what it had to pass.
    pub statistic: f64,
    /// See `statistic`.
    pub threshold: f64,
    /// Index of the window in which the run began.
    pub since: u64,
    /// Windows since then.
    pub windows: u64,
    /// Whether it rose.
    pub up: bool,
}

/// One series of counts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Rate {
    mean: f64,
    learnt: usize,
    lagging: VecDeque<f64>,
    squares: VecDeque<f64>,
    /// Up and down: statistic, since, sum.
    sides: [(f64, u64, f64); 2],
    next: u64,
    alarmed: bool,
}

impl Rate {
    /// Takes the next window's count; an alarm is told once per run.
    pub fn observe(&mut self, count: f64) -> Option<Moved> {
        let at = self.next;
        self.next += 1;
        let mut found = None;
        if self.learnt >= WARMUP && self.mean >= LEAST {
            let residual = (count - self.mean) / self.mean.sqrt();
            let mut squares = [0.0; MEMORY];
            squares.iter_mut().zip(&self.squares).for_each(|(to, from)| *to = *from);
            let squares = squares.get_mut(..self.squares.len()).unwrap_or_default();
            let dispersion = (median_of(squares) / CHI_SQUARED_MEDIAN).max(1.0);
            let z = (residual / dispersion.sqrt()).clamp(-CLIP, CLIP);
            for (side, sign) in self.sides.iter_mut().zip([1.0, -1.0]) {
                if side.0 <= 0.0 {
                    *side = (0.0, at, 0.0);
                }
                side.0 = (side.0 + sign * z - ALLOWANCE).max(0.0);
                side.2 += count;
                let windows = at + 1 - side.1;
                let observed = side.2 / windows as f64;
                let far = (observed - self.mean).abs() >= EFFECT * self.mean;
                if side.0 > THRESHOLD && far && !self.alarmed {
                    self.alarmed = true;
                    found = Some(Moved {
                        expected: self.mean,
                        observed,
                        statistic: side.0,
                        threshold: THRESHOLD,
                        since: side.1,
                        windows,
                        up: sign > 0.0,
                    });
                }
            }
            if self.alarmed && self.sides.iter().all(|s| s.0 <= 0.0) {
                self.alarmed = false;
            }
            self.squares.push_back(residual * residual);
            if self.squares.len() > MEMORY {
                self.squares.pop_front();
            }
        }
        self.lagging.push_back(count);
        if self.lagging.len() > LAG
            && let Some(old) = self.lagging.pop_front()
        {
            self.learnt += 1;
            // The plain mean while it is young, then a decay of 1 in 100 windows.
            let share = (1.0 / self.learnt as f64).max(0.01);
            self.mean += share * (old - self.mean);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_alarm_and_noise_does_not() {
        let run = |from: usize, factor: f64| {
            let mut rate = Rate::default();
            (0..200).find_map(|i| {
                let noise = ((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60) as f64 - 7.5;
                let base = if i >= from { 100.0 * factor } else { 100.0 };
                rate.observe((base + noise).max(0.0)).map(|m| (i, m.up))
            })
        };
        assert_eq!(run(500, 1.0), None);
        assert!(run(100, 2.0).is_some_and(|(i, up)| up && i < 106));
        assert!(run(100, 0.0).is_some_and(|(i, up)| !up && i < 106));
        assert_eq!(run(100, 1.2), None, "within half of the mean");
    }
}
