//! What a fix would gain, in user-seconds a day, and in what order to work.
//!
//! Three bases, in this order: path profiles (the requests re-run with the culprit's sites as they
//! were), Amdahl's law where there are no traces, and failed requests that users have to repeat.
//! The effort comes from the routing tree.

use super::Tree;
use longpole_model::finding::{
    Attribution, Bottleneck, Direction, Measure, Regression, SiteShare, Worth,
};
use longpole_model::signal::SECOND;
use std::cmp::Ordering;

/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// One entry operation with its path profile.
#[derive(Clone, Copy, Debug)]
pub struct EntryLoad<'a> {
    /// Whose time it is. Deltas are nanoseconds per request that the profile covers.
    pub attribution: &'a Attribution,
    /// Requests of the entry operation per second, all of them.
    pub requests_per_second: f64,
    /// Share of them that the profile covers, 0 to 1: 1 for a profile over all bands of duration,
    /// the share of hurt requests for one over the slow bands.
    pub share: f64,
}

/// What is at stake.
#[derive(Clone, Copy, Debug)]
pub struct Stakes<'a> {
    /// The verdict.
    pub bottleneck: &'a Bottleneck,
    /// Entry operations with profiles; empty where there are no traces.
    pub profiles: &'a [EntryLoad<'a>],
    /// What got worse.
    pub regressions: &'a [Regression],
    /// Requests of the culprit per second; counts where no profile does, and for failures.
    pub requests_per_second: f64,
    /// Share of the request time that the culprit's resource takes, 0 to 1, for Amdahl; 1 = not
    /// known, the measured time is its own.
    pub fraction: f64,
}

/// User-seconds a day, effort, and the quotient.
pub fn worth(tree: &Tree, specialist: &str, stakes: &Stakes<'_>) -> Worth {
    let (mut seconds, mut rate, mut method) = counterfactual(stakes);
    if seconds <= 0.0 {
        (seconds, rate, method) = amdahl(stakes);
    }
    let failed = failures(stakes, tree.defaults.failure_seconds);
    if failed > 0.0 {
        let how = "failed requests, each repeated once";
        method = if seconds > 0.0 { format!("{method}; {how}") } else { how.into() };
        rate = rate.max(finite(stakes.requests_per_second));
        seconds += failed;
    }
    if seconds <= 0.0 {
        method = "no request time or failure to gain back was measured".into();
    }
    let effort_hours = tree.effort_hours(specialist, stakes.bottleneck.kind).max(0.1);
    Worth {
        user_seconds_per_day: seconds,
        method,
        effort_hours,
        return_on_effort: seconds / effort_hours,
        requests_per_second: rate,
    }
}

/// Best first: return on effort, then user-seconds.
pub fn best_first(a: &Worth, b: &Worth) -> Ordering {
    b.return_on_effort
        .total_cmp(&a.return_on_effort)
        .then(b.user_seconds_per_day.total_cmp(&a.user_seconds_per_day))
}

/// The requests re-run with the culprit's sites at their old cost and visits. What other sites gained
/// or lost stays; no request gets shorter than nothing.
fn counterfactual(stakes: &Stakes<'_>) -> (f64, f64, String) {
    let b = stakes.bottleneck;
    let (mut seconds, mut rate, mut sites) = (0.0, 0.0, 0usize);
    for p in stakes.profiles {
        let mine = |s: &&SiteShare| s.site.service == b.service || b.site.as_ref() == Some(&s.site);
        let culprit = p.attribution.sites.iter().filter(mine);
        let slower: Vec<f64> = culprit.map(|s| finite(s.delta_ns)).filter(|d| *d > 0.0).collect();
        let [_, after] = p.attribution.duration_ns;
        let gain = slower.iter().sum::<f64>().min(finite(after));
        if gain > 0.0 {
            sites += slower.len();
            let hurt = finite(p.requests_per_second) * p.share.clamp(0.0, 1.0);
            rate += finite(p.requests_per_second);
            seconds += gain / SECOND as f64 * hurt * DAY;
        }
    }
    let what = if sites == 1 { "site" } else { "sites" };
    let method = format!("counterfactual of path profiles: {sites} {what} back to the baseline");
    (seconds, rate, method)
}

/// Amdahl's law on measured times: T' = T x ((1 - f) + f / s), with s = observed / expected.
fn amdahl(stakes: &Stakes<'_>) -> (f64, f64, String) {
    let rate = finite(stakes.requests_per_second);
    let f = stakes.fraction.clamp(0.0, 1.0);
    let gain = |r: &Regression| {
        let nanos = unit_nanos(&r.unit)?;
        let slower = matches!(r.measure, Measure::Duration { .. } | Measure::Series)
            && r.direction == Direction::Up;
        let (old, new) = (finite(r.expected), finite(r.observed));
        let ratio = if new > 0.0 { old / new } else { 1.0 };
        let share = match r.measure {
            Measure::Duration { quantile } => 1.0 - quantile.clamp(0.0, 1.0),
            Measure::Rate | Measure::ErrorRatio | Measure::Series => 1.0,
        };
        slower.then_some(new * nanos / SECOND as f64 * f * (1.0 - ratio).max(0.0) * share)
    };
    let best = stakes.regressions.iter().filter_map(gain).fold(0.0, f64::max);
    let method = format!("Amdahl on the measured request time, share {:.0} %", f * 100.0);
    (best * rate * DAY, rate, method)
}

/// Requests that fail now and did not before, each repeated once.
fn failures(stakes: &Stakes<'_>, failure_seconds: f64) -> f64 {
    let extra = stakes
        .regressions
        .iter()
        .filter(|r| r.measure == Measure::ErrorRatio && r.direction == Direction::Up)
        .map(|r| finite(r.observed - r.expected).clamp(0.0, 1.0))
        .fold(0.0, f64::max);
    let repeat = stakes.profiles.iter().map(|p| p.attribution.duration_ns[0]).fold(0.0, f64::max);
    let each = failure_seconds.max(0.0) + finite(repeat).max(0.0) / SECOND as f64;
    extra * each * finite(stakes.requests_per_second) * DAY
}

/// Share of requests hurt, 0 to 1, as far as the measures show: the greatest over them. A slower
/// quantile hurts at least what lies above it; without either, everything (a series says no share).
pub fn share_hurt(regressions: &[Regression]) -> f64 {
    let share = |r: &Regression| match r.measure {
        Measure::ErrorRatio => finite(r.observed - r.expected).max(0.0),
        Measure::Duration { quantile } if unit_nanos(&r.unit).is_some() => 1.0 - quantile,
        Measure::Duration { .. } => finite(r.observed - r.expected).max(0.0),
        Measure::Rate => 1.0 - finite(r.effect_ratio.unwrap_or(1.0)),
        Measure::Series => 0.0,
    };
    let measured = regressions.iter().filter(|r| r.measure != Measure::Series);
    if measured.clone().next().is_none() {
        return if regressions.is_empty() { 0.0 } else { 1.0 };
    }
    measured.map(share).fold(0.0, f64::max).clamp(0.0, 1.0)
}

/// Nanoseconds of one of these units of time.
fn unit_nanos(unit: &str) -> Option<f64> {
    match unit {
        "ns" => Some(1.0),
        "us" | "µs" => Some(1e3),
        "ms" => Some(1e6),
        "s" => Some(1e9),
        _ => None,
    }
}

fn finite(x: f64) -> f64 {
    if x.is_finite() { x } else { 0.0 }
}

#[cfg(test)]
mod tests;
