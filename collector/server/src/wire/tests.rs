//! Golden bytes of all formats, round trips, merge in either form, hostile bytes.

mod adopted;
mod traffic;

use super::*;
use longpole_core::catalog::{Catalog, Interner};
use longpole_core::limits::Limits;
use longpole_core::memo::Seed;
use longpole_model::signal::*;
use proptest::prelude::*;
use std::sync::Arc;

/// One that has met so many names, in that order.
fn names(order: [usize; 3]) -> Interner {
    let peers = ["", "cartdb", ""];
    let sender = Arc::new(Resource {
        service: "cart".into(),
        version: "1.4.0".into(),
        language: "java".into(),
        ..Resource::default()
    });
    let operation = |i: usize| {
        Arc::new(OperationRow {
            resource: Arc::clone(&sender),
            kind: SpanKind::Server,
            name: ["GET /cart/{id}", "SELECT cart", "POST /checkout"][i].into(),
            peer: peers[i].into(),
            ..OperationRow::default()
        })
    };
    let batch = Batch {
        resources: vec![Arc::clone(&sender)],
        operations: order.map(operation).to_vec(),
        series: vec![SeriesRow { name: "x".into(), ..SeriesRow::default() }],
        ..Batch::default()
    };
    let mut interner = Interner::new(Limits::default(), Seed(1));
    interner.map(&batch, Timestamp(9 * SECOND));
    interner
}

/// A window whose ids depend on the order in which this process met the names.
fn sample(order: [usize; 3], seed: u64) -> (WindowSummary, Arc<Catalog>) {
    let id = |i: usize| OperationId(order.iter().position(|&o| o == i).unwrap_or(0) as u32);
    let mut red = RedSummary { spans: 2 + seed, weight: 2 << 16, ..RedSummary::default() };
    red.halves[0].record(1_000 + seed, 1);
    red.halves[1].record(2_000_000, 1);
    red.offer(Exemplar { hash: 7 + seed, trace: TraceId([9; 16]), duration_ns: 2_000_000 });
    let entry = EntryKey {
        scope: Scope::Segment,
        operation: id(0),
        version: VersionId(1),
        failed: false,
        band: 20,
    };
    let site = SiteKey { operation: id(1), peer: OperationId::NONE, category: Category::Store };
    let mut edge = EdgeSummary { weight: 1 << 16, ..EdgeSummary::default() };
    edge.callee.record(500, 1);
    let outside = EdgeKey { caller: OperationId::NONE, callee: id(0) };
    let inside = EdgeKey { caller: id(2), callee: id(0) };
    let gauge = SeriesSummary {
        points: 1,
        sum: Fixed::from_f64(-2.5),
        covered_ns: 0,
        min: Fixed::from_f64(-2.5),
        max: Fixed::from_f64(-2.5),
    };
    let mut summary = WindowSummary {
        window: Window { start: Timestamp(10 * SECOND), end: Timestamp(20 * SECOND) },
        red: vec![(RedKey { operation: id(0), version: VersionId(1) }, red.clone())],
        late: vec![(RedKey { operation: id(2), version: VersionId::NONE }, red)],
        entries: vec![(entry, EntryValue { weight: 1 << 16, entries: 1, duration_ns: 9 })],
        paths: vec![((entry, site), PathValue { visits: 3 << 16, critical_ns: 5, self_ns: 4 })],
        sites: vec![(site, SiteSummary { visits: 3, failed: 1, durations: Sketch::default() })],
        edges: vec![(outside, edge.clone()), (inside, edge)],
        series: vec![(SeriesId(0), gauge)],
        faults: vec![(FaultKey { operation: id(2), error: "Timeout".into() }, 1 << 16)],
        tally: Tally { logs: 4, long: 1, ..Tally::default() },
        missing_shards: 0,
    };
    summary.tally.spans.received = 3;
    summary.tally.requests.add(Reason::Malformed, 2);
    summary.edges.sort_by_key(|(k, _)| *k);
    (summary, Arc::clone(names(order).catalog()))
}

/// What was written by each format, oldest first.
const GOLDEN: [&[u8]; 4] = [
    include_bytes!("tests/format-1.binpb"),
    include_bytes!("tests/format-2.binpb"),
    include_bytes!("tests/format-3.binpb"),
    include_bytes!("tests/format-4.binpb"),
];

/// A change here breaks every stored summary: raise [`FORMAT`] and keep reading the old form.
#[test]
fn the_bytes_are_frozen() {
    let (summary, catalog) = sample([0, 1, 2], 0);
    let written = encode(&summary, &catalog);
    assert!(written == GOLDEN[FORMAT as usize - 1], "{written:02x?}");
}

/// The order in which decoding numbers the names.
const SORTED: [usize; 3] = [0, 2, 1];

