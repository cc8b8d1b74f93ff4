//! Calls between services seen from both ends: how long the caller waits, how long the callee takes.
//!
//! A caller that waits for less time than its callee takes has given up: nothing but a timeout ends a
//! client's span before the server's. Both are durations, so clocks that differ do not matter.

use super::Stretch;
use longpole_model::signal::{EdgeSummary, OperationId, WindowSummary};
use std::collections::BTreeMap;

/// One edge before and after.
#[derive(Clone, Copy, Debug)]
pub struct EdgeFact {
    /// The span that called.
    pub caller: OperationId,
    /// The span that served it.
    pub callee: OperationId,
    /// Calls.
    pub calls: [u64; 2],
    /// What nine tenths of the calls took at most from the caller's view, nanoseconds.
    pub waited_ns: [u64; 2],
    /// What half of the calls took at most from the callee's view, nanoseconds.
    pub took_ns: [u64; 2],
}

/// Calls of an edge in each stretch that it is judged by.
const MIN_CALLS: u64 = 20;

/// All edges that both stretches know enough about.
pub(super) fn edges(before: &Stretch, after: &Stretch) -> Vec<EdgeFact> {
    let now: BTreeMap<_, _> = rows(&after.all).collect();
    let pairs = rows(&before.all).filter_map(|(key, then)| Some((key, then, *now.get(&key)?)));
    let facts = pairs.map(|((caller, callee), then, now)| EdgeFact {
        caller,
        callee,
        calls: [then, now].map(|e| e.weight >> 16),
        waited_ns: [then, now].map(|e| e.caller.quantile(0.9)),
        took_ns: [then, now].map(|e| e.callee.quantile(0.5)),
    });
    facts.filter(|f| f.calls.iter().all(|n| *n >= MIN_CALLS)).collect()
}

fn rows(w: &WindowSummary) -> impl Iterator<Item = ((OperationId, OperationId), &EdgeSummary)> {
    let inside = w.edges.iter().filter(|(k, _)| k.caller != OperationId::NONE);
    inside.map(|(k, e)| ((k.caller, k.callee), e))
}
