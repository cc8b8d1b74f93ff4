//! Windows of several processes, put together by one that gives their names its own ids, say what one process would
//! have said; and caps hold while it does.

use super::super::{decode, encode};
use super::traffic::{Request, by_service, dealt, requests};
use longpole_core::catalog::{Catalog, Dictionary, Interner};
use longpole_core::engine::{Engine, Settings};
use longpole_core::limits::Limits;
use longpole_core::memo::Seed;
use longpole_model::signal::*;
use proptest::prelude::*;

const STREAMS: u32 = 3;

fn limits() -> Limits {
    let (window, lateness, settle) = (SECOND, SECOND, SECOND);
    Limits { window, lateness, settle, horizon: 2 * SECOND, skew: SECOND, ..Limits::default() }
}

fn engine(limits: Limits) -> Engine {
    Engine::new(Settings { limits, seed: 7, ..Settings::default() })
}

/// What an engine closes of what comes to it, until nothing is open.
fn closed(engine: &mut Engine, log: Vec<(Timestamp, Batch)>) -> Vec<WindowSummary> {
    let last = log.last().map_or(Timestamp(0), |(stamp, _)| *stamp);
    let mut windows = Vec::new();
    for (stamp, batch) in log {
        windows.extend(engine.advance(stamp));
        if !batch.spans.is_empty() || !batch.points.is_empty() {
            windows.extend(engine.ingest(batch, &Rejections::default(), Some(stamp)));
        }
    }
    windows.extend(engine.advance(last.plus(10 * SECOND)));
    windows
}

/// Windows as they are published: by start, then stream.
type Published = Vec<(Timestamp, u32, Vec<u8>)>;

fn published(requests: &[Request], limits: &Limits) -> Published {
    let mut out = Published::new();
    for stream in 0..STREAMS {
        let mut engine = engine(limits.clone());
        let windows = closed(&mut engine, dealt(requests, stream, STREAMS));
        let bytes = |w: &WindowSummary| (w.window.start, stream, encode(w, engine.catalog()));
        out.extend(windows.iter().map(bytes));
    }
    out.sort_unstable_by_key(|(start, stream, _)| (*start, *stream));
    out
}

fn read(bytes: &[u8]) -> (WindowSummary, Dictionary) {
    decode(bytes).expect("own bytes")
}

/// The windows of all streams, adopted in order and merged.
fn led(published: &Published, interner: &mut Interner) -> Vec<WindowSummary> {
    let windows = published.chunk_by(|a, b| a.0 == b.0);
    let one = windows.map(|parts| {
        let parts = parts.iter().map(|(.., bytes)| {
            let (summary, names) = read(bytes);
            interner.adopt(summary, &names)
        });
        WindowSummary::merged(parts.collect())
    });
    one.collect()
}

