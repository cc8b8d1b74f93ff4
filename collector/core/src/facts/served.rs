//! How often each operation served, whoever called it: segments that stand alone count like others.
//!
//! A call that is not seen in its caller's request, and is served all the same, did not stop: its span is
//! missing.

use super::{CLEAR, CallFacts, Facts, Stretch};
use longpole_model::signal::{OperationId, Scope, Sketch};
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
    /// Calls that requests of a service no longer show although they are served as before: spans between are
    /// missing or come too late, and neither what it calls nor its own time can be told.
    pub fn lost_sight(&self, service: &str) -> Option<&CallFacts> {
        let fell = |c: &&CallFacts| {
            self.name_of(c.entry) == service
                && c.z <= -CLEAR
                && c.per_request[1] <= 0.9 * c.per_request[0]
                && self.still_served(c)
        };
        self.calls.iter().filter(fell).min_by(|a, b| a.z.total_cmp(&b.z))
    }

    /// Whether the callee is called nearly as often as if none of the missing visits were missing.
    fn still_served(&self, c: &CallFacts) -> bool {
        let Some([then, now]) = self.served.get(&c.site.peer) else { return false };
        let [n, m] = [0, 1].map(|i: usize| c.requests[i] / self.seconds[i]);
        let missing = (c.per_request[0] - c.per_request[1]) * m;
        let fewer = then * (m / n.max(f64::MIN_POSITIVE)) - now;
        missing > 0.0 && fewer <= 0.5 * missing
    }
}
