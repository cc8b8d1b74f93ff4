//! Laws of the fast road, held against the plain reference on random traces: RED, percentiles, path
//! profiles, conservation, and that neither the number of shards nor the cut into batches shows.

use longpole_core::engine::{Engine, Settings};
use longpole_core::limits::Limits;
use longpole_model::signal::*;
use longpole_tests::plain::aggregate;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const BASE: u64 = 1_700_000_000 * SECOND;

/// One span of a random trace: parent among the earlier ones, offsets relative to the parent.
#[derive(Clone, Debug)]
struct Draw {
    parent: usize,
    operation: u8,
    start: i64,
    length: u64,
    failed: bool,
}

fn draws() -> impl Strategy<Value = Vec<Vec<Draw>>> {
    let one = (0..8usize, 0..12u8, -2_000i64..6_000, 0..8_000u64, prop::bool::weighted(0.1))
        .prop_map(|(parent, operation, start, length, failed)| Draw {
            parent,
            operation,
            start,
            length,
            failed,
        });
    prop::collection::vec(prop::collection::vec(one, 1..9), 1..12)
}

/// Twelve operations of three services, of every kind and category.
fn dictionary(b: &mut Batch) {
    let resources = ["shop", "stock", "bank"].map(|service| {
        Arc::new(Resource { service: service.to_owned(), named: true, ..Resource::default() })
    });
    let rows = [
        (SpanKind::Server, SpanCategory::Own),
        (SpanKind::Client, SpanCategory::Call),
        (SpanKind::Internal, SpanCategory::Own),
        (SpanKind::Client, SpanCategory::Store),
    ];
    for i in 0..12u32 {
        let (kind, category) = rows[(i / 3) as usize];
        let name = format!("op{i}");
        let resource = Arc::clone(&resources[(i % 3) as usize]);
        let peer = String::new();
        b.operations.push(Arc::new(OperationRow { resource, kind, category, name, peer }));
    }
}

fn batch(traces: &[Vec<Draw>]) -> Batch {
    let mut b = Batch::default();
    dictionary(&mut b);
    for (t, draws) in traces.iter().enumerate() {
        let mut starts: Vec<u64> = Vec::new();
        for (i, d) in draws.iter().enumerate() {
            let (parent, base) = match i {
                0 => (SpanId::default(), BASE + t as u64 * SECOND),
                _ => {
                    let p = d.parent % i;
                    (SpanId((p as u64 + 1).to_be_bytes()), starts[p])
                }
            };
            let start = base.saturating_add_signed(if i == 0 { 0 } else { d.start });
            starts.push(start);
            let row = &b.operations[d.operation as usize];
            let mut trace = [0; 16];
            trace[8..].copy_from_slice(&(t as u64 + 1).to_be_bytes());
            b.spans.push(SpanRecord {
                trace: TraceId(trace),
                span: SpanId((i as u64 + 1).to_be_bytes()),
                parent,
                start: Timestamp(start),
                end: Timestamp(start + d.length),
                operation: u32::from(d.operation),
                offset: 0,
                weight: Weight::ONE,
                kind: row.kind,
                status: if d.failed { StatusCode::Error } else { StatusCode::Unset },
                category: row.category,
                flags: 0,
            });
        }
    }
    b
}

/// Everything that an engine closes, merged.
fn run(batches: &[Batch], shards: u32) -> (WindowSummary, Engine) {
    let mut engine = Engine::new(Settings { shards, ..Settings::default() });
    let mut all = WindowSummary::default();
    for b in batches {
        engine.ingest(b.clone(), &Rejections::default(), None).iter().for_each(|w| all.merge(w));
    }
    engine.finish().iter().for_each(|w| all.merge(w));
    (all, engine)
}

