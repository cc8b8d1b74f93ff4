//! Visits per request: calls that stopped, calls that multiplied.
//!
//! For every segment entry operation, how often each of its sites is visited per request, before
//! and after. An exception that returns early shows as missing visits, an N+1 as surplus ones.

use super::Stretch;
use crate::catalog::Catalog;
use crate::stats::{CHI_SQUARED_MEDIAN, median};
use longpole_model::signal::{Category, OperationId, Scope, SiteKey, WindowSummary};
use std::collections::BTreeMap;

/// Visits of one site per request of one entry operation.
#[derive(Clone, Debug)]
pub struct CallFacts {
    /// Entry operation of the segment.
    pub entry: OperationId,
    /// The site visited.
    pub site: SiteKey,
    /// Visits per request, before and after.
    pub per_request: [f64; 2],
    /// Requests, before and after.
    pub requests: [f64; 2],
    /// (seen - expected) / spread, where the spread is Poisson's times the over-dispersion seen
    /// between blocks of the baseline.
    pub z: f64,
}

/// All visits of a stretch pair.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// By entry and site.
    pub rows: Vec<CallFacts>,
}

type Counts = BTreeMap<OperationId, f64>;
type Visits = BTreeMap<(OperationId, SiteKey), f64>;

fn count(w: &WindowSummary) -> (Counts, Visits) {
    let mut entries = Counts::new();
    for (key, value) in w.entries.iter().filter(|(k, _)| k.scope == Scope::Segment) {
        *entries.entry(key.operation).or_default() += value.weight as f64 / 65_536.0;
    }
    let mut visits = Visits::new();
    for ((key, site), value) in w.paths.iter().filter(|((k, _), _)| k.scope == Scope::Segment) {
        *visits.entry((key.operation, *site)).or_default() += value.visits as f64 / 65_536.0;
    }
    (entries, visits)
}

impl Calls {
    /// Measures every site below every entry that has at least 10 requests in both stretches.
    pub fn new(before: &Stretch, after: &Stretch, catalog: &Catalog) -> Self {
        let (then_n, then) = count(&before.all);
        let (now_n, now) = count(&after.all);
        let blocks: Vec<(Counts, Visits)> = before.blocks.iter().map(count).collect();
        let mut keys: Vec<(OperationId, SiteKey)> =
            then.keys().chain(now.keys()).copied().collect();
        keys.sort_unstable();
        keys.dedup();
        let mut rows = Vec::new();
        for (entry, site) in keys {
            // A segment's own entry span is visited once by definition.
            if site.operation == entry && site.category == Category::Own {
                continue;
            }
            let requests = [&then_n, &now_n].map(|n| n.get(&entry).copied().unwrap_or(0.0));
            if requests[0] < 10.0 || requests[1] < 10.0 || catalog.operation_of(entry).is_none() {
                continue;
            }
            let key = (entry, site);
            let visits = [&then, &now].map(|v| v.get(&key).copied().unwrap_or(0.0));
            let rate = visits[0] / requests[0];
            let squared = blocks.iter().filter_map(|(n, v)| {
                let expected = n.get(&entry)? * rate;
                let seen = v.get(&key).copied().unwrap_or(0.0);
                (expected > 0.0).then(|| (seen - expected).powi(2) / expected)
            });
            let squared: Vec<f64> = squared.collect();
            let dispersion = (median(&squared) / CHI_SQUARED_MEDIAN).max(1.0);
            let expected = requests[1] * rate;
            let z = (visits[1] - expected) / (dispersion * expected.max(1.0)).sqrt();
            let per_request = [rate, visits[1] / requests[1]];
            rows.push(CallFacts { entry, site, per_request, requests, z });
        }
        Self { rows }
    }
}
