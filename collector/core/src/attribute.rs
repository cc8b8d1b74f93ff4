//! The verb *attribute*: whose time a change is.
//!
//! Two path profiles subtract: the change in an entry's time per request is split exactly over the
//! sites of its critical path, each split again into more visits and slower visits. What kind of
//! bottleneck a site has is not said here.

mod profile;

pub use profile::{Tail, differential, site};

use crate::catalog::Catalog;
use longpole_model::finding::Attribution;
use longpole_model::signal::{EntryKey, OperationId, Scope, WindowSummary};
use std::collections::BTreeMap;

/// Entries need this many requests on both sides.
const MIN_ENTRIES: u64 = 20;

/// The entry operations whose time per request changed most in all (requests times change),
/// greatest slow-down first, at most `most`. Whole traces where their roots are there, else
/// segments.
pub fn attributions(
    before: &WindowSummary,
    after: &WindowSummary,
    catalog: &Catalog,
    most: usize,
) -> Vec<Attribution> {
    let count = |w: &WindowSummary| {
        let mut n: BTreeMap<(Scope, OperationId), u64> = BTreeMap::new();
        for (EntryKey { scope, operation, .. }, value) in &w.entries {
            *n.entry((*scope, *operation)).or_default() += value.entries;
        }
        n
    };
    let (then, now) = (count(before), count(after));
    let rooted = then.keys().any(|(scope, _)| *scope == Scope::Trace);
    let scope = if rooted { Scope::Trace } else { Scope::Segment };
    let mut found: Vec<(f64, Attribution)> = Vec::new();
    for ((s, operation), n) in then.iter().filter(|((s, _), _)| *s == scope) {
        let m = now.get(&(*s, *operation)).copied().unwrap_or(0);
        if *n < MIN_ENTRIES || m < MIN_ENTRIES {
            continue;
        }
        if let Some(a) = differential(before, after, (*s, *operation), Tail::ALL, catalog) {
            let lost = (a.duration_ns[1] - a.duration_ns[0]) * m as f64;
            found.push((lost, a));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.entry.cmp(&b.1.entry)));
    found.into_iter().filter(|(lost, _)| *lost > 0.0).take(most).map(|(_, a)| a).collect()
}
