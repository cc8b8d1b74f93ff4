//! The small statistics that the verbs share, each with its source.
//!
//! Reference values in the tests are SciPy's.

/// Standard normal distribution function, by the complementary error function of Numerical Recipes
/// (3rd ed., 6.2.2; relative error below 1.2e-7).
pub fn normal_cdf(x: f64) -> f64 {
    let z = x.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * z);
    const C: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let poly = C.iter().rev().fold(0.0, |sum, c| sum * t + c);
    let tail = 0.5 * t * (-z * z + poly).exp();
    if x > 0.0 { 1.0 - tail } else { tail }
}

/// Median; 0 of nothing.
pub fn median(values: &[f64]) -> f64 {
    median_of(&mut values.to_vec())
}

/// The same of values whose order may be lost.
pub fn median_of(values: &mut [f64]) -> f64 {
    let n = values.len();
    if n == 0 {
        return 0.0;
    }
    let (low, middle, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    match n % 2 {
        1 => *middle,
        _ => (low.iter().copied().max_by(f64::total_cmp).unwrap_or(*middle) + *middle) / 2.0,
    }
}

/// Standard deviation estimated from the median absolute deviation (factor 1.4826 for a normal
/// distribution; Rousseeuw and Croux 1993).
pub fn robust_sigma(values: &[f64]) -> f64 {
    let center = median(values);
    let off: Vec<f64> = values.iter().map(|v| (v - center).abs()).collect();
    1.4826 * median(&off)
}

/// Median of the chi-squared distribution with one degree of freedom: what the median of squared
/// standardised residuals is when nothing is over-dispersed.
pub const CHI_SQUARED_MEDIAN: f64 = 0.454_936;

/// P(X >= k) for X binomial with `n` trials of probability `p`, by summing logarithms of terms.
pub fn binomial_tail(n: u64, k: u64, p: f64) -> f64 {
    if k == 0 {
        return 1.0;
    }
    if k > n || p <= 0.0 {
        return 0.0;
    }
    if n > 100_000 {
        // Normal approximation with continuity correction: the sum would be long.
        let (mean, sd) = (n as f64 * p, (n as f64 * p * (1.0 - p)).sqrt());
        return 1.0 - normal_cdf((k as f64 - 0.5 - mean) / sd.max(1e-12));
    }
    let mut log_term = (0..k).map(|i| ((n - i) as f64 / (k - i) as f64).ln()).sum::<f64>()
        + k as f64 * p.ln()
        + (n - k) as f64 * (1.0 - p).ln();
    let mut sum = 0.0;
    for i in k..=n {
        let term = log_term.exp();
        sum += term;
        // Terms shrink geometrically above the mean: stop when they no longer matter.
        if i as f64 > n as f64 * p && term < sum * 1e-9 {
            break;
        }
        log_term += ((n - i) as f64 / (i + 1) as f64 * p / (1.0 - p)).ln();
    }
    sum.min(1.0)
}

/// P(X >= k) for X beta-binomial: `n` trials whose common probability is itself drawn from a beta
/// distribution with mean `p` and intra-class correlation `rho` (`alpha + beta = 1 / rho - 1`). With
/// `rho` 0 it is the binomial; terms by recurrence (Johnson, Kemp, Kotz 2005, 6.2.2).
pub fn beta_binomial_tail(n: u64, k: u64, p: f64, rho: f64) -> f64 {
    if rho < 1e-6 || k == 0 || k > n || p <= 0.0 || p >= 1.0 {
        return binomial_tail(n, k, p);
    }
    let (nf, sum) = (n as f64, 1.0 / rho.min(0.999) - 1.0);
    if n > 10_000 {
        // Normal approximation with continuity correction: the sum would be long.
        let sd = (nf * p * (1.0 - p) * (1.0 + (nf - 1.0) * rho)).sqrt();
        return 1.0 - normal_cdf((k as f64 - 0.5 - nf * p) / sd.max(1e-12));
    }
    let (alpha, beta) = (p * sum, (1.0 - p) * sum);
    let mut log_term: f64 =
        (0..n).map(|i| ((beta + i as f64) / (alpha + beta + i as f64)).ln()).sum();
    let mut tail = 0.0;
    for i in 0..=n {
        if i >= k {
            tail += log_term.exp();
        }
        let i = i as f64;
        log_term += ((nf - i) / (i + 1.0) * (alpha + i) / (beta + nf - i - 1.0)).ln();
    }
    tail.min(1.0)
}

/// One-sided p-value of the Mann-Whitney rank test that `b` is greater than `a`, exact by counting
/// arrangements for up to 20 values without ties, else by the normal approximation with tie
/// correction (Mann and Whitney 1947).
pub fn mann_whitney_greater(a: &[f64], b: &[f64]) -> f64 {
    let (n, m) = (a.len(), b.len());
    if n == 0 || m == 0 {
        return 1.0;
    }
    let mut u = 0.0;
    let mut ties = false;
    for x in a {
        for y in b {
            u += match y.total_cmp(x) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => {
                    ties = true;
                    0.5
                }
                std::cmp::Ordering::Less => 0.0,
            };
        }
    }
    if !ties && n + m <= 20 {
        return exact_tail(n, m, u as usize);
    }
    let (nf, mf) = (n as f64, m as f64);
    let mut all: Vec<f64> = a.iter().chain(b).copied().collect();
    all.sort_unstable_by(f64::total_cmp);
    let mut tie_sum = 0.0;
    for run in all.chunk_by(|x, y| x == y) {
        let t = run.len() as f64;
        tie_sum += t * t * t - t;
    }
    let total = nf + mf;
    let variance = nf * mf / 12.0 * (total + 1.0 - tie_sum / (total * (total - 1.0)).max(1.0));
    if variance <= 0.0 {
        return 1.0;
    }
    1.0 - normal_cdf((u - nf * mf / 2.0 - 0.5) / variance.sqrt())
}

