//! Secrets planted in every place of a request that can hold text.

use super::*;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value,
};
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::prelude::*;
use prost::Message as _;

const SECRET: &str = "postgres://app:hunter2@db/shop";

fn any(value: Value) -> Option<AnyValue> {
    Some(AnyValue { value: Some(value) })
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: any(value), ..KeyValue::default() }
}

fn text(key: &str, value: &str) -> KeyValue {
    pair(key, Value::StringValue(value.into()))
}

/// A secret in every place of a span that can hold text.
fn planted() -> ExportTraceServiceRequest {
    let list =
        ArrayValue { values: vec![AnyValue { value: Some(Value::StringValue(SECRET.into())) }] };
    let map = KeyValueList { values: vec![text("password", "hunter2"), text("ok", "fine")] };
    let span = Span {
        name: SECRET.into(),
        attributes: vec![
            text("db", SECRET),
            text("http.request.header.authorization", "hunter2"),
            pair("list", Value::ArrayValue(list)),
            pair("map", Value::KvlistValue(map.clone())),
            pair("secret", Value::KvlistValue(map)),
            pair("n", Value::IntValue(7)),
            text("plain", "hunter 2"),
        ],
        events: vec![Event {
            name: SECRET.into(),
            attributes: vec![text("e", SECRET)],
            ..Event::default()
        }],
        links: vec![Link { attributes: vec![text("l", SECRET)], ..Link::default() }],
        status: Some(Status { message: SECRET.into(), code: 2 }),
        ..Span::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes: vec![text("r", SECRET)], ..Default::default() }),
            scope_spans: vec![ScopeSpans { spans: vec![span], ..Default::default() }],
            ..Default::default()
        }],
    }
}

#[test]
fn no_planted_secret_is_left_and_the_rest_is_as_it_was() {
    let mut bytes = planted().encode_to_vec();
    let long = bytes.len();
    scrub(&mut bytes, false);
    assert_eq!(bytes.len(), long);
    assert!(!bytes.windows(7).any(|w| w == b"hunter2"), "a secret is left");
    let read = ExportTraceServiceRequest::decode(bytes.as_slice()).expect("still OTLP");
    let span = &read.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!(span.name, "postgres://***********@db/shop");
    assert_eq!(span.attributes[6], text("plain", "hunter 2"));
    assert_eq!(span.attributes[5], pair("n", Value::IntValue(7)));
    let Some(Value::KvlistValue(map)) = &span.attributes[3].value.as_ref().unwrap().value else {
        panic!("a map")
    };
    assert_eq!(map.values[1], text("ok", "fine"));
    let Some(Value::KvlistValue(map)) = &span.attributes[4].value.as_ref().unwrap().value else {
        panic!("a map")
    };
    assert_eq!(map.values[1], text("ok", "****"), "below a secret key everything is");
}

#[test]
fn metrics_and_their_exemplars_are_scrubbed_too() {
    let exemplar = Exemplar { filtered_attributes: vec![text("x", SECRET)], ..Default::default() };
    let point = NumberDataPoint {
        attributes: vec![text("token", "hunter2")],
        exemplars: vec![exemplar],
        ..Default::default()
    };
    let gauge = Data::Gauge(Gauge { data_points: vec![point] });
    let metric = Metric { data: Some(gauge), ..Default::default() };
    let scope = ScopeMetrics { metrics: vec![metric], ..Default::default() };
    let request = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            scope_metrics: vec![scope],
            ..Default::default()
        }],
    };
    let mut bytes = request.encode_to_vec();
    scrub(&mut bytes, true);
    assert!(!bytes.windows(7).any(|w| w == b"hunter2"), "a secret is left");
    ExportMetricsServiceRequest::decode(bytes.as_slice()).expect("still OTLP");
}

proptest! {
    #[test]
    fn any_bytes_keep_their_length(mut bytes: Vec<u8>, metrics: bool) {
        let long = bytes.len();
        scrub(&mut bytes, metrics);
        prop_assert_eq!(bytes.len(), long);
    }
}
