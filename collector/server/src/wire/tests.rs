//! Golden bytes, round trips over the lab's recording, merge in either form, hostile bytes.

use super::*;
use longpole_model::signal::*;
use proptest::prelude::*;

/// A window whose ids depend on the order in which this process met the names.
fn sample(order: [usize; 3], seed: u64) -> (WindowSummary, Dictionary) {
    let names = ["GET /cart/{id}", "SELECT cart", "POST /checkout"];
    let operations: Vec<Operation> = order
        .iter()
        .map(|&i| Operation {
            service: "cart".into(),
            kind: SpanKind::Server,
            name: names[i].into(),
            ..Operation::default()
        })
        .collect();
    let id = |i: usize| OperationId(order.iter().position(|&o| o == i).unwrap_or(0) as u32);
    let series = SeriesIdentity { service: "cart".into(), name: "x".into(), ..Default::default() };
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
    let versions = vec![String::new(), "1.4.0".into()];
    (summary, Dictionary { operations, versions, series: vec![series] })
}

/// A change here breaks every stored summary: raise [`FORMAT`] and keep reading the old form.
#[test]
fn the_bytes_are_frozen() {
    let (summary, names) = sample([0, 1, 2], 0);
    let bytes = encode(&summary, names.names());
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325u64, |h, b| {
        (h ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    assert_eq!((bytes.len(), hash), GOLDEN);
}
const GOLDEN: (usize, u64) = (711, 7_247_577_165_563_284_013);

#[test]
fn the_same_content_has_the_same_bytes_whoever_wrote_it() {
    let (summary, names) = sample([0, 1, 2], 5);
    let bytes = encode(&summary, names.names());
    for order in [[2, 1, 0], [1, 2, 0], [0, 2, 1]] {
        let (other, names) = sample(order, 5);
        assert_eq!(encode(&other, names.names()), bytes, "{order:?}");
    }
    let (back, names) = decode(&bytes).expect("own bytes");
    assert_eq!(encode(&back, names.names()), bytes);
}

#[test]
fn a_summary_comes_back_whole() {
    // The order in which decoding numbers the names.
    let (summary, names) = sample([0, 2, 1], 5);
    let (back, with) = decode(&encode(&summary, names.names())).expect("own bytes");
    assert_eq!(back, summary);
    assert_eq!(with, names);
}

#[test]
fn summaries_merge_in_the_stored_form_as_in_memory() {
    let ((mut a, names), (b, _)) = (sample([0, 2, 1], 1), sample([0, 2, 1], 2));
    let (mut stored, with) = decode(&encode(&a, names.names())).expect("own bytes");
    stored.merge(&decode(&encode(&b, names.names())).expect("own bytes").0);
    a.merge(&b);
    assert_eq!(encode(&stored, with.names()), encode(&a, names.names()));
}

#[test]
fn later_formats_are_refused_with_advice() {
    use longpole_proto::v1;
    use prost::Message;
    let (summary, names) = sample([0, 1, 2], 0);
    let mut m = v1::WindowSummary::decode(encode(&summary, names.names()).as_slice()).expect("own");
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
    let (summary, names) = sample([0, 1, 2], 0);
    let bytes = encode(&summary, names.names());
    for cut in 0..bytes.len() {
        let _ = decode(&bytes[..cut]);
    }
    assert!(decode(&[]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn hostile_bytes_never_panic(
        at in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        noise in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        static GOOD: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let mut bytes = GOOD
            .get_or_init(|| {
                let (summary, names) = sample([0, 1, 2], 0);
                encode(&summary, names.names())
            })
            .clone();
        for (i, b) in at {
            let i = i.index(bytes.len());
            bytes[i] = b;
        }
        let _ = decode(&bytes);
        let _ = decode(&noise);
    }
}