/// P(U >= u) over all arrangements of n and m values: counts of arrangements by U, built value by
/// value (each new `b` adds as many as there are `a` below it).
fn exact_tail(n: usize, m: usize, u: usize) -> f64 {
    // ways[j][s]: arrangements of the first i of a and j of b with statistic s.
    let most = n * m;
    let mut ways = vec![vec![0.0f64; most + 1]; m + 1];
    ways.iter_mut().for_each(|w| w[0] = 1.0);
    for i in 1..=n {
        let mut next = vec![vec![0.0; most + 1]; m + 1];
        next[0][0] = 1.0;
        for j in 1..=m {
            for s in 0..=i * j {
                // The greatest value is either an `a` (adds nothing) or a `b` (above all i of a).
                let from_b = if s >= i { next[j - 1][s - i] } else { 0.0 };
                next[j][s] = ways[j][s] + from_b;
            }
        }
        ways = next;
    }
    let all: f64 = ways[m].iter().sum();
    ways[m][u.min(most)..].iter().sum::<f64>() / all
}

/// Hodges-Lehmann estimate of the ratio b / a: the median of all pairwise ratios, with the interval
/// between the ratios at the given share from both ends of their order.
pub fn hodges_lehmann_ratio(a: &[f64], b: &[f64], cut: f64) -> (f64, [f64; 2]) {
    let mut ratios: Vec<f64> =
        a.iter().flat_map(|x| b.iter().map(move |y| y / x)).filter(|r| r.is_finite()).collect();
    if ratios.is_empty() {
        return (1.0, [0.0, f64::MAX]);
    }
    ratios.sort_unstable_by(f64::total_cmp);
    let at = |q: f64| ratios[((ratios.len() - 1) as f64 * q).round() as usize];
    (median(&ratios), [at(cut), at(1.0 - cut)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64, tolerance: f64) {
        assert!((got - want).abs() <= tolerance * want.abs().max(1e-300), "{got} is not {want}");
    }

    /// scipy.stats.norm.cdf
    #[test]
    fn normal_matches_scipy() {
        close(normal_cdf(0.0), 0.5, 1e-6);
        close(normal_cdf(1.96), 0.975_002_104_85, 1e-6);
        close(normal_cdf(-3.0), 1.349_898_03e-3, 1e-6);
    }

    /// scipy.stats.binom.sf(k - 1, n, p)
    #[test]
    fn binomial_tails_match_scipy() {
        for (n, k, want) in
            [(12, 5, 4.329_143e-3), (100, 20, 1.978_561e-3), (10, 10, 1e-10), (50, 0, 1.0)]
        {
            close(binomial_tail(n, k, 0.1), want, 1e-4);
        }
    }

    /// scipy.stats.mannwhitneyu(b, a, alternative='greater', method='exact').pvalue
    #[test]
    fn mann_whitney_matches_scipy() {
        close(mann_whitney_greater(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]), 0.05, 1e-9);
        close(
            mann_whitney_greater(&[1.0, 3.0, 5.0, 7.0, 9.0], &[2.0, 4.0, 6.0, 8.0, 10.0]),
            0.345_238_095,
            1e-6,
        );
        close(mann_whitney_greater(&[4.0, 5.0, 6.0], &[1.0, 2.0, 3.0]), 1.0, 1e-9);
    }
}
