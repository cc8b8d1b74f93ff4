//! A made-up log: three operations of two services, and a fault.

use longpole_model::signal::*;
use std::sync::Arc;

const START: u64 = 1_700_000_000 * SECOND;
/// Requests a second, and seconds.
pub const RATE: u64 = 40;
const SECONDS: u64 = 150;
/// One service gets slower here.
const ONSET: u64 = 80;

/// The log: arrival and request. Three services, new versions, counters, a slow database after the
/// onset, and every tenth trace in two parts.
pub fn log() -> Vec<(Timestamp, Batch)> {
    let mut x = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x
    };
    let mut held = None;
    let mut out = Vec::new();
    for n in 0..RATE * SECONDS {
        let at = START + n * SECOND / RATE;
        let second = n / RATE;
        let version = if second < 40 { "1" } else { "2" };
        let mut b = names(version, second);
        let trace = TraceId((u128::from(random()) << 64 | u128::from(random())).to_be_bytes());
        let store = 2_000_000 + random() % 1_000_000 + if second >= ONSET { 30_000_000 } else { 0 };
        let own = 1_000_000 + random() % 500_000;
        let span = |id: u8, parent: u8, operation: u32, from: u64, long: u64| SpanRecord {
            trace,
            span: SpanId([id; 8]),
            parent: SpanId([parent; 8]),
            start: Timestamp(at - from),
            end: Timestamp(at - from + long),
            operation,
            weight: Weight::ONE,
            kind: b.operations[operation as usize].kind,
            category: b.operations[operation as usize].category,
            ..SpanRecord::default()
        };
        let whole = 4 * own + store;
        let spans = vec![
            span(1, 0, 0, whole, whole),
            span(2, 1, 1, whole - own, whole - 2 * own),
            span(3, 2, 2, whole - 2 * own, store),
        ];
        b.spans = spans;
        if n % RATE == 0 {
            b.points.push(MetricPoint {
                series: 0,
                time: Timestamp(at),
                start: Timestamp(START),
                value: PointValue::Number((n * 3) as f64),
            });
        }
        if n % 10 == 0 {
            let mut rest = b.clone();
            rest.points.clear();
            rest.spans = b.spans.split_off(2);
            held = Some((n + RATE / 2, rest));
        }
        if let Some((_, rest)) = held.take_if(|(due, _)| *due == n) {
            out.push((Timestamp(at), rest));
        }
        out.push((Timestamp(at), b));
    }
    out
}

fn names(version: &str, second: u64) -> Batch {
    let of = |service: &str| {
        Arc::new(Resource {
            service: service.into(),
            version: version.into(),
            named: true,
            ..Resource::default()
        })
    };
    let row = |service: &str, kind, category, name: String, peer: &str| {
        let (resource, peer) = (of(service), peer.to_owned());
        Arc::new(OperationRow { resource, kind, category, name, peer })
    };
    Batch {
        resources: vec![of("web")],
        operations: vec![
            // A new name every ten seconds, so that ids keep being given out.
            row("web", SpanKind::Server, SpanCategory::Own, format!("GET /{}", second / 10), ""),
            row("cart", SpanKind::Server, SpanCategory::Own, "GET /cart".into(), ""),
            row("cart", SpanKind::Client, SpanCategory::Store, "SELECT cart".into(), "cartdb"),
        ],
        series: vec![SeriesRow {
            name: "http.requests".into(),
            temporality: Temporality::Cumulative,
            monotonic: true,
            ..SeriesRow::default()
        }],
        ..Batch::default()
    }
}
