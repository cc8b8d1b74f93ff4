//! One-sided CUSUMs over standardised binomial counts.

use super::{Settings, TESTS};
use crate::stats::{CHI_SQUARED_MEDIAN, median_of};
use serde::{Deserialize, Serialize};

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

impl Verdict {
    /// Whether the statistic lies above so many times its threshold.
    pub fn passes(&self, times: f64) -> bool {
        self.statistic > self.threshold * times
    }
}

/// Residuals remembered for the dispersion.
const MEMORY: usize = 64;

/// A run of windows above what is expected.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Run {
    statistic: f64,
    since: u64,
    n: u64,
    k: u64,
}

/// The CUSUMs of one measure: each of [`TESTS`](super::TESTS) has its run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Cusum {
    runs: [Run; TESTS.len()],
    until: u64,
    expected: f64,
    squares: Vec<f32>,
    at: usize,
    /// Dispersion by the squares; `None` until it is asked for.
    spread: Option<f64>,
    last_z: f64,
    /// Sum and number of standardised counts since it was raised.
    since_raised: Option<(f64, u32)>,
}

/// Signed root of a binomial count's deviance: close to a normal deviate even where few are expected
/// and the count itself is skewed (McCullagh and Nelder 1989, section 2.4).
fn deviance(n: f64, k: f64, p: f64) -> f64 {
    let part =
        |seen: f64, expected: f64| if seen > 0.0 { seen * (seen / expected).ln() } else { 0.0 };
    let whole = 2.0 * (part(k, n * p) + part(n - k, n * (1.0 - p)));
    whole.max(0.0).sqrt().copysign(k - n * p)
}

impl Cusum {
    /// Takes a window of `n` requests of which `k` count, where a share `p` is expected.
    pub(super) fn step(
        &mut self,
        settings: &Settings,
        (from, until): (u64, u64),
        (n, k): (u64, u64),
        p: f64,
    ) -> Verdict {
        let p = p.clamp(1e-4, 0.99);
        let residual = deviance(n as f64, k as f64, p);
        let z = (residual / self.spread().sqrt()).clamp(-settings.clip, settings.clip);
        self.last_z = z;
        if let Some((sum, n)) = &mut self.since_raised {
            (*sum, *n) = (*sum + z, *n + 1);
        }
        for (run, test) in self.runs.iter_mut().zip(TESTS) {
            if run.statistic <= 0.0 {
                *run = Run { since: from, ..Run::default() };
            }
            run.statistic = (run.statistic + z - test.allowance).max(0.0);
            run.n += n;
            run.k += k;
        }
        self.until = until;
        self.expected = p;
        // Windows of a run that may be an alarm say nothing about the usual spread.
        if self.clearest().0 < 0.5 {
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
        self.verdict(dispersion)
    }

    /// The run that is nearest to its threshold or furthest above it: the statistic as a multiple of
    /// that, the run, the threshold.
    fn clearest(&self) -> (f64, Run, f64) {
        let all = self.runs.iter().zip(TESTS);
        let all = all.map(|(run, test)| (run.statistic / test.threshold, *run, test.threshold));
        all.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or_default()
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
        let mut squares = [0.0; MEMORY];
        squares.iter_mut().zip(&self.squares).for_each(|(to, from)| *to = f64::from(*from));
        let squares = squares.get_mut(..self.squares.len()).unwrap_or_default();
        (median_of(squares) / CHI_SQUARED_MEDIAN).max(1.0)
    }

    fn verdict(&self, dispersion: f64) -> Verdict {
        let (_, run, threshold) = self.clearest();
        let n = run.n.max(1) as f64;
        let observed = run.k as f64 / n;
        let half = 1.96 * (dispersion * observed * (1.0 - observed) / n).sqrt();
        Verdict {
            statistic: run.statistic,
            threshold,
            since: run.since,
            until: self.until,
            n: run.n,
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

    /// An alarm is told: what comes from now on says whether it lasts.
    pub(super) fn raise(&mut self) {
        self.since_raised = Some((0.0, 0));
    }

    /// Windows tested since it was raised, and their counts pooled: a standard normal deviate if
    /// nothing is wrong any more.
    pub(super) fn pooled(&self) -> Option<(u32, f64)> {
        let (sum, n) = self.since_raised.filter(|(_, n)| *n > 0)?;
        Some((n, sum / f64::from(n).sqrt()))
    }

    /// The verdict as it stands, if anything was tested.
    pub(super) fn last(&self) -> Option<Verdict> {
        (self.runs[0].n > 0).then(|| self.verdict(self.dispersion()))
    }

    /// Back to the start; the spread is kept.
    pub(super) fn reset(&mut self) {
        self.runs = Default::default();
        self.since_raised = None;
    }
}
