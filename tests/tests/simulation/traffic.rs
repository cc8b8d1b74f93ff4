//! What producers send, as OTLP bytes, and beside it in plain words what is in them.

use bytes::Bytes;
use longpole_collector::ingest::otlp::Signal;
use longpole_collector::log::{Producer, Record};
use longpole_model::signal::SpanKind;
use longpole_tests::load::dice::Dice;
use longpole_tests::plain::aggregate::Operation;
use longpole_tests::spans::{attribute, request};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use prost::Message;
use std::collections::BTreeMap;

/// Producers; the last one is foreign and numbers nothing.
pub const PRODUCERS: u8 = 5;
/// A producer deals its batches to so many streams.
const STREAMS: u64 = 2;
const MILLISECOND: u64 = 1_000_000;

/// A good span in plain words.
#[derive(Clone, Debug)]
pub struct Plain {
    pub operation: Operation,
    pub failed: bool,
    pub duration: u64,
    pub end: u64,
}

/// One batch.
pub struct Parcel {
    pub record: Record,
    pub spans: Vec<Plain>,
    /// Spans that end before they begin.
    pub bad: u64,
    pub points: u64,
}

/// All producers.
pub struct Traffic {
    dice: Dice,
    sequences: BTreeMap<(u8, u32), u64>,
}

impl Traffic {
    pub fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed ^ 0x7a_ff1c), sequences: BTreeMap::new() }
    }

    /// So many batches of a producer are lost before anybody sees them.
    pub fn lose(&mut self, producer: u8, many: u64) {
        for stream in 0..STREAMS as u32 {
            *self.sequences.entry((producer, stream)).or_default() += many;
        }
    }

    /// Batches of requests that end at `now`: a front end calls a cart, each sends its own.
    pub fn requests(&mut self, now: u64) -> Vec<Parcel> {
        let dice = &mut self.dice;
        let (mut web, mut cart) = (Vec::new(), Vec::new());
        for _ in 0..=dice.below(3) {
            let trace = [dice.roll().to_be_bytes(), dice.roll().to_be_bytes()].concat();
            let ids: Vec<u64> = (0..4).map(|_| dice.roll() | 1).collect();
            let end = now - dice.below(300) * MILLISECOND;
            let long = (20 + dice.below(200)) * MILLISECOND;
            let failed = dice.below(9) == 0;
            let span = |id: u64, parent: u64, kind: i32, name: &str, cut: u64| Span {
                trace_id: trace.clone(),
                span_id: id.to_be_bytes().to_vec(),
                parent_span_id: if parent == 0 { vec![] } else { parent.to_be_bytes().to_vec() },
                name: name.to_owned(),
                kind,
                start_time_unix_nano: end - long + cut * MILLISECOND,
                end_time_unix_nano: end - cut * MILLISECOND,
                status: failed.then(|| Status { code: 2, ..Status::default() }),
                ..Span::default()
            };
            let name = ["GET /", "GET /cart", "POST /order"][(ids[0] % 3) as usize];
            web.push(span(ids[0], 0, 2, name, 0));
            web.push(span(ids[1], ids[0], 3, "call cart", 2));
            cart.push(span(ids[2], ids[1], 2, "cart", 4));
            if ids[2].is_multiple_of(2) {
                cart.push(span(ids[3], ids[2], 1, "work", 7));
            }
        }
        let first = (dice.below(u64::from(PRODUCERS)) as u8, "web", web);
        let second = (dice.below(u64::from(PRODUCERS)) as u8, "cart", cart);
        [first, second].into_iter().map(|(p, service, spans)| self.cut(p, service, spans)).collect()
    }

    fn cut(&mut self, producer: u8, service: &str, mut spans: Vec<Span>) -> Parcel {
        let bad = u64::from(self.dice.below(12) == 0);
        let plain = spans.iter().map(|s| Plain {
            operation: (service.to_owned(), SpanKind::from_wire(s.kind as u64), s.name.clone()),
            failed: s.status.is_some(),
            duration: s.end_time_unix_nano - s.start_time_unix_nano,
            end: s.end_time_unix_nano,
        });
        let plain = plain.collect();
        if bad > 0 {
            let mut wrong = spans[0].clone();
            wrong.span_id = self.dice.roll().to_be_bytes().to_vec();
            std::mem::swap(&mut wrong.start_time_unix_nano, &mut wrong.end_time_unix_nano);
            spans.insert(self.dice.below(spans.len() as u64) as usize, wrong);
        }
        let bytes = request(service, spans);
        let record = self.record(producer, Signal::Traces, bytes);
        Parcel { record, spans: plain, bad, points: 0 }
    }

    fn record(&mut self, producer: u8, signal: Signal, bytes: Vec<u8>) -> Record {
        let shard = self.dice.below(STREAMS) as u32;
        let numbered = (producer + 1 < PRODUCERS).then(|| {
            let sequence = self.sequences.entry((producer, shard)).or_default();
            *sequence += 1;
            Producer { id: [producer + 1; 16], shard, sequence: *sequence }
        });
        Record { signal, producer: numbered, payload: Bytes::from(bytes) }
    }

    /// A gauge, measured at `now`.
    pub fn gauge(&mut self, now: u64) -> Parcel {
        let point = NumberDataPoint {
            time_unix_nano: now,
            value: Some(number_data_point::Value::AsInt(self.dice.below(100) as i64)),
            ..NumberDataPoint::default()
        };
        let data = Some(metric::Data::Gauge(Gauge { data_points: vec![point] }));
        let metrics = vec![Metric { name: "queue.length".into(), data, ..Metric::default() }];
        let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
        let attributes = vec![attribute("service.name", "cart")];
        let resource = Some(Resource { attributes, ..Resource::default() });
        let all = vec![ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() }];
        let bytes = ExportMetricsServiceRequest { resource_metrics: all }.encode_to_vec();
        let producer = self.dice.below(u64::from(PRODUCERS) - 1) as u8;
        let record = self.record(producer, Signal::Metrics, bytes);
        Parcel { record, spans: Vec::new(), bad: 0, points: 1 }
    }
}