/// Windows with anything in them, as bytes.
fn told(windows: &[WindowSummary], catalog: &Catalog) -> Vec<Vec<u8>> {
    let some = windows.iter().filter(|w| **w != WindowSummary::empty(w.window));
    some.map(|w| encode(w, catalog)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn many_processes_say_what_one_says(requests in requests()) {
        let mut one = engine(limits());
        let whole = closed(&mut one, dealt(&requests, 0, 1));
        let mut interner = Interner::new(limits(), Seed(3));
        let windows = led(&published(&requests, &limits()), &mut interner);
        prop_assert_eq!(told(&windows, interner.catalog()), told(&whole, one.catalog()));
    }

    /// Goes on after a restart with the ids it had.
    #[test]
    fn a_restart_between_windows_does_not_show(requests in requests(), cut in any::<prop::sample::Index>()) {
        let all = published(&requests, &limits());
        let (before, after) = all.split_at(cut.index(all.len() + 1));
        let mut straight = Interner::new(limits(), Seed(3));
        led(&before.to_vec(), &mut straight);
        let stored = straight.capture().stored();
        let mut again = Interner::resume(limits(), Seed(4), stored);
        let (straight_on, resumed) =
            (led(&after.to_vec(), &mut straight), led(&after.to_vec(), &mut again));
        prop_assert_eq!(straight_on, resumed);
        prop_assert_eq!(straight.capture().stored(), again.capture().stored());
    }

    /// Beyond caps nothing is lost, and what was folded is counted.
    #[test]
    fn caps_fold_and_count(requests in requests(), operations in 1..6usize, all in 1..14usize, series in 1..4usize) {
        let small = Limits {
            operations_per_service: operations,
            operations: all,
            series_per_service: series,
            services: 2,
            live_versions: 1,
            ..limits()
        };
        let streams = published(&requests, &limits());
        let mut whole = Interner::new(limits(), Seed(3));
        let want = WindowSummary::merged(led(&streams, &mut whole));
        let mut interner = Interner::new(small.clone(), Seed(3));
        let got = WindowSummary::merged(led(&streams, &mut interner));

        let catalog = interner.catalog();
        // Two services, the one for all others, and of each an overflow operation a kind.
        prop_assert!(catalog.services().len() <= 3, "{:?}", catalog.services());
        for (service, n) in by_service(catalog.operations()) {
            prop_assert!(n <= operations + 3, "{service}: {n}");
        }
        let folded = |id| catalog.operation_of(id).is_some_and(|o| o.name == OVERFLOW_NAME);
        let spans = |rows: &[(RedKey, RedSummary)]| rows.iter().map(|(_, r)| r.spans).sum::<u64>();
        let sum = |w: &WindowSummary| {
            let late = w.late.iter().map(|(_, r)| r.durations().weight()).sum::<u64>();
            let paths = w.paths.iter().map(|(_, p)| p.critical_ns).sum::<u64>();
            let visits = w.sites.iter().map(|(_, s)| s.visits).sum::<u64>();
            let calls = w.edges.iter().map(|(_, e)| e.weight).sum::<u64>();
            let entries = w.entries.iter().map(|(_, e)| e.entries).sum::<u64>();
            let faults = w.faults.iter().map(|(_, n)| n).sum::<u64>();
            (spans(&w.red), late, paths, visits, calls, entries, faults)
        };
        prop_assert_eq!(sum(&got), sum(&want));
        let over = got.red.iter().chain(&got.late).filter(|(k, _)| folded(k.operation));
        prop_assert_eq!(got.tally.overflow_spans, over.map(|(_, r)| r.spans).sum::<u64>());
        let points = |w: &WindowSummary, names: &Catalog| {
            let rows = w.series.iter().filter(|(id, _)| {
                let stat = |(k, v): &(String, String)| k == "longpole.stat" && v != "count";
                !names.series()[id.0 as usize].attributes.iter().any(stat)
            });
            rows.map(|(_, s)| s.points).sum::<u64>()
        };
        let left = points(&got, catalog) + got.tally.overflow_points;
        prop_assert_eq!(left, points(&want, whole.catalog()));
        prop_assert_eq!(&got.tally.spans, &want.tally.spans);
    }
}

/// A version is first seen where its window begins, whenever it is adopted.
#[test]
fn versions_are_seen_in_log_time() {
    let (summary, names) = read(super::GOLDEN[2]);
    let mut interner = Interner::new(Limits::default(), Seed(1));
    interner.adopt(summary, &names);
    let seen = interner.catalog().versions_of_service("cart");
    assert_eq!(seen, [(VersionId(1), Timestamp(10 * SECOND))]);
}

/// The smallest peer that anybody names, and the first language.
#[test]
fn facts_come_along() {
    let (summary, mut names) = read(super::GOLDEN[2]);
    let mut interner = Interner::new(Limits::default(), Seed(1));
    for (peer, language) in [("", ""), ("b", "go"), ("c", "java"), ("a", "")] {
        names.operations[2].peer = peer.to_owned();
        names.operations[2].language = language.to_owned();
        interner.adopt(summary.clone(), &names);
    }
    let id = OperationId(2);
    assert_eq!((interner.catalog().peer_of(id), interner.catalog().language_of(id)), ("a", "go"));
}

/// What a publisher folded was counted there, and is not counted again.
#[test]
fn what_was_folded_before_counts_once() {
    let (mut summary, mut names) = read(super::GOLDEN[2]);
    names.operations[1].operation.name = OVERFLOW_NAME.to_owned();
    summary.tally.overflow_spans = 2;
    let limits = Limits { operations_per_service: 1, ..Limits::default() };
    let adopted = Interner::new(limits, Seed(1)).adopt(summary, &names);
    assert_eq!(adopted.late.len(), 1);
    assert_eq!(adopted.tally.overflow_spans, 2);
}
