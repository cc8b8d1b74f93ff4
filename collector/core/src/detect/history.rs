//! Change points of a whole history, once it is there: exact and deterministic.
//!
//! Winsorised against a running median, then PELT (Killick, Fearnhead, Eckley 2012) with l2 cost and
//! a penalty for autocorrelation, then the weakest boundaries are dropped until every one that is
//! left passes a test and a least effect.

use crate::stats::{mann_whitney_greater, median, normal_cdf, robust_sigma};

/// Shortest segment.
const SHORTEST: usize = 3;
/// Boundaries stay at this chance or below.
const CHANCE: f64 = 1e-4;
/// And with a change of the median of at least this share.
const EFFECT: f64 = 0.01;
/// Longest history taken; longer ones are cut to their end.
const LONGEST: usize = 20_000;

/// Indices of the first value of each new level, ascending.
pub fn change_points(values: &[f64]) -> Vec<usize> {
    let offset = values.len().saturating_sub(LONGEST);
    let finite: Vec<f64> = values[offset..]
        .iter()
        .scan(0.0, |last, x| {
            // A hole is filled with what stood before it.
            if x.is_finite() {
                *last = *x;
            }
            Some(*last)
        })
        .collect();
    if finite.len() < 2 * SHORTEST {
        return Vec::new();
    }
    let differences: Vec<f64> = finite.windows(2).map(|w| w[1] - w[0]).collect();
    // Differences of independent noise have twice its variance.
    let sigma = robust_sigma(&differences) / std::f64::consts::SQRT_2;
    let smooth = winsorise(&finite, sigma);
    let mut found = pelt(&smooth, penalty(&smooth, sigma));
    while let Some((i, _)) = weakest(&finite, &found) {
        found.remove(i);
    }
    found.into_iter().map(|i| i + offset).collect()
}

/// Values no further than 2.5 sigmas from their 7-point running median.
fn winsorise(values: &[f64], sigma: f64) -> Vec<f64> {
    let reach = 2.5 * sigma;
    let at = |i: usize| {
        let around = &values[i.saturating_sub(3)..(i + 4).min(values.len())];
        let m = median(around);
        values[i].clamp(m - reach, m + reach)
    };
    (0..values.len()).map(at).collect()
}

/// 4 ln n sigma^2 (1 + rho) / (1 - rho), with rho the lag-1 autocorrelation around a running median.
fn penalty(values: &[f64], sigma: f64) -> f64 {
    let n = values.len();
    let residuals: Vec<f64> =
        (0..n).map(|i| values[i] - median(&values[i.saturating_sub(7)..(i + 8).min(n)])).collect();
    let power: f64 = residuals.iter().map(|r| r * r).sum();
    let lagged: f64 = residuals.windows(2).map(|w| w[0] * w[1]).sum();
    let rho = if power > 0.0 { (lagged / power).clamp(0.0, 0.9) } else { 0.0 };
    let variance = (sigma * sigma).max(1e-12 * (1.0 + median(values).abs()).powi(2));
    4.0 * (n as f64).ln() * variance * (1.0 + rho) / (1.0 - rho)
}

fn pelt(values: &[f64], penalty: f64) -> Vec<usize> {
    let n = values.len();
    let (mut sum, mut square) = (vec![0.0; n + 1], vec![0.0; n + 1]);
    for (i, v) in values.iter().enumerate() {
        sum[i + 1] = sum[i] + v;
        square[i + 1] = square[i] + v * v;
    }
    let cost = |a: usize, b: usize| {
        let s = sum[b] - sum[a];
        square[b] - square[a] - s * s / (b - a) as f64
    };
    let mut best = vec![f64::INFINITY; n + 1];
    best[0] = -penalty;
    let mut last = vec![0; n + 1];
    let mut candidates = vec![0];
    for end in SHORTEST..=n {
        for &c in &candidates {
            let total = best[c] + cost(c, end) + penalty;
            if total < best[end] {
                (best[end], last[end]) = (total, c);
            }
        }
        candidates.retain(|&c| best[c] + cost(c, end) <= best[end]);
        let next = end + 1 - SHORTEST;
        if next >= SHORTEST && best[next].is_finite() {
            candidates.push(next);
        }
    }
    let mut out = Vec::new();
    let mut at = last[n];
    while at > 0 {
        out.push(at);
        at = last[at];
    }
    out.reverse();
    out
}

/// The boundary that deserves least to stay, if one does not.
fn weakest(values: &[f64], boundaries: &[usize]) -> Option<(usize, f64)> {
    let edge = |i: usize| match i {
        0 => 0,
        i => boundaries.get(i - 1).copied().unwrap_or(values.len()),
    };
    let weak = boundaries.iter().enumerate().filter_map(|(i, &at)| {
        let (a, b) = (&values[edge(i)..at], &values[at..edge(i + 2)]);
        let chance = welch(a, b).min(rank(a, b));
        let (ma, mb) = (median(a), median(b));
        let effect = (mb - ma).abs() / ma.abs().max(1e-12);
        (chance > CHANCE || effect < EFFECT).then_some((i, chance))
    });
    weak.max_by(|x, y| x.1.total_cmp(&y.1))
}

/// Two-sided chance of Welch's t by its normal approximation, widened for few values.
fn welch(a: &[f64], b: &[f64]) -> f64 {
    let moments = |v: &[f64]| {
        let n = v.len() as f64;
        let mean = v.iter().sum::<f64>() / n;
        let variance = v.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        (mean, variance / n, n)
    };
    let ((ma, va, na), (mb, vb, nb)) = (moments(a), moments(b));
    let t = (ma - mb).abs() / (va + vb).sqrt().max(1e-12);
    // Welch-Satterthwaite degrees of freedom, then a normal score of t (Wallace 1959).
    let df = (va + vb).powi(2)
        / (va * va / (na - 1.0).max(1.0) + vb * vb / (nb - 1.0).max(1.0)).max(1e-300);
    let df = df.clamp(1.0, 1e6);
    let z = (8.0 * df + 1.0) / (8.0 * df + 3.0) * (df * (1.0 + t * t / df).ln()).sqrt();
    2.0 * (1.0 - normal_cdf(z))
}

fn rank(a: &[f64], b: &[f64]) -> f64 {
    (2.0 * mann_whitney_greater(a, b).min(mann_whitney_greater(b, a))).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(i: usize) -> f64 {
        ((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / (1u64 << 24) as f64 - 0.5
    }

    #[test]
    fn steps_are_found_and_noise_is_not() {
        let flat: Vec<f64> = (0..160).map(|i| 100.0 + 4.0 * noise(i)).collect();
        assert_eq!(change_points(&flat), []);
        let step: Vec<f64> =
            (0..160).map(|i| if i < 60 { 100.0 } else { 106.0 } + 4.0 * noise(i)).collect();
        assert_eq!(change_points(&step), [60]);
        let spike: Vec<f64> =
            (0..160).map(|i| 100.0 + 4.0 * noise(i) + if i == 80 { 500.0 } else { 0.0 }).collect();
        assert_eq!(change_points(&spike), []);
    }

    #[test]
    fn nothing_panics() {
        for values in [
            vec![],
            vec![1.0],
            vec![f64::NAN; 50],
            vec![f64::INFINITY, 1.0, -1e308],
            vec![0.0; 500],
        ] {
            assert_eq!(change_points(&values), [] as [usize; 0]);
        }
    }
}
