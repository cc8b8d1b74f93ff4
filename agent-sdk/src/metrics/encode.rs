//! A reading of all instruments as an OTLP request.

use super::exemplar::Exemplar;
use super::exponential::{ZERO, wire};
use super::histogram::{MASK, merged};
use super::registry::{Instrument, Observed, Registry, Shape};
use crate::clock::now;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, InstrumentationScope, KeyValue, any_value::Value as Any,
};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Exemplar as OtlpExemplar, ExponentialHistogram,
    ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum, exemplar, exponential_histogram_data_point::Buckets,
    metric::Data, number_data_point::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

const CUMULATIVE: i32 = AggregationTemporality::Cumulative as i32;

/// When values count from, and to.
#[derive(Clone, Copy)]
struct Span {
    start: u64,
    end: u64,
}

/// Everything as it stands now, and how many metrics that are.
pub(crate) fn request(registry: &Registry, resource: &[(String, String)]) -> (Vec<u8>, u32) {
    let span = Span { start: registry.start, end: now() };
    let (instruments, observed) = registry.read();
    let mut metrics: Vec<Metric> = instruments.iter().filter_map(|i| metric(i, span)).collect();
    metrics.extend(asked(&observed, span));
    let items = metrics.len() as u32;
    let scope = InstrumentationScope {
        name: "longpole-sdk".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let scope_metrics = vec![ScopeMetrics { scope: Some(scope), metrics, ..Default::default() }];
    let resource = Some(Resource { attributes: pairs(resource), ..Resource::default() });
    let all = ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() };
    (ExportMetricsServiceRequest { resource_metrics: vec![all] }.encode_to_vec(), items)
}

fn pairs(labels: &[(String, String)]) -> Vec<KeyValue> {
    let pair = |(key, value): &(String, String)| KeyValue {
        key: key.clone(),
        value: Some(AnyValue { value: Some(Any::StringValue(value.clone())) }),
        ..KeyValue::default()
    };
    labels.iter().map(pair).collect()
}

/// `None` when nothing was recorded yet.
fn metric(i: &Instrument, span: Span) -> Option<Metric> {
    let series = i.all();
    let numbers = |read: &dyn Fn(&super::cells::Series) -> Option<Value>, exemplars: bool| {
        let point = |s: &std::sync::Arc<super::cells::Series>| {
            let mut point = number(pairs(&s.labels), read(s)?, span);
            if exemplars {
                point.exemplars = s.take_exemplars(1).into_iter().map(told).collect();
            }
            Some(point)
        };
        series.iter().filter_map(point).collect::<Vec<NumberDataPoint>>()
    };
    let data = match &i.shape {
        Shape::Counter => sum(numbers(&|s| Some(Value::AsInt(s.sum(0).cast_signed())), true), true),
        Shape::UpDown => {
            sum(numbers(&|s| Some(Value::AsInt(s.sum(0).cast_signed())), false), false)
        }
        Shape::Gauge => {
            Data::Gauge(Gauge { data_points: numbers(&|s| s.value().map(Value::AsDouble), false) })
        }
        Shape::Explicit(bounds) => Data::Histogram(Histogram {
            data_points: series.iter().filter_map(|s| explicit(s, bounds.all(), span)).collect(),
            aggregation_temporality: CUMULATIVE,
        }),
        Shape::Exponential => Data::ExponentialHistogram(ExponentialHistogram {
            data_points: series.iter().filter_map(|s| exponential(s, span)).collect(),
            aggregation_temporality: CUMULATIVE,
        }),
    };
    let (name, unit) = (i.name.clone(), i.unit.clone());
    (!is_empty(&data)).then(|| Metric { name, unit, data: Some(data), ..Metric::default() })
}

fn is_empty(data: &Data) -> bool {
    match data {
        Data::Gauge(g) => g.data_points.is_empty(),
        Data::Sum(s) => s.data_points.is_empty(),
        Data::Histogram(h) => h.data_points.is_empty(),
        Data::ExponentialHistogram(h) => h.data_points.is_empty(),
        Data::Summary(s) => s.data_points.is_empty(),
    }
}

fn sum(data_points: Vec<NumberDataPoint>, is_monotonic: bool) -> Data {
    Data::Sum(Sum { data_points, aggregation_temporality: CUMULATIVE, is_monotonic })
}

fn number(attributes: Vec<KeyValue>, value: Value, span: Span) -> NumberDataPoint {
    NumberDataPoint {
        attributes,
        start_time_unix_nano: span.start,
        time_unix_nano: span.end,
        value: Some(value),
        ..NumberDataPoint::default()
    }
}

fn explicit(s: &super::cells::Series, bounds: &[f64], span: Span) -> Option<HistogramDataPoint> {
    let m = merged(s)?;
    Some(HistogramDataPoint {
        attributes: pairs(&s.labels),
        start_time_unix_nano: span.start,
        time_unix_nano: span.end,
        count: m.count,
        sum: Some(m.sum),
        bucket_counts: m.counts,
        explicit_bounds: bounds.to_vec(),
        exemplars: s.take_exemplars(MASK).into_iter().map(told).collect(),
        min: Some(m.least),
        max: Some(m.greatest),
        ..HistogramDataPoint::default()
    })
}

fn exponential(s: &super::cells::Series, span: Span) -> Option<ExponentialHistogramDataPoint> {
    let m = merged(s)?;
    let (scale, offset, bucket_counts) = wire(&m.counts[1..]);
    Some(ExponentialHistogramDataPoint {
        attributes: pairs(&s.labels),
        start_time_unix_nano: span.start,
        time_unix_nano: span.end,
        count: m.count,
        sum: Some(m.sum),
        scale,
        zero_count: m.counts[0],
        zero_threshold: ZERO,
        positive: Some(Buckets { offset, bucket_counts }),
        exemplars: s.take_exemplars(MASK).into_iter().map(told).collect(),
        min: Some(m.least),
        max: Some(m.greatest),
        ..ExponentialHistogramDataPoint::default()
    })
}

fn told(e: Exemplar) -> OtlpExemplar {
    let (trace_id, span_id) = e.trace.map(|(t, s)| (t.to_vec(), s.to_vec())).unwrap_or_default();
    OtlpExemplar {
        time_unix_nano: e.at,
        trace_id,
        span_id,
        value: Some(exemplar::Value::AsDouble(e.value)),
        ..OtlpExemplar::default()
    }
}

/// Asks all callbacks; those of one name and kind are one metric.
fn asked(all: &[Observed], span: Span) -> Vec<Metric> {
    let mut out: BTreeMap<(String, String, u8), Vec<NumberDataPoint>> = BTreeMap::new();
    for o in all {
        let kind = match o.shape {
            Shape::Counter => 0,
            Shape::UpDown => 1,
            _ => 2,
        };
        let points = out.entry((o.name.clone(), o.unit.clone(), kind)).or_default();
        let mut tell = |value: f64, labels: super::Labels<'_>| {
            if value.is_finite() {
                let labels = pairs(&super::labels::sorted(labels));
                points.push(number(labels, Value::AsDouble(value), span));
            }
        };
        // A host's callback that panics has nothing to say; its panic is not ours to spread.
        let _ = catch_unwind(AssertUnwindSafe(|| (o.ask)(&mut tell)));
    }
    out.into_iter()
        .filter(|(_, points)| !points.is_empty())
        .map(|((name, unit, kind), points)| {
            let data = match kind {
                2 => Data::Gauge(Gauge { data_points: points }),
                kind => sum(points, kind == 0),
            };
            Metric { name, unit, data: Some(data), ..Metric::default() }
        })
        .collect()
}
