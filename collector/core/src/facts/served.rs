//! How often each operation served, whoever called it: segments that stand alone count like others.
//!
//! A call that is not seen in its caller's request, and is served all the same, did not stop: its span is
//! missing. Nor did what a service does itself, where its spans are as many as before: they came so long before
//! the rest of their request that its trace had been closed.

use super::{CLEAR, CallFacts, Facts, Stretch};
use longpole_model::signal::{Category, OperationId, Scope, Sketch};
use std::collections::{BTreeMap, BTreeSet};

/// Segments per second, before and after.
pub(super) fn served(sides: [&Stretch; 2]) -> BTreeMap<OperationId, [f64; 2]> {
    let mut out: BTreeMap<OperationId, [f64; 2]> = BTreeMap::new();
    for (i, side) in sides.into_iter().enumerate() {
        let segments = side.all.entries.iter().filter(|(k, _)| k.scope == Scope::Segment);
        for (key, value) in segments {
            out.entry(key.operation).or_default()[i] +=
                value.weight as f64 / 65_536.0 / side.seconds();
        }
    }
    out
}

/// Spans per second, before and after.
pub(super) fn told(sides: [&Stretch; 2]) -> BTreeMap<OperationId, [f64; 2]> {
    let mut out: BTreeMap<OperationId, [f64; 2]> = BTreeMap::new();
    for (i, side) in sides.into_iter().enumerate() {
        for (key, red) in &side.all.red {
            out.entry(key.operation).or_default()[i] +=
                red.weight as f64 / 65_536.0 / side.seconds();
        }
    }
    out
}

/// Median duration of some operations, nanoseconds, before and after.
pub(super) fn times(
    sides: [&Stretch; 2],
    of: &BTreeSet<OperationId>,
) -> BTreeMap<OperationId, [f64; 2]> {
    let mut all: BTreeMap<OperationId, [Sketch; 2]> = BTreeMap::new();
    for (i, side) in sides.into_iter().enumerate() {
        for (key, red) in side.all.red.iter().filter(|(k, _)| of.contains(&k.operation)) {
            all.entry(key.operation).or_default()[i].absorb(red.durations());
        }
    }
    all.into_iter().map(|(id, both)| (id, both.map(|s| s.quantile(0.5) as f64))).collect()
}

impl Facts {
    /// Calls, of categories that `of` picks, which requests of a service no longer show although they are served as
    /// before: spans between are missing or come too late, and neither what it calls nor its own time can be told.
    pub fn lost_sight(&self, service: &str, of: fn(Category) -> bool) -> Option<&CallFacts> {
        let fell = |c: &&CallFacts| {
            of(c.site.category)
                && self.name_of(c.entry) == service
                && c.z <= -CLEAR
                && c.per_request[1] <= 0.9 * c.per_request[0]
                && self.still_served(c)
        };
        self.calls.iter().filter(fell).min_by(|a, b| a.z.total_cmp(&b.z))
    }

    /// Whether the callee, or for what the service does itself its own span, is met nearly as often as if none of
    /// the missing visits were missing.
    fn still_served(&self, c: &CallFacts) -> bool {
        let rates = |all: &BTreeMap<OperationId, [f64; 2]>, id| all.get(&id).copied();
        let (seen, requests) = if c.site.peer == OperationId::NONE {
            (rates(&self.told, c.site.operation), rates(&self.told, c.entry))
        } else {
            let requests = [0, 1].map(|i: usize| c.requests[i] / self.seconds[i]);
            (rates(&self.served, c.site.peer), Some(requests))
        };
        let (Some([then, now]), Some([n, m])) = (seen, requests) else { return false };
        let missing = (c.per_request[0] - c.per_request[1]) * m;
        let fewer = then * (m / n.max(f64::MIN_POSITIVE)) - now;
        missing > 0.0 && fewer <= 0.5 * missing
    }
}
