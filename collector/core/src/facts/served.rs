//! How often each operation served, whoever called it: segments that stand alone count like others.
//!
//! A call that is not seen in its caller's request, and is served all the same, did not stop: its span is
//! missing.

use super::Stretch;
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
