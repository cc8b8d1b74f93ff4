//! Before against after: the unit is the run, never the request.
//!
//! From four runs a side: an exact rank test on each run's quantiles with a Hodges-Lehmann ratio.
//! With fewer, requests are all there is: counts above quantiles of the pooled sample are compared
//! by the exact hypergeometric tail, and run-to-run noise stays unknown. Only a slow-down fails.

use crate::stats::{hodges_lehmann_ratio, mann_whitney_greater};

/// What a gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// No slow-down beyond the floor.
    Pass,
    /// A slow-down beyond the floor that chance does not explain.
    Fail,
    /// The data cannot tell.
    Inconclusive,
}

/// A decision with its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// The decision.
    pub decision: Decision,
    /// Quantile that decided.
    pub quantile: f64,
    /// after / before at that quantile.
    pub ratio: f64,
    /// Interval of the ratio.
    pub interval: [f64; 2],
    /// Chance of such a difference between equal sides.
    pub chance: f64,
    /// Runs on each side.
    pub runs: [usize; 2],
    /// Samples on each side.
    pub samples: [usize; 2],
}

/// Quantiles compared.
const QUANTILES: [f64; 4] = [0.5, 0.75, 0.9, 0.95];
/// Chance at which a side is called slower, over all quantiles together.
const ALPHA: f64 = 0.01;
/// Least ratio that counts with runs, and without them.
const FLOOR: (f64, f64) = (1.03, 1.05);
/// Runs a side from which runs are compared.
const RUNS: usize = 4;
/// Samples a side below which nothing is said.
const LEAST: usize = 20;

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut v: Vec<f64> = values.filter(|x| x.is_finite()).collect();
    v.sort_unstable_by(f64::total_cmp);
    v
}

/// Nearest-rank quantile of ascending values; 0 of nothing.
fn quantile(ascending: &[f64], q: f64) -> f64 {
    let rank = (q * ascending.len() as f64).ceil() as usize;
    ascending.get(rank.max(1) - 1).or(ascending.last()).copied().unwrap_or(0.0)
}

/// Compares two lists of runs, each a list of durations.
pub fn compare(before: &[Vec<f64>], after: &[Vec<f64>]) -> Verdict {
    let pool = |runs: &[Vec<f64>]| sorted(runs.iter().flatten().copied());
    let (a, b) = (pool(before), pool(after));
    let blank = Verdict {
        decision: Decision::Inconclusive,
        quantile: 0.5,
        ratio: 1.0,
        interval: [0.0, f64::MAX],
        chance: 1.0,
        runs: [before.len(), after.len()],
        samples: [a.len(), b.len()],
    };
    if a.len() < LEAST || b.len() < LEAST {
        return blank;
    }
    let by_runs = before.len() >= RUNS && after.len() >= RUNS;
    let all = QUANTILES.iter().map(|&q| {
        let (chance, ratio, interval) =
            if by_runs { of_runs(before, after, q) } else { of_samples(&a, &b, q) };
        Verdict { quantile: q, ratio, interval, chance, ..blank }
    });
    let all: Vec<Verdict> = all.collect();
    let floor = if by_runs { FLOOR.0 } else { FLOOR.1 };
    let alpha = ALPHA / QUANTILES.len() as f64;
    // With few runs the exact test cannot get below 1 in C(n + m, n): demand what it can give.
    let reachable =
        if by_runs { alpha.max(least_chance(before.len(), after.len())) } else { alpha };
    let worst = all
        .iter()
        .filter(|v| v.chance <= reachable && v.ratio >= floor)
        .min_by(|x, y| x.chance.total_cmp(&y.chance));
    if let Some(v) = worst {
        return Verdict { decision: Decision::Fail, ..*v };
    }
    let widest = all.iter().max_by(|x, y| x.interval[1].total_cmp(&y.interval[1]));
    let v = widest.copied().unwrap_or(blank);
    let pass = all.iter().all(|v| v.interval[1] < floor);
    Verdict { decision: if pass { Decision::Pass } else { Decision::Inconclusive }, ..v }
}

/// The smallest one-sided p-value that n and m runs can give.
fn least_chance(n: usize, m: usize) -> f64 {
    1.0 / (1..=n).fold(1.0, |c, i| c * (m + i) as f64 / i as f64)
}

