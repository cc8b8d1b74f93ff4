//! The time of the requests that visit a site: what its excess is weighed against.
//!
//! A site that takes a hundredth of its requests' time longer is no bottleneck, however improbable the
//! change is. Whole traces where their roots are there, else segments.

use longpole_model::signal::{OperationId, Scope, SiteKey, WindowSummary};
use std::collections::{BTreeMap, BTreeSet};

/// Which entries visit a site, and how long they took in all.
#[derive(Debug, Default)]
pub(super) struct Requests {
    durations: BTreeMap<(Scope, OperationId), f64>,
    entries: BTreeMap<(Scope, SiteKey), Vec<OperationId>>,
}

impl Requests {
    /// Of a stretch.
    pub(super) fn new(w: &WindowSummary) -> Self {
        let mut out = Self::default();
        for (key, value) in &w.entries {
            *out.durations.entry((key.scope, key.operation)).or_default() +=
                value.duration_ns as f64;
        }
        for ((key, site), _) in &w.paths {
            let entries = out.entries.entry((key.scope, *site)).or_default();
            // Rows are sorted by entry: one seen before was seen last.
            if entries.last() != Some(&key.operation) {
                entries.push(key.operation);
            }
        }
        out
    }

    /// Nanoseconds of all requests that visit any of these sites; 0 where no profile has them.
    pub(super) fn time_ns<'a>(&self, sites: impl Iterator<Item = &'a SiteKey> + Clone) -> f64 {
        let within = |scope| {
            let visiting = sites.clone().filter_map(|s| self.entries.get(&(scope, *s)));
            let entries: BTreeSet<OperationId> = visiting.flatten().copied().collect();
            entries.iter().filter_map(|e| self.durations.get(&(scope, *e))).sum::<f64>()
        };
        let whole: f64 = within(Scope::Trace);
        if whole > 0.0 { whole } else { within(Scope::Segment) }
    }
}
