//! Visits per request: calls that stopped, calls that multiplied.
//!
//! For every segment entry operation, how often each of its sites is visited per request, before
//! and after. An exception that returns early shows as missing visits, an N+1 as surplus ones.

use super::Stretch;
use crate::catalog::Catalog;
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
    /// What a request took on average, nanoseconds, before and after.
    pub duration_ns: [f64; 2],
    /// (seen - expected) / spread, where the spread is Poisson's times the dispersion seen between
    /// blocks of the baseline: above 1 where visits clump, below 1 where every request makes the same.
    pub z: f64,
}

/// All visits of a stretch pair.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// By entry and site.
    pub rows: Vec<CallFacts>,
}

/// Requests and their nanoseconds.
type Counts = BTreeMap<OperationId, (f64, f64)>;
type Visits = BTreeMap<(OperationId, SiteKey), f64>;

fn count(w: &WindowSummary) -> (Counts, Visits) {
    let mut entries = Counts::new();
    for (key, value) in w.entries.iter().filter(|(k, _)| k.scope == Scope::Segment) {
        let entry = entries.entry(key.operation).or_default();
        entry.0 += value.weight as f64 / 65_536.0;
        entry.1 += value.duration_ns as f64;
    }
    let mut visits = Visits::new();
    let segments = w.paths.iter().filter(|((k, _), _)| k.scope == Scope::Segment);
    for ((key, site), value) in segments.filter(|((_, s), _)| s.category.is_time()) {
        *visits.entry((key.operation, *site)).or_default() += value.visits as f64 / 65_536.0;
    }
    (entries, visits)
}

/// Requests that an entry needs in baseline and window. So few are enough where all of them always made
/// the same visits: the dispersion says so.
const MIN_REQUESTS: [f64; 2] = [10.0, 4.0];
/// Blocks' worth of clumps that the observed dispersion is weighed against.
const PRIOR_BLOCKS: f64 = 2.0;

/// Dispersion of visits from the squared standardised residuals of blocks. Until blocks say otherwise,
/// visits come in clumps of as many as one request makes; the greatest residual of many is left out:
/// one odd minute is no spread.
fn dispersion(mut squared: Vec<f64>, per_request: f64) -> f64 {
    squared.sort_unstable_by(f64::total_cmp);
    if squared.len() >= 5 {
        squared.pop();
    }
    let prior = PRIOR_BLOCKS * per_request.max(1.0);
    (prior + squared.iter().sum::<f64>()) / (PRIOR_BLOCKS + squared.len() as f64)
}

impl Calls {
    /// Measures every site below every entry that has enough requests in both stretches.
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
            let both = [&then_n, &now_n].map(|n| n.get(&entry).copied().unwrap_or_default());
            let requests = both.map(|(n, _)| n);
            if requests[0] < MIN_REQUESTS[0]
                || requests[1] < MIN_REQUESTS[1]
                || catalog.operation_of(entry).is_none()
            {
                continue;
            }
            let key = (entry, site);
            let visits = [&then, &now].map(|v| v.get(&key).copied().unwrap_or(0.0));
            let rate = visits[0] / requests[0];
            let squared = blocks.iter().filter_map(|(n, v)| {
                let expected = n.get(&entry)?.0 * rate;
                let seen = v.get(&key).copied().unwrap_or(0.0);
                (expected > 0.0).then(|| (seen - expected).powi(2) / expected)
            });
            let dispersion = dispersion(squared.collect(), rate);
            let expected = requests[1] * rate;
            let z = (visits[1] - expected) / (dispersion * expected.max(1.0)).sqrt();
            let per_request = [rate, visits[1] / requests[1]];
            let duration_ns = both.map(|(n, ns)| ns / n);
            rows.push(CallFacts { entry, site, per_request, requests, duration_ns, z });
        }
        Self { rows }
    }
}
