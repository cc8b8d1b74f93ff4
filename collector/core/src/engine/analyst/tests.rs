//! The analyst on made-up windows: few stories among many operations.

use super::*;
use crate::catalog::Interner;
use crate::memo::Seed;
use longpole_model::finding::EventKind;
use longpole_model::signal::{
    Batch, Category, EntryKey, EntryValue, OperationId, OperationRow, PathValue, RedKey,
    RedSummary, Resource, Scope, SiteKey, SiteSummary, SpanCategory, SpanKind, VersionId, band_of,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Operations, shared by two services: each takes requests of its own and calls nobody.
const OPERATIONS: u32 = 300;
const REQUESTS: u32 = 60;

fn catalog() -> Arc<Catalog> {
    let row = |id: u32| OperationRow {
        resource: Arc::new(Resource {
            service: if id.is_multiple_of(2) { "even".into() } else { "odd".into() },
            named: true,
            ..Resource::default()
        }),
        kind: SpanKind::Server,
        category: SpanCategory::Own,
        name: format!("GET /{id}"),
        peer: String::new(),
    };
    let operations = (0..OPERATIONS).map(|id| Arc::new(row(id))).collect();
    let mut interner = Interner::new(Limits::default(), Seed(0));
    interner.map(&Batch { operations, ..Batch::default() }, Timestamp(0));
    Arc::clone(interner.catalog())
}

/// Window `at`; requests of `slow` operations take half as long again.
fn window(at: u64, slow: &[u32]) -> WindowSummary {
    asked(at, slow, REQUESTS)
}

/// The same with so many requests of each operation.
fn asked(at: u64, slow: &[u32], requests: u32) -> WindowSummary {
    let start = Timestamp(1_000_000 * SECOND + at * 10 * SECOND);
    let window = Window { start, end: start.plus(10 * SECOND) };
    let mut w = WindowSummary::empty(window);
    let mut entries: BTreeMap<EntryKey, EntryValue> = BTreeMap::new();
    let mut paths: BTreeMap<(EntryKey, SiteKey), PathValue> = BTreeMap::new();
    for id in 0..OPERATIONS {
        let operation = OperationId(id);
        let site = SiteKey { operation, peer: OperationId::NONE, category: Category::Own };
        let (mut red, mut visits) = (RedSummary::default(), SiteSummary::default());
        let seed = at * u64::from(OPERATIONS) + u64::from(id) + 1;
        let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for i in 0..requests {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            let usual = 20_000_000 + x % 10_000_000;
            let ns = if slow.contains(&id) { usual + usual / 2 } else { usual };
            let weight = 1 << 16;
            red.halves[(i % 2) as usize].record(ns, weight);
            visits.durations.record(ns, weight);
            let version = VersionId::NONE;
            for scope in [Scope::Trace, Scope::Segment] {
                let band = band_of(ns);
                let key = EntryKey { scope, operation, version, failed: false, band };
                let value = EntryValue { weight, entries: 1, duration_ns: ns };
                entries.entry(key).or_default().merge(&value);
                let value = PathValue { visits: weight, critical_ns: ns, self_ns: ns };
                paths.entry((key, site)).or_default().merge(&value);
            }
        }
        (red.spans, red.weight) = (requests.into(), u64::from(requests) << 16);
        visits.visits = requests.into();
        w.red.push((RedKey { operation, version: VersionId::NONE }, red));
        w.sites.push((site, visits));
    }
    w.entries = entries.into_iter().collect();
    w.paths = paths.into_iter().collect();
    w
}

/// What is opened when these operations become slow behind thirty quiet windows: service and operation.
fn opened(slow: &[u32]) -> Vec<(String, String)> {
    let catalog = catalog();
    let mut analyst = Analyst::new(&Limits::default(), Tree::bare(), Vec::new(), None);
    for at in 0..30 {
        assert_eq!(analyst.observe(window(at, &[]), &catalog), [], "nothing happened");
    }
    let events: Vec<Event> =
        (30..45).flat_map(|at| analyst.observe(window(at, slow), &catalog)).collect();
    let new = events.iter().filter(|e| e.kind == EventKind::Opened);
    let mut out: Vec<(String, String)> = new
        .filter_map(|e| analyst.book().find(&e.investigation))
        .map(|i| {
            let regression = i.regressions.first().expect("a measure");
            (i.bottlenecks[0].service.clone(), regression.operation.name.clone())
        })
        .collect();
    out.sort();
    out
}

#[test]
fn one_operation_among_many_of_its_service_is_found() {
    assert_eq!(opened(&[42]), [("even".to_owned(), "GET /42".to_owned())]);
}

#[test]
fn two_stories_are_two_investigations() {
    let both = [("even", "GET /42"), ("odd", "GET /7")];
    assert_eq!(opened(&[7, 42]), both.map(|(s, o)| (s.to_owned(), o.to_owned())));
}

/// What is said at the end of ten minutes in which each operation is asked once a window, when a fifth of one
/// service's fail from window `from` on.
fn said_at_the_end(from: u64) -> Option<(String, Window)> {
    let catalog = catalog();
    let mut analyst = Analyst::new(&Limits::default(), Tree::bare(), Vec::new(), None);
    for at in 0..60 {
        let mut w = asked(at, &[], 1);
        for id in (2..OPERATIONS as usize).step_by(10).filter(|_| at >= from) {
            w.sites[id].1.failed = 1;
            w.red[id].1.failed = 1;
        }
        assert_eq!(analyst.observe(w, &catalog), [], "one request says nothing");
    }
    let event = analyst.finish(&catalog).into_iter().find(|e| e.kind == EventKind::Opened)?;
    let found = analyst.book().find(&event.investigation)?;
    Some((found.bottlenecks[0].service.clone(), analyst.compared()?.1))
}

#[test]
fn what_is_asked_too_rarely_for_a_window_shows_over_minutes() {
    let (service, window) = said_at_the_end(42).expect("something is found");
    assert_eq!(service, "even");
    assert_eq!(window.length(), 180 * SECOND, "three minutes, since which it fails");
    assert_eq!(said_at_the_end(60), None, "nothing fails");
}
