//! When more began to be asked: the change-point of the requests that a population takes.
//!
//! What more requests make slow alarms later than they came, since queues fill first; a baseline that ends at the
//! alarm reaches into the surge and takes it for usual. What grew for other reasons is not told here, nor whose
//! fault it is.

use super::Population;
use crate::stats::{CHI_SQUARED_MEDIAN, median};
use longpole_model::signal::{Scope, Timestamp, WindowSummary};

/// Growth that can be a cause: the least that the rule for load takes.
const GROWN: f64 = 1.5;
/// Twice the logarithm of the likelihoods' ratio at which a change is believed: 5.5 standard deviations, so that
/// the best of hundreds of places is hardly chance.
const CLEAR: f64 = 30.0;
/// Windows on either side at least: fewer have no spread.
const LEAST: usize = 4;

/// Requests of a window.
#[derive(Clone, Copy, Debug)]
struct Count {
    start: Timestamp,
    seconds: f64,
    requests: f64,
}

/// When requests of the population began to come half as often again, if that was at `first` or later and before
/// `last`: the place that divides the windows' counts into two rates with the greatest likelihood, over-dispersion
/// allowed for.
pub fn surge(
    windows: &[&WindowSummary],
    population: &Population,
    first: Timestamp,
    last: Timestamp,
) -> Option<Timestamp> {
    let counts: Vec<Count> = windows
        .iter()
        .map(|w| Count {
            start: w.window.start,
            seconds: w.window.seconds(),
            requests: requests(w, population),
        })
        .skip_while(|c| c.requests <= 0.0)
        .collect();
    let sum =
        |side: &[Count]| side.iter().fold((0.0, 0.0), |(n, t), c| (n + c.requests, t + c.seconds));
    let at = (LEAST..(counts.len() + 1).saturating_sub(LEAST)).max_by(|a, b| {
        let likelihood = |at: usize| {
            let (before, after) = counts.split_at(at);
            log(sum(before)) + log(sum(after))
        };
        likelihood(*a).total_cmp(&likelihood(*b)).then(b.cmp(a))
    })?;
    let (before, after) = counts.split_at(at);
    let [then, now] = [before, after].map(sum);
    let rate = |(n, t): (f64, f64)| n / t.max(1e-9);
    let gained = 2.0 * (log(then) + log(now) - log((then.0 + now.0, then.1 + now.1)));
    let clear = gained / dispersion(before, rate(then)).max(dispersion(after, rate(now))) >= CLEAR;
    let start = after.first()?.start;
    let near = start >= first && start < last;
    (near && clear && rate(now) >= GROWN * rate(then)).then_some(start)
}

/// Whole requests that the population took: those whose root it is.
fn requests(w: &WindowSummary, population: &Population) -> f64 {
    let rows = w.entries.iter().filter(|(k, _)| k.scope == Scope::Trace);
    let ours = rows.filter(|(k, _)| population.enters(k.operation));
    ours.map(|(_, v)| v.weight as f64 / 65_536.0).sum()
}

/// The part of a Poisson log-likelihood that a rate of its own decides.
fn log((n, seconds): (f64, f64)) -> f64 {
    if n > 0.0 { n * (n / seconds.max(1e-9)).ln() } else { 0.0 }
}

/// How much wider than Poisson's the counts scatter around a rate, at least 1.
fn dispersion(counts: &[Count], rate: f64) -> f64 {
    let residual = |c: &Count| {
        let expected = (rate * c.seconds).max(1e-9);
        (c.requests - expected).powi(2) / expected
    };
    let squares: Vec<f64> = counts.iter().map(residual).collect();
    (median(&squares) / CHI_SQUARED_MEDIAN).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Reached;
    use longpole_model::signal::{
        Category, EntryKey, EntryValue, OperationId, PathValue, SECOND, SiteKey, VersionId, Window,
    };

    fn at(s: u64) -> Timestamp {
        Timestamp(1_000 * SECOND + s * SECOND)
    }

    /// Windows of ten seconds, with so many requests each.
    fn found(requests: &[u64], first: u64, last: u64) -> Option<u64> {
        let operation = OperationId(0);
        let version = VersionId::NONE;
        let key = EntryKey { scope: Scope::Trace, operation, version, failed: false, band: 20 };
        let site = SiteKey { operation, peer: OperationId::NONE, category: Category::Own };
        let windows: Vec<WindowSummary> = (0..)
            .zip(requests)
            .map(|(i, n)| {
                let start = at(i * 10);
                let window = Window { start, end: start.plus(10 * SECOND) };
                let value = EntryValue { weight: n << 16, entries: *n, duration_ns: *n };
                WindowSummary {
                    entries: vec![(key, value)],
                    paths: vec![((key, site), PathValue::default())],
                    ..WindowSummary::empty(window)
                }
            })
            .collect();
        let population = Reached::new(vec![operation], windows.iter()).population(&[0], 100);
        let all: Vec<&WindowSummary> = windows.iter().collect();
        surge(&all, &population, at(first), at(last)).map(|t| t.since(at(0)) / SECOND)
    }

    #[test]
    fn a_surge_begins_where_the_counts_change_and_not_where_it_hurts() {
        let mut counts =
            [200, 190, 215, 205, 195, 210, 200, 188, 207, 199, 600, 640, 615, 620, 600];
        assert_eq!(found(&counts, 60, 120), Some(100), "felt at 120");
        assert_eq!(found(&counts, 60, 100), None, "nothing is earlier than the alarm");
        assert_eq!(found(&counts, 110, 130), None, "too long ago");
        counts[10..].fill(260);
        assert_eq!(found(&counts, 60, 120), None, "a third more");
        counts[10..].fill(60);
        assert_eq!(found(&counts, 60, 120), None, "less");
    }

    #[test]
    fn doors_that_open_are_no_surge() {
        let mut counts = [0; 15];
        counts[8..].fill(200);
        assert_eq!(found(&counts, 0, 150), None);
    }

    #[test]
    fn counts_that_swing_are_no_surge() {
        let swing: Vec<u64> = (0..16).map(|i| if i % 3 == 0 { 10 } else { 40 }).collect();
        assert_eq!(found(&swing, 0, 160), None);
    }
}
