//! Spans as OTLP protobuf.

use crate::span::{Span, Status, Value};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, InstrumentationScope, KeyValue, any_value::Value as Any,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span as OtlpSpan, Status as OtlpStatus, span::Event,
};
use prost::Message;

fn any(value: Value) -> Any {
    match value {
        Value::Text(t) => Any::StringValue(t.into_owned()),
        Value::Int(i) => Any::IntValue(i),
        Value::Float(f) => Any::DoubleValue(f),
        Value::Bool(b) => Any::BoolValue(b),
    }
}

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

/// A traces request.
pub(super) fn traces(attributes: &[(String, String)], spans: Vec<Span>) -> Vec<u8> {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: resource(attributes),
            scope_spans: vec![ScopeSpans {
                scope: scope(),
                spans: spans.into_iter().map(span).collect(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
    .encode_to_vec()
}

fn values(attributes: Vec<(&'static str, Value)>) -> Vec<KeyValue> {
    attributes.into_iter().map(|(k, v)| pair(k, any(v))).collect()
}

fn span(s: Span) -> OtlpSpan {
    // Bit 8: it is known whether the parent is remote; bit 9: it is.
    let remote = if s.parent_is_remote { 0x300 } else { 0x100 };
    OtlpSpan {
        trace_id: s.context.trace_id.to_vec(),
        span_id: s.context.span_id.to_vec(),
        trace_state: s.context.trace_state.as_deref().unwrap_or_default().to_owned(),
        parent_span_id: s.parent.map(|p| p.to_vec()).unwrap_or_default(),
        flags: 1 | if s.parent.is_some() { remote } else { 0 },
        name: s.name.into_owned(),
        kind: s.kind as i32,
        start_time_unix_nano: s.start,
        end_time_unix_nano: s.end,
        attributes: values(s.attributes),
        dropped_attributes_count: s.dropped_attributes,
        events: s
            .events
            .into_iter()
            .map(|e| Event {
                time_unix_nano: e.at,
                name: e.name.into_owned(),
                attributes: values(e.attributes),
                ..Event::default()
            })
            .collect(),
        dropped_events_count: s.dropped_events,
        status: match s.status {
            Status::Unset => None,
            Status::Ok => Some(OtlpStatus { code: 1, ..OtlpStatus::default() }),
            Status::Error(message) => Some(OtlpStatus { code: 2, message }),
        },
        ..OtlpSpan::default()
    }
}
