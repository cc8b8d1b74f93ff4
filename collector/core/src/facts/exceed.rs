//! How improbable it is that so many visits lie above a limit that was itself read off a few.
//!
//! Of `n` baseline visits of a site, `r` lie above its limit. For `m` later visits of an unchanged site
//! the number above it is then beta-binomial with mean share `(r + 1) / (n + 1)` (exceedances of an
//! order statistic, Gumbel and von Schelling 1950; free of any assumption about durations). Visits
//! come in clumps, so its variance is widened by what blocks of the baseline show.

use crate::stats::beta_binomial_tail;

/// What the baseline says about one site, and how often it is visited now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Past {
    /// Visits in the baseline.
    pub(super) visits: f64,
    /// Of them above the limit.
    pub(super) slow: f64,
    /// Visits in the window.
    pub(super) now: f64,
}

/// Blocks' worth of plain chance that the observed over-dispersion is weighed against.
const PRIOR_BLOCKS: f64 = 2.0;

/// Chance of at least `slow` visits above their sites' limits; `blocks` are (visits, slow) of the
/// baseline's blocks.
pub(super) fn chance(sites: &[Past], slow: f64, blocks: &[(f64, f64)]) -> f64 {
    let (mut n, mut mean, mut variance) = (0.0, 0.0, 0.0);
    for s in sites.iter().filter(|s| s.visits >= 1.0 && s.now > 0.0) {
        let p = ((s.slow + 1.0) / (s.visits + 1.0)).min(0.999);
        let rho = 1.0 / (s.visits + 2.0);
        n += s.now;
        mean += s.now * p;
        variance += s.now * p * (1.0 - p) * (1.0 + (s.now - 1.0).max(0.0) * rho);
    }
    if n < 1.0 {
        return 1.0;
    }
    let p = (mean / n).clamp(1e-6, 0.999);
    let single = n * p * (1.0 - p);
    let wide = variance * dispersion(blocks) / single;
    let rho = ((wide - 1.0) / (n - 1.0).max(1.0)).clamp(0.0, 0.9);
    beta_binomial_tail(n.round() as u64, slow.round() as u64, p, rho)
}

/// How much wider than by chance the blocks' counts of slow visits scatter, at least 1.
fn dispersion(blocks: &[(f64, f64)]) -> f64 {
    let (visits, slow) = blocks.iter().fold((0.0, 0.0), |(n, s), b| (n + b.0, s + b.1));
    let p = slow / f64::max(visits, 1.0);
    if p <= 0.0 || p >= 1.0 {
        return 1.0;
    }
    let squared: f64 = blocks.iter().map(|(n, s)| (s - n * p).powi(2) / (n * p * (1.0 - p))).sum();
    ((PRIOR_BLOCKS + squared) / (PRIOR_BLOCKS + blocks.len() as f64)).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_visits_of_two_callers_can_be_clear_together() {
        let one = |visits, now| Past { visits, slow: 1.0, now };
        // Exactly: 8! * 14! / 21! = 6.9e-5 and 7! * 15! / 21! = 1.3e-4.
        let alone = chance(&[one(14.0, 7.0)], 7.0, &[]);
        assert!((alone / 6.88e-5 - 1.0).abs() < 0.01, "{alone}");
        let both = chance(&[one(14.0, 7.0), one(15.0, 6.0)], 13.0, &[]);
        assert!(both < 1e-6, "{both}");
        assert!(chance(&[one(14.0, 7.0), one(15.0, 6.0)], 4.0, &[]) > 1e-2);
    }

    #[test]
    fn clumps_in_the_baseline_widen_the_chance() {
        let site = [Past { visits: 200.0, slow: 20.0, now: 40.0 }];
        let even = vec![(20.0, 2.0); 10];
        let clumped: Vec<(f64, f64)> =
            (0..10).map(|i| (20.0, if i < 2 { 10.0 } else { 0.0 })).collect();
        let (even, clumped) = (chance(&site, 14.0, &even), chance(&site, 14.0, &clumped));
        assert!(even < 1e-3 && clumped > 10.0 * even, "{even} {clumped}");
    }
}
