//! Waits that were not there before: who waits for a pool or a lock says so only when it waits, so that a baseline in
//! which nobody had to shows nothing.
//!
//! Such a site has no p90 and no spread to be held against; it is judged by how often it came and by the part that it
//! has in the time of its requests.

use super::felt::Requests;
use super::sites::{above, flow_of};
use super::{Flow, FlowFact, Shift, Stretch};
use crate::catalog::Catalog;
use crate::stats::binomial_tail;
use longpole_model::signal::{Category, SiteKey, SiteSummary};

/// Part of its requests' time that a wait without a past must take: more than one that is known must be felt by.
const PART: f64 = 0.1;
/// Visits in the window at least.
const LEAST: u64 = 20;

/// Declared waits that the baseline hardly knows and that take a good part of their requests' time now.
pub(super) fn waits(
    [before, after]: [&Stretch; 2],
    requests: &Requests,
    least_known: u64,
    catalog: &Catalog,
) -> Vec<(Flow, FlowFact)> {
    let waits = after.all.sites.iter().filter(|(k, _)| k.category == Category::Wait);
    let fresh = waits.filter_map(|(site, now)| {
        let then = before.all.sites.iter().find(|(k, _)| k == site).map_or(0, |(_, s)| s.visits);
        if then >= least_known || now.visits < LEAST {
            return None;
        }
        let fact = fact(site, then, now, [before.seconds(), after.seconds()], requests);
        let felt = fact.requests_ns > 0.0 && fact.total_excess_ns() >= PART * fact.requests_ns;
        Some((flow_of(site, catalog)?, fact)).filter(|_| felt)
    });
    fresh.collect()
}

fn fact(
    site: &SiteKey,
    then: u64,
    now: &SiteSummary,
    seconds: [f64; 2],
    requests: &Requests,
) -> FlowFact {
    let samples = [then, now.visits];
    let (visits, nanos) = above(&now.durations, 0);
    let mean = nanos / visits.max(1.0);
    let share = seconds[1] / (seconds[0] + seconds[1]);
    FlowFact {
        // All of it is above what was usual, which was nothing.
        share: Shift { before: 0.1, after: 1.0, sigma: 0.02, samples },
        excess_ns: Shift { before: 0.0, after: mean, sigma: (0.1 * mean).max(1_000.0), samples },
        visits: samples,
        // Of so many visits in both stretches, so many in the later one.
        chance: binomial_tail(then + now.visits, now.visits, share),
        failing_chance: 1.0,
        requests_ns: requests.time_ns(std::iter::once(site)),
        worst: Some((*site, [0, 0], now.durations.quantiles([0.5, 0.99]))),
        moved_sites: [1, 1],
        ..FlowFact::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longpole_model::signal::{
        EntryKey, EntryValue, OperationId, PathValue, SECOND, Scope, Timestamp, VersionId, Window,
        WindowSummary,
    };

    /// A minute in which a hundred requests of 20 ms come, of which so many wait for `wait` nanoseconds.
    fn stretch(start: u64, waiting: u64, wait: u64) -> Stretch {
        let start = Timestamp(start * SECOND);
        let mut w = WindowSummary::empty(Window { start, end: start.plus(60 * SECOND) });
        let (operation, version) = (OperationId(0), VersionId::NONE);
        let key = EntryKey { scope: Scope::Trace, operation, version, failed: false, band: 24 };
        let value = EntryValue { weight: 100 << 16, entries: 100, duration_ns: 2_000_000_000 };
        w.entries = vec![(key, value)];
        if waiting > 0 {
            let site = site();
            let mut summary = SiteSummary { visits: waiting, ..SiteSummary::default() };
            (0..waiting).for_each(|_| summary.durations.record(wait, 1 << 16));
            w.sites = vec![(site, summary)];
            w.paths = vec![((key, site), PathValue::default())];
        }
        Stretch::new([&w].into_iter(), None)
    }

    fn site() -> SiteKey {
        let none = OperationId::NONE;
        SiteKey { operation: OperationId(1), peer: none, category: Category::Wait }
    }

    fn grew(then: u64, now: u64, wait: u64) -> bool {
        let sides = [stretch(600, then, wait), stretch(660, now, wait)];
        let summary = &sides[1].all.sites[0].1;
        let requests = Requests::new(&sides[1].all);
        let f = fact(&site(), then, summary, [60.0, 60.0], &requests);
        f.grew() && f.total_excess_ns() >= PART * f.requests_ns
    }

    #[test]
    fn a_wait_that_nobody_had_is_one() {
        assert!(grew(0, 80, 9_000_000), "eight of ten wait for nine of twenty milliseconds");
        assert!(!grew(0, 80, 900_000), "less than a millisecond");
        assert!(!grew(0, 21, 1_500_000), "hardly any of their time");
        assert!(!grew(7, 21, 9_000_000), "it may be chance");
    }
}
