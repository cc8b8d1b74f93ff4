//! Random traffic of three services, for one engine or dealt to several as streams are: spans by trace, points by
//! service. Each deal names things in another order.

use longpole_model::signal::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const START: u64 = 1_700_000_000 * SECOND;
const MS: u64 = 1_000_000;

/// One span: trace, operation, version, peer, parent, milliseconds before the request at which it ended, how long it
/// took, and whether it failed.
type Draw = (u8, u8, u8, u8, u8, u64, u64, bool);
/// One point: service, kind of series, value.
type Point = (u8, u8, u32);

/// A request: how long after the one before it comes, milliseconds, and what is in it.
#[derive(Clone, Debug)]
pub struct Request {
    gap: u64,
    spans: Vec<Draw>,
    points: Vec<Point>,
}

/// Some requests.
pub fn requests() -> impl Strategy<Value = Vec<Request>> {
    let span = (
        0..12u8,
        0..12u8,
        0..3u8,
        0..3u8,
        0..6u8,
        prop_oneof![4 => 0..900u64, 1 => 0..8_000u64],
        1..400u64,
        prop::bool::weighted(0.2),
    );
    let spans = prop::collection::vec(span, 0..10);
    let points = prop::collection::vec((0..3u8, 0..3u8, 0..1_000u32), 0..4);
    let request = (0..2_500u64, spans, points);
    let request = request.prop_map(|(gap, spans, points)| Request { gap, spans, points });
    prop::collection::vec(request, 1..14)
}

const SERVICES: [(&str, &str); 3] = [("shop", "java"), ("stock", "go"), ("bank", "")];

fn trace_of(draw: &Draw) -> TraceId {
    TraceId((u128::from(draw.0) + 1).to_be_bytes())
}

/// When each comes, and what of it goes to stream `stream` of `streams`.
pub fn dealt(requests: &[Request], stream: u32, streams: u32) -> Vec<(Timestamp, Batch)> {
    let mut at = START;
    let requests = requests.iter().map(|request| {
        at += request.gap * MS;
        let mine = |d: &&Draw| trace_of(d).hash().shard(streams) == stream;
        let mut spans: Vec<&Draw> = request.spans.iter().filter(mine).collect();
        let mine = |p: &&Point| u32::from(p.0) % streams == stream;
        let points = request.points.iter().filter(mine);
        if stream % 2 == 1 {
            spans.reverse();
        }
        let mut batch = Batch::default();
        spans.into_iter().for_each(|draw| span(&mut batch, draw, at));
        points.for_each(|point| metric(&mut batch, *point, at));
        (Timestamp(at), batch)
    });
    requests.collect()
}

fn sender(service: u8, version: u8) -> Arc<Resource> {
    let (service, language) = SERVICES[usize::from(service)];
    Arc::new(Resource {
        service: service.to_owned(),
        version: ["", "1", "2"][usize::from(version)].to_owned(),
        language: language.to_owned(),
        named: true,
        ..Resource::default()
    })
}

fn span(batch: &mut Batch, draw: &Draw, at: u64) {
    let &(_, operation, version, peer, parent, ago, length, failed) = draw;
    let (kind, category) = [
        (SpanKind::Server, SpanCategory::Own),
        (SpanKind::Client, SpanCategory::Call),
        (SpanKind::Internal, SpanCategory::Own),
        (SpanKind::Client, SpanCategory::Store),
    ][usize::from(operation / 3)];
    let row = OperationRow {
        resource: sender(operation % 3, version),
        kind,
        category,
        name: format!("op{operation}"),
        peer: ["", "db-b", "db-a"][usize::from(peer)].to_owned(),
    };
    let known = batch.operations.iter().position(|o| **o == row);
    let place = known.unwrap_or(batch.operations.len());
    if known.is_none() {
        batch.operations.push(Arc::new(row));
    }
    let end = at - ago * MS;
    let number = batch.spans.len() as u32;
    if failed {
        let error = KnownAttribute { span: number, key: AttributeKey::ErrorType, text: 0 };
        batch.texts = vec!["Timeout".to_owned()];
        batch.attributes.push(error);
    }
    let id = |n: u64| SpanId(n.to_be_bytes());
    batch.spans.push(SpanRecord {
        trace: trace_of(draw),
        span: id(u64::from(operation) + 1 + 100 * (ago % 7)),
        parent: if parent == 0 { SpanId::default() } else { id(u64::from(parent)) },
        start: Timestamp(end - length * MS),
        end: Timestamp(end),
        operation: place as u32,
        weight: Weight::ONE,
        kind,
        category,
        status: if failed { StatusCode::Error } else { StatusCode::Unset },
        ..SpanRecord::default()
    });
}

fn metric(batch: &mut Batch, (service, kind, value): Point, at: u64) {
    let temporality = [Temporality::Gauge, Temporality::Cumulative, Temporality::Delta];
    let temporality = temporality[usize::from(kind)];
    let sender = sender(service, 1);
    let place = batch.resources.len() as u32;
    batch.resources.push(sender);
    batch.series.push(SeriesRow {
        resource: place,
        name: format!("thing.{kind}"),
        temporality,
        monotonic: temporality != Temporality::Gauge,
        ..SeriesRow::default()
    });
    let value = match temporality {
        Temporality::Delta => {
            let count = u64::from(value);
            let (bounds, counts) = (vec![1.0, 2.0], vec![count, 1, count / 2]);
            let count = counts.iter().sum();
            batch.histograms.push(HistogramPoint { count, sum: None, bounds, counts });
            PointValue::Histogram(batch.histograms.len() as u32 - 1)
        }
        Temporality::Gauge | Temporality::Cumulative => PointValue::Number(f64::from(value)),
    };
    let (series, time) = (batch.series.len() as u32 - 1, Timestamp(at));
    batch.points.push(MetricPoint { series, start: Timestamp(START), time, value });
}

/// Names by service, for tests that count them.
pub fn by_service(operations: &[Arc<Operation>]) -> BTreeMap<&str, usize> {
    let mut all = BTreeMap::new();
    operations.iter().for_each(|o| *all.entry(o.service.as_str()).or_default() += 1);
    all
}
