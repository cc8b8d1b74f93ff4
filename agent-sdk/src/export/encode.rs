//! Metrics as OTLP protobuf. Spans are the drain's.

use crate::clock::now;
use crate::metrics::{Attributes, Held, Instrument, bounds, registry};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, InstrumentationScope, KeyValue, any_value::Value as Any,
};
use opentelemetry_proto::tonic::metrics::v1::{
    self as otlp, AggregationTemporality, Gauge, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum, metric::Data, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use std::sync::PoisonError;

fn pair(key: &str, value: Any) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn texts(pairs: &[(String, String)]) -> Vec<KeyValue> {
    pairs.iter().map(|(k, v)| pair(k, Any::StringValue(v.clone()))).collect()
}

fn resource(attributes: &[(String, String)]) -> Option<Resource> {
    Some(Resource { attributes: texts(attributes), ..Resource::default() })
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope {
        name: "longpole-sdk".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    })
}

/// A metrics request: everything as it stands now.
pub(super) fn metrics(attributes: &[(String, String)]) -> Vec<u8> {
    let all = registry().instruments.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (start, at) = (registry().start, now());
    let metrics = all.iter().filter_map(|i| metric(i, start, at)).collect();
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: resource(attributes),
            scope_metrics: vec![ScopeMetrics {
                scope: scope(),
                metrics,
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    }
    .encode_to_vec()
}

fn metric(i: &Instrument, start: u64, at: u64) -> Option<Metric> {
    let number = |attributes: &Attributes, value: f64| NumberDataPoint {
        attributes: texts(attributes),
        start_time_unix_nano: start,
        time_unix_nano: at,
        value: Some(number_data_point::Value::AsDouble(value)),
        ..NumberDataPoint::default()
    };
    let cumulative = AggregationTemporality::Cumulative as i32;
    let sum = |points: Vec<NumberDataPoint>, is_monotonic| {
        Data::Sum(Sum { data_points: points, aggregation_temporality: cumulative, is_monotonic })
    };
    let data = match &i.held {
        Held::Sum { monotonic, cells } => {
            let cells = cells.lock().unwrap_or_else(PoisonError::into_inner);
            sum(cells.iter().map(|(a, v)| number(a, *v)).collect(), *monotonic)
        }
        Held::Observed { monotonic_sum, attributes, ask } => {
            let value = Some(ask()).filter(|v| v.is_finite())?;
            let points = vec![number(attributes, value)];
            match monotonic_sum {
                true => sum(points, true),
                false => Data::Gauge(Gauge { data_points: points }),
            }
        }
        Held::Histogram(cells) => {
            let cells = cells.lock().unwrap_or_else(PoisonError::into_inner);
            let points = cells.iter().map(|(a, c)| HistogramDataPoint {
                attributes: texts(a),
                start_time_unix_nano: start,
                time_unix_nano: at,
                count: c.count,
                sum: Some(c.sum),
                bucket_counts: c.counts.to_vec(),
                explicit_bounds: bounds().to_vec(),
                min: Some(c.min),
                max: Some(c.max),
                ..HistogramDataPoint::default()
            });
            let data_points = points.collect();
            Data::Histogram(otlp::Histogram { data_points, aggregation_temporality: cumulative })
        }
    };
    Some(Metric {
        name: i.name.clone(),
        unit: i.unit.clone(),
        data: Some(data),
        ..Metric::default()
    })
}
