//! When more began to be asked, or done: the change-point of the requests that a population takes, and of the calls
//! that they make.
//!
//! What more work makes slow alarms later than it came, since queues fill first and a machine has something left; a
//! baseline that ends at the alarm reaches into it and takes it for usual. What grew for other reasons is not told
//! here, nor whose fault it is.

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

/// What was counted in a window.
#[derive(Clone, Copy, Debug)]
struct Count {
    start: Timestamp,
    /// Among what it was counted: seconds, or requests.
    among: f64,
    events: f64,
}

/// When requests of the population began to come half as often again, or to make half as many calls again, if that
/// was at `first` or later and before `last`; the earlier of both.
pub fn surge(
    windows: &[&WindowSummary],
    population: &Population,
    first: Timestamp,
    last: Timestamp,
) -> Option<Timestamp> {
    let count = |w: &&WindowSummary| Count {
        start: w.window.start,
        among: w.window.seconds(),
        events: requests(w, population),
    };
    let asked: Vec<Count> = windows.iter().map(count).skip_while(|c| c.events <= 0.0).collect();
    // Calls have a row for each place, thousands a window: as long before and behind is enough of them.
    let long = last.since(first);
    let around = first.minus(long)..last.plus(long);
    let begun = windows.iter().skip(windows.len() - asked.len());
    let called = asked.iter().zip(begun).filter(|(c, _)| around.contains(&c.start));
    let called =
        called.map(|(c, w)| Count { among: c.events, events: visits(w, population), ..*c });
    let called: Vec<Count> = called.collect();
    let near = |start: &Timestamp| *start >= first && *start < last;
    [asked, called].iter().filter_map(|counts| grown(counts)).filter(near).min()
}

/// Where events became half as frequent again: the place that divides the windows' counts into two rates with the
/// greatest likelihood, over-dispersion allowed for.
fn grown(counts: &[Count]) -> Option<Timestamp> {
    let sum =
        |side: &[Count]| side.iter().fold((0.0, 0.0), |(n, t), c| (n + c.events, t + c.among));
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
    (clear && rate(now) >= GROWN * rate(then)).then_some(start)
}

/// Whole requests that the population took: those whose root it is.
fn requests(w: &WindowSummary, population: &Population) -> f64 {
    let ours = population.entered(&w.entries, Scope::Trace, |(k, _)| k);
    ours.into_iter().flatten().map(|(_, v)| v.weight as f64 / 65_536.0).sum()
}

/// Calls of those requests, and their own parts: all places that they visit.
fn visits(w: &WindowSummary, population: &Population) -> f64 {
    let ours = population.entered(&w.paths, Scope::Trace, |((k, _), _)| k);
    ours.into_iter().flatten().map(|(_, v)| v.visits as f64 / 65_536.0).sum()
}

/// The part of a Poisson log-likelihood that a rate of its own decides.
fn log((n, among): (f64, f64)) -> f64 {
    if n > 0.0 { n * (n / among.max(1e-9)).ln() } else { 0.0 }
}

/// How much wider than Poisson's the counts scatter around a rate, at least 1.
fn dispersion(counts: &[Count], rate: f64) -> f64 {
    let residual = |c: &Count| {
        let expected = (rate * c.among).max(1e-9);
        (c.events - expected).powi(2) / expected
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
        let one = requests.iter().map(|n| (*n, *n)).collect::<Vec<_>>();
        found_of(&one, first, last)
    }

    /// Windows of ten seconds, with so many requests and visits each.
    fn found_of(counts: &[(u64, u64)], first: u64, last: u64) -> Option<u64> {
        let operation = OperationId(0);
        let version = VersionId::NONE;
        let key = EntryKey { scope: Scope::Trace, operation, version, failed: false, band: 20 };
        let site = SiteKey { operation, peer: OperationId::NONE, category: Category::Own };
        let windows: Vec<WindowSummary> = (0..)
            .zip(counts)
            .map(|(i, (n, visits))| {
                let start = at(i * 10);
                let window = Window { start, end: start.plus(10 * SECOND) };
                let value = EntryValue { weight: n << 16, entries: *n, duration_ns: *n };
                WindowSummary {
                    entries: vec![(key, value)],
                    paths: vec![(
                        (key, site),
                        PathValue { visits: visits << 16, ..PathValue::default() },
                    )],
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
    fn calls_that_multiply_begin_before_they_hurt() {
        let requests = [200, 190, 215, 205, 195, 210, 200, 188, 207, 199, 204, 196, 190, 208, 201];
        let each = |more: u64| -> Vec<(u64, u64)> {
            let of = |(i, n): (usize, &u64)| (*n, 3 * n + if i < 10 { 0 } else { more * n });
            requests.iter().enumerate().map(of).collect()
        };
        assert_eq!(found_of(&each(75), 60, 120), Some(100), "felt at 120");
        assert_eq!(found_of(&each(75), 60, 100), None, "nothing is earlier than the alarm");
        assert_eq!(found_of(&each(1), 60, 120), None, "a third more");
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