#[test]
fn older_formats_are_read() {
    for (format, bytes) in (1..).zip(GOLDEN) {
        let (summary, names) = decode(bytes).expect("it was written once");
        assert_eq!(summary, sample(SORTED, 0).0, "format {format}");
        let facts: Vec<&str> =
            names.operations.iter().flat_map(|o| [&*o.peer, &*o.language]).collect();
        let want = if format < 3 {
            ["", "", "", "", "", ""]
        } else {
            ["", "java", "", "java", "cartdb", "java"]
        };
        assert_eq!(facts, want, "format {format}");
    }
}

#[test]
fn the_same_content_has_the_same_bytes_whoever_wrote_it() {
    let (summary, catalog) = sample([0, 1, 2], 5);
    let bytes = encode(&summary, &catalog);
    for order in [[2, 1, 0], [1, 2, 0], [0, 2, 1]] {
        let (other, catalog) = sample(order, 5);
        assert_eq!(encode(&other, &catalog), bytes, "{order:?}");
    }
}

#[test]
fn a_summary_comes_back_whole() {
    let (summary, catalog) = sample(SORTED, 5);
    let (back, names) = decode(&encode(&summary, &catalog)).expect("own bytes");
    assert_eq!(back, summary);
    for (id, o) in (0..).map(OperationId).zip(&names.operations) {
        let known = (&o.operation, &*o.peer, &*o.language);
        assert_eq!(catalog.operation_of(id), Some(known.0));
        assert_eq!((catalog.peer_of(id), catalog.language_of(id)), (known.1, known.2));
    }
    assert_eq!(names.operations.len(), 3);
    assert_eq!(names.versions, ["", "1.4.0"]);
    assert!(names.series.iter().eq(catalog.series().iter().map(|s| &**s)));
}

#[test]
fn names_that_are_not_in_use_stay_behind() {
    let (mut summary, catalog) = sample(SORTED, 5);
    (summary.series, summary.faults, summary.late) = (vec![], vec![], vec![]);
    summary.edges.clear();
    let (_, names) = decode(&encode(&summary, &catalog)).expect("own bytes");
    let left: Vec<&str> = names.operations.iter().map(|o| o.operation.name.as_str()).collect();
    assert_eq!(left, ["GET /cart/{id}", "SELECT cart"]);
    assert!(names.series.is_empty());
}

#[test]
fn summaries_merge_in_the_stored_form_as_in_memory() {
    let ((mut a, catalog), (b, _)) = (sample(SORTED, 1), sample(SORTED, 2));
    let (mut stored, _) = decode(&encode(&a, &catalog)).expect("own bytes");
    stored.merge(&decode(&encode(&b, &catalog)).expect("own bytes").0);
    a.merge(&b);
    assert_eq!(encode(&stored, &catalog), encode(&a, &catalog));
}

#[test]
fn later_formats_are_refused_with_advice() {
    use longpole_proto::v1;
    use prost::Message;
    let (summary, catalog) = sample([0, 1, 2], 0);
    let mut m = v1::WindowSummary::decode(encode(&summary, &catalog).as_slice()).expect("own");
    let header = m.header.as_mut().expect("header");
    (header.format, header.oldest_reader) = (9, 1);
    assert!(decode(&m.encode_to_vec()).is_ok(), "a later writer that old readers may read");
    m.header.as_mut().expect("header").oldest_reader = 8;
    let refused = decode(&m.encode_to_vec()).expect_err("too new");
    assert_eq!(refused, WireError::TooNew { format: 9, oldest_reader: 8 });
    assert!(refused.to_string().contains("upgrade"));
    let header = m.header.as_mut().expect("header");
    (header.oldest_reader, header.shard_hash_seed) = (1, 1);
    let refused = decode(&m.encode_to_vec()).expect_err("other hash");
    assert!(matches!(refused, WireError::OtherShardHash { .. }));
}

#[test]
fn every_truncation_is_refused_or_reads_as_less() {
    let (summary, catalog) = sample([0, 1, 2], 0);
    let bytes = encode(&summary, &catalog);
    for cut in 0..bytes.len() {
        let _ = decode(&bytes[..cut]);
    }
    assert!(decode(&[]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Nothing panics on the way from bytes to rows under own ids, put together with good ones, and back.
    #[test]
    fn hostile_bytes_never_panic(
        at in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        noise in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut bytes = GOLDEN[FORMAT as usize - 1].to_vec();
        for (i, b) in at {
            let i = i.index(bytes.len());
            bytes[i] = b;
        }
        let _ = decode(&noise);
        if let Ok((summary, dictionary)) = decode(&bytes) {
            let limits = Limits { operations: 3, live_versions: 1, series: 1, ..Limits::default() };
            let mut interner = Interner::new(limits, Seed(1));
            let (good, from) = decode(GOLDEN[1]).expect("it was written once");
            let parts = vec![
                interner.adopt(good, &from),
                interner.adopt(summary.clone(), &dictionary),
                interner.adopt(summary, &dictionary),
            ];
            let merged = WindowSummary::merged(parts);
            decode(&encode(&merged, interner.catalog())).expect("own bytes");
        }
    }
}