fn key(engine: &Engine, id: OperationId) -> aggregate::Operation {
    let o = engine.catalog().operation_of(id).expect("a known operation");
    (o.service.clone(), o.kind, o.name.clone())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn red_and_percentiles_are_the_references(traces in draws()) {
        let b = batch(&traces);
        let (all, engine) = run(std::slice::from_ref(&b), 3);
        let plain = aggregate::red(&b);
        let mut seen = 0;
        for (k, r) in all.red.iter().chain(&all.late) {
            let want = &plain[&key(&engine, k.operation)];
            let durations = r.durations();
            prop_assert_eq!((r.spans, r.failed), (want.spans, want.failed));
            prop_assert_eq!(durations.weight(), want.spans << 16);
            for q in [0.0, 0.5, 0.9, 0.99, 1.0] {
                let exact = want.quantile(q);
                prop_assert_eq!(durations.quantile(q), bucket_high(bucket_of(exact)));
            }
            seen += 1;
        }
        prop_assert_eq!(seen, plain.len());
        prop_assert_eq!(all.tally.spans.unexplained(), 0);
        prop_assert_eq!(all.tally.spans.received, b.spans.len() as u64);
    }

    #[test]
    fn path_profiles_are_the_references(traces in draws()) {
        let b = batch(&traces);
        let (all, engine) = run(std::slice::from_ref(&b), 2);
        let mut fast = aggregate::Profile::new();
        for ((entry, site), v) in all.paths.iter().filter(|((k, _), _)| k.scope == Scope::Trace) {
            let peer = (site.peer != OperationId::NONE).then(|| key(&engine, site.peer));
            let at = (key(&engine, site.operation), peer, site.category);
            let row = fast.entry(key(&engine, entry.operation)).or_default().entry(at).or_default();
            row.0 += v.visits >> 16;
            row.1 += v.critical_ns;
            row.2 += v.self_ns;
        }
        prop_assert_eq!(fast, aggregate::trace_profile(&b));
        prop_assert_eq!(all.tally.segments, aggregate::segments(&b));
    }

    #[test]
    fn profiles_add_up_to_their_entries(traces in draws()) {
        let (all, _) = run(&[batch(&traces)], 1);
        let mut path: BTreeMap<EntryKey, u64> = BTreeMap::new();
        for ((entry, _), v) in &all.paths {
            *path.entry(*entry).or_default() += v.critical_ns;
        }
        for (entry, v) in &all.entries {
            prop_assert_eq!(path.get(entry).copied().unwrap_or(0), v.duration_ns, "{:?}", entry);
        }
    }

    #[test]
    fn shards_do_not_show(traces in draws()) {
        let b = batch(&traces);
        let (one, _) = run(std::slice::from_ref(&b), 1);
        for shards in [2, 8] {
            let (many, _) = run(std::slice::from_ref(&b), shards);
            prop_assert_eq!(&one, &many);
        }
    }

    #[test]
    fn merging_is_associative_and_commutative(
        a in draws(), b in draws(), c in draws(),
    ) {
        // One dictionary for all three, so that ids mean the same.
        let close = |traces: &[Vec<Draw>]| run(&[batch(traces)], 1).0;
        let [a, b, c] = [&a, &b, &c].map(|t| {
            let mut all = vec![];
            // Every operation once, in order, pins the ids.
            all.push((0..12).map(|i| Draw { parent: 0, operation: i, start: 0, length: 1, failed: false }).collect());
            all.extend(t.iter().cloned());
            close(&all)
        });
        let merged = |parts: [&WindowSummary; 3]| {
            let mut out = WindowSummary::default();
            parts.iter().for_each(|p| out.merge(p));
            out
        };
        let left = merged([&a, &b, &c]);
        prop_assert_eq!(&left, &merged([&c, &a, &b]));
        let mut bc = b.clone();
        bc.merge(&c);
        let mut right = a.clone();
        right.merge(&bc);
        prop_assert_eq!(&left, &right);
    }
}

#[test]
fn a_flood_of_names_is_folded_and_red_stays_right() {
    let limits = Limits { operations_per_service: 100, ..Limits::default() };
    let mut engine = Engine::new(Settings { limits, ..Settings::default() });
    let mut all = WindowSummary::default();
    let mut sent = 0;
    for part in 0..20u64 {
        let mut b = Batch::default();
        let shop = Resource { service: "shop".to_owned(), named: true, ..Resource::default() };
        let shop = Arc::new(shop);
        for i in 0..5_000u64 {
            let name = format!("GET /user/{}", part * 5_000 + i);
            let operation = b.operations.len() as u32;
            let (resource, kind) = (Arc::clone(&shop), SpanKind::Server);
            let row = OperationRow { resource, name, kind, ..OperationRow::default() };
            b.operations.push(Arc::new(row));
            let id = part * 5_000 + i + 1;
            let mut trace = [0; 16];
            trace[8..].copy_from_slice(&id.to_be_bytes());
            let start = Timestamp(BASE + part * SECOND);
            b.spans.push(SpanRecord {
                trace: TraceId(trace),
                span: SpanId(id.to_be_bytes()),
                start,
                end: start.plus(1_000_000),
                operation,
                kind: SpanKind::Server,
                ..SpanRecord::default()
            });
            sent += 1;
        }
        engine.ingest(b.clone(), &Rejections::default(), None).iter().for_each(|w| all.merge(w));
    }
    engine.finish().iter().for_each(|w| all.merge(w));
    assert!(engine.catalog().operations().len() <= 101);
    assert_eq!(all.red.iter().map(|(_, r)| r.spans).sum::<u64>(), sent);
    assert_eq!(all.tally.overflow_spans, sent - 100);
    assert_eq!(all.tally.spans.unexplained(), 0);
}

#[test]
fn absurd_times_neither_panic_nor_hang() {
    let mut engine = Engine::new(Settings::default());
    for end in [1, BASE, u64::MAX, u64::MAX - 1, 5] {
        let mut b =
            batch(&[vec![Draw { parent: 0, operation: 0, start: 0, length: 1, failed: false }]]);
        b.spans[0].end = Timestamp(end);
        b.spans[0].start = Timestamp(end.saturating_sub(1));
        engine.ingest(b.clone(), &Rejections::default(), None);
    }
    let seen: u64 = engine.finish().iter().map(|w| w.tally.spans.received).sum();
    assert!(seen <= 5);
}
