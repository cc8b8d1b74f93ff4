//! How often each service is asked: its segments per second, before and after.
//!
//! Only over the time since it was first asked: a stretch that reaches back to before the doors opened, or to
//! where traces had not settled yet, would halve what is usual, and make a surge of every look.

use super::{Shift, Stretch};
use crate::catalog::Catalog;
use crate::stats::{median, robust_sigma};
use longpole_model::signal::{Scope, Timestamp, WindowSummary};
use std::collections::BTreeMap;

/// Segments of each service.
type Counts<'a> = BTreeMap<&'a str, f64>;

/// Segments per second of each service, with the spread between blocks of the baseline.
pub(super) fn demand(sides: [&Stretch; 2], catalog: &Catalog) -> BTreeMap<String, Shift> {
    let [before, after] = sides;
    let begun = begun(before, catalog);
    let blocks: Vec<_> = before.blocks.iter().map(|w| (w, count(w, catalog))).collect();
    let [then, now] = sides.map(|side| count(&side.all, catalog));
    let one = |service: &str, n: f64| {
        let since = begun.get(service).copied().unwrap_or_default();
        let m = now.get(service).copied().unwrap_or(0.0);
        let rates = blocks.iter().filter_map(|(w, counts)| {
            let n = counts.get(service).copied().filter(|n| *n > 0.0)?;
            Some(n / seconds(w, since))
        });
        let rates: Vec<f64> = rates.collect();
        let usual = median(&rates);
        // Poisson's spread over both stretches is the least there can be.
        let both = 1.0 / after.seconds() + 1.0 / seconds(&before.all, since);
        let poisson = (usual.max(1e-9) * both).sqrt();
        Shift {
            before: usual,
            after: m / after.seconds(),
            sigma: robust_sigma(&rates).max(poisson).max(0.05 * usual),
            samples: [n as u64, m as u64],
        }
    };
    then.iter().map(|(service, n)| ((*service).to_owned(), one(service, *n))).collect()
}

fn count<'a>(w: &WindowSummary, catalog: &'a Catalog) -> Counts<'a> {
    let mut out = Counts::new();
    for (key, value) in w.entries.iter().filter(|(k, _)| k.scope == Scope::Segment) {
        if let Some(o) = catalog.operation_of(key.operation) {
            *out.entry(&o.service).or_default() += value.weight as f64 / 65_536.0;
        }
    }
    out
}

/// When each service was first asked.
fn begun<'a>(side: &Stretch, catalog: &'a Catalog) -> BTreeMap<&'a str, Timestamp> {
    let mut out: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for (id, at) in &side.begun {
        if let Some(o) = catalog.operation_of(*id) {
            let first = out.entry(&o.service).or_insert(*at);
            *first = (*first).min(*at);
        }
    }
    out
}

/// Seconds of a block from `since` on.
fn seconds(w: &WindowSummary, since: Timestamp) -> f64 {
    (w.window.end.since(w.window.start.max(since)) as f64 / 1e9).max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Interner;
    use crate::facts::CLEAR;
    use crate::limits::Limits;
    use crate::memo::Seed;
    use longpole_model::signal::{
        Batch, EntryKey, EntryValue, OperationId, OperationRow, Resource, SECOND, SpanCategory,
        SpanKind, VersionId, Window,
    };
    use std::sync::Arc;

    fn catalog() -> Arc<Catalog> {
        let row = OperationRow {
            resource: Arc::new(Resource {
                service: "shop".into(),
                named: true,
                ..Resource::default()
            }),
            kind: SpanKind::Server,
            category: SpanCategory::Own,
            name: "GET /".to_owned(),
            peer: String::new(),
        };
        let mut interner = Interner::new(Limits::default(), Seed(0));
        let batch = Batch { operations: vec![Arc::new(row)], ..Batch::default() };
        interner.map(&batch, Timestamp(0));
        Arc::clone(interner.catalog())
    }

    /// A second for each number, with so many requests.
    fn stretch(from: u64, requests: &[u64]) -> Stretch {
        let window = |(i, n): (usize, &u64)| {
            let start = Timestamp((1_000 + from + i as u64) * SECOND);
            let mut w = WindowSummary::empty(Window { start, end: start.plus(SECOND) });
            let (operation, version) = (OperationId(0), VersionId::NONE);
            let key =
                EntryKey { scope: Scope::Segment, operation, version, failed: false, band: 20 };
            let value = EntryValue { weight: n << 16, entries: *n, duration_ns: n * 1_000_000 };
            w.entries = if *n > 0 { vec![(key, value)] } else { Vec::new() };
            w
        };
        let windows: Vec<WindowSummary> = requests.iter().enumerate().map(window).collect();
        Stretch::new(windows.iter(), None)
    }

    fn shift(before: &[u64], after: &[u64]) -> Shift {
        let sides = [stretch(0, before), stretch(before.len() as u64, after)];
        demand([&sides[0], &sides[1]], &catalog())["shop"]
    }

    #[test]
    fn time_before_the_first_request_is_not_what_is_usual() {
        let mut opening = [0; 20];
        opening[9..].fill(23);
        let same = shift(&opening, &[23; 11]);
        assert_eq!((same.before, same.after), (23.0, 23.0), "nobody asks more often");
        let surge = shift(&opening, &[60; 11]);
        assert!(surge.z() >= CLEAR && surge.ratio().is_some_and(|r| r > 2.5), "{surge:?}");
    }

    #[test]
    fn a_pause_is_part_of_what_is_usual() {
        let mut pause = [20; 40];
        pause[10..30].fill(0);
        assert!((shift(&pause, &[20; 10]).before - 10.0).abs() < 1e-9);
    }
}
