//! Small valid OTLP requests, and the wire's building blocks for invalid ones.
//!
//! Built by prost, not by the code under test.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Now, Unix nanoseconds.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// A text attribute.
pub fn attribute(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

/// A server span of ten milliseconds that has just ended, in a trace of its own.
pub fn span(name: &str) -> Span {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let end = now();
    Span {
        trace_id: [end.to_be_bytes(), id.to_be_bytes()].concat(),
        span_id: id.to_be_bytes().to_vec(),
        name: name.to_owned(),
        kind: 2,
        start_time_unix_nano: end - 10_000_000,
        end_time_unix_nano: end,
        ..Span::default()
    }
}

/// So many of them, of seven operations.
pub fn some(n: usize) -> Vec<Span> {
    (0..n).map(|i| span(&format!("op{}", i % 7))).collect()
}

/// Spans of one service as a request.
pub fn request(service: &str, spans: Vec<Span>) -> Vec<u8> {
    let attributes = vec![attribute("service.name", service)];
    let resource = Some(Resource { attributes, ..Resource::default() });
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// A good request of `n` spans.
pub fn good(n: usize) -> Vec<u8> {
    request("good", (0..n).map(|_| span("fine")).collect())
}

/// A length-delimited field.
pub fn field(number: u32, inner: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_key(number, WireType::LengthDelimited, &mut out);
    encode_varint(inner.len() as u64, &mut out);
    out.extend_from_slice(inner);
    out
}

/// An attribute whose value lies `depth` lists deep. Bytes, since messages of that depth would
/// overflow their own drop.
pub fn deep_attribute(depth: usize) -> Vec<u8> {
    let mut value = AnyValue { value: Some(Value::IntValue(1)) }.encode_to_vec();
    for _ in 0..depth {
        value = field(5, &field(1, &value));
    }
    [field(1, b"k"), field(2, &value)].concat()
}

/// A request with one span to which raw bytes are appended.
pub fn request_with(span: &Span, extra: &[u8]) -> Vec<u8> {
    let span = [span.encode_to_vec(), extra.to_vec()].concat();
    field(1, &field(2, &field(2, &span)))
}

/// Compressed as an exporter does.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}