fn of_runs(before: &[Vec<f64>], after: &[Vec<f64>], q: f64) -> (f64, f64, [f64; 2]) {
    let per_run = |runs: &[Vec<f64>]| -> Vec<f64> {
        runs.iter().map(|r| quantile(&sorted(r.iter().copied()), q)).collect()
    };
    let (a, b) = (per_run(before), per_run(after));
    let (ratio, interval) = hodges_lehmann_ratio(&a, &b, 0.05);
    (mann_whitney_greater(&a, &b), ratio, interval)
}

/// Requests above the pooled quantile: of the `k` above, how many lie in `b`? Under equality that
/// is hypergeometric, whatever the distribution.
fn of_samples(a: &[f64], b: &[f64], q: f64) -> (f64, f64, [f64; 2]) {
    let mut pooled: Vec<f64> = a.iter().chain(b).copied().collect();
    pooled.sort_unstable_by(f64::total_cmp);
    let limit = quantile(&pooled, q);
    let above = |v: &[f64]| v.len() - v.partition_point(|x| *x <= limit);
    let (ka, kb) = (above(a), above(b));
    let chance = hypergeometric_tail(a.len() + b.len(), b.len(), ka + kb, kb);
    let ratio = |qa: f64, qb: f64| {
        let base = quantile(a, qa);
        if base > 0.0 { quantile(b, qb) / base } else { 1.0 }
    };
    // Order-statistic interval of each side's quantile, taken at opposite ends.
    let half = |n: usize| 1.96 * (q * (1.0 - q) / n as f64).sqrt();
    let (wa, wb) = (half(a.len()), half(b.len()));
    let interval =
        [ratio((q + wa).min(1.0), (q - wb).max(0.0)), ratio((q - wa).max(0.0), (q + wb).min(1.0))];
    (chance, ratio(q, q), interval)
}

/// P(X >= x) where X of `drawn` from `total` fall among `marked`.
fn hypergeometric_tail(total: usize, marked: usize, drawn: usize, x: usize) -> f64 {
    let mut factorial = Vec::with_capacity(total + 1);
    let mut sum = 0.0;
    factorial.push(0.0);
    for i in 1..=total {
        sum += (i as f64).ln();
        factorial.push(sum);
    }
    let choose = |n: usize, k: usize| factorial[n] - factorial[k] - factorial[n - k];
    let most = marked.min(drawn);
    let least = (marked + drawn).saturating_sub(total).max(x);
    let all = choose(total, drawn);
    let tail =
        (least..=most).map(|i| (choose(marked, i) + choose(total - marked, drawn - i) - all).exp());
    tail.sum::<f64>().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy.stats.hypergeom.sf(x - 1, total, marked, drawn)
    #[test]
    fn hypergeometric_matches_scipy() {
        let got = hypergeometric_tail(20, 10, 5, 5);
        assert!((got - 0.016_253_869_969).abs() < 1e-9, "{got}");
    }

    #[test]
    fn slow_tails_fail_and_equals_do_not() {
        let side = |shift: u64, slow: u64| -> Vec<f64> {
            (0..400u64)
                .map(|i| (i * 7919 + shift) % 400)
                .map(|i| 100.0 + i as f64 / 10.0 + if i < slow { 200.0 } else { 0.0 })
                .collect()
        };
        assert_eq!(compare(&[side(0, 0)], &[side(3, 0)]).decision, Decision::Pass);
        assert_eq!(compare(&[side(0, 0)], &[side(3, 40)]).decision, Decision::Fail);
        assert_ne!(compare(&[side(0, 40)], &[side(3, 0)]).decision, Decision::Fail, "faster");
        assert_eq!(compare(&[vec![]], &[vec![f64::NAN; 50]]).decision, Decision::Inconclusive);
        let runs = |f: f64| -> Vec<Vec<f64>> {
            (0..5).map(|r| side(r, 0).iter().map(|x| x * (f + r as f64 / 1e3)).collect()).collect()
        };
        assert_eq!(compare(&runs(1.0), &runs(1.1)).decision, Decision::Fail);
        assert_eq!(compare(&runs(1.0), &runs(1.0)).decision, Decision::Pass);
    }
}
