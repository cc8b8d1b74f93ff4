//! A one-sided CUSUM over standardised binomial counts.

use super::Settings;
use crate::stats::{CHI_SQUARED_MEDIAN, median};

/// The state of one test, and what it rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Verdict {
    /// CUSUM statistic.
    pub statistic: f64,
    /// What it has to pass.
    pub threshold: f64,
    /// Index of the window in which the run began.
    pub since: u64,
    /// Index behind the last window.
    pub until: u64,
    /// Requests since then.
    pub n: u64,
    /// Expected share.
    pub expected: f64,
    /// Share seen since then.
    pub observed: f64,
    /// 95 % interval of the share seen (normal approximation, over-dispersion included).
    pub interval: [f64; 2],
    /// Variance between windows over the binomial's, at least 1.
    pub dispersion: f64,
}

/// Residuals remembered for the dispersion.
const MEMORY: usize = 64;

/// One CUSUM.
#[derive(Clone, Debug, Default)]
pub(super) struct Cusum {
    statistic: f64,
    since: u64,
    until: u64,
    n: u64,
    k: u64,
    expected: f64,
    squares: Vec<f32>,
    at: usize,
    /// Dispersion by the squares; `None` until it is asked for.
    spread: Option<f64>,
    last_z: f64,
}

impl Cusum {
    /// Takes a window of `n` requests of which `k` count, where a share `p` is expected.
    pub(super) fn step(
        &mut self,
        settings: &Settings,
        (from, until): (u64, u64),
        n: u64,
        k: u64,
        p: f64,
    ) -> Verdict {
        let p = p.clamp(1e-4, 0.99);
        let nf = n as f64;
        let residual = (k as f64 - nf * p) / (nf * p * (1.0 - p)).sqrt();
        let z = (residual / self.spread().sqrt()).clamp(-settings.clip, settings.clip);
        self.last_z = z;
        if self.statistic <= 0.0 {
            (self.since, self.n, self.k) = (from, 0, 0);
        }
        self.statistic = (self.statistic + z - settings.allowance).max(0.0);
        self.n += n;
        self.k += k;
        self.until = until;
        self.expected = p;
        // Windows of a run that may be an alarm say nothing about the usual spread.
        if self.statistic < settings.threshold / 2.0 {
            let square = (residual * residual) as f32;
            if self.squares.len() < MEMORY {
                self.squares.push(square);
            } else {
                self.squares[self.at % MEMORY] = square;
            }
            self.at += 1;
            self.spread = None;
        }
        let dispersion = self.spread();
        self.verdict(settings, dispersion)
    }

    fn spread(&mut self) -> f64 {
        let known = self.spread.unwrap_or_else(|| self.dispersion());
        *self.spread.insert(known)
    }

    /// Median of squared residuals over what it is for a binomial, at least 1.
    fn dispersion(&self) -> f64 {
        if self.squares.len() < 8 {
            return 1.5;
        }
        let squares: Vec<f64> = self.squares.iter().map(|s| f64::from(*s)).collect();
        (median(&squares) / CHI_SQUARED_MEDIAN).max(1.0)
    }

    fn verdict(&self, settings: &Settings, dispersion: f64) -> Verdict {
        let n = self.n.max(1) as f64;
        let observed = self.k as f64 / n;
        let half = 1.96 * (dispersion * observed * (1.0 - observed) / n).sqrt();
        Verdict {
            statistic: self.statistic,
            threshold: settings.threshold,
            since: self.since,
            until: self.until,
            n: self.n,
            expected: self.expected,
            observed,
            interval: [(observed - half).max(0.0), (observed + half).min(1.0)],
            dispersion,
        }
    }

    /// Whether the last window was not above what is allowed.
    pub(super) fn quiet(&self) -> bool {
        self.last_z < 1.0
    }

    /// The verdict as it stands, if anything was tested.
    pub(super) fn last(&self, settings: &Settings) -> Option<Verdict> {
        (self.n > 0).then(|| self.verdict(settings, self.dispersion()))
    }

    /// Back to the start; the spread is kept.
    pub(super) fn reset(&mut self) {
        (self.statistic, self.n, self.k) = (0.0, 0, 0);
    }
}
