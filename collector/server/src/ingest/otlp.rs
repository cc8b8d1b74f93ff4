//! OTLP on the wire to [`Batch`], purely: bytes in, batch and rejections out.
//!
//! The protobuf is walked field by field over the payload and never built into messages. Knows no
//! socket, no file and no clock; [`super::replay`] and the network doors bring the bytes. JSON is
//! re-encoded to protobuf ([`json`]) and takes the same walk.

mod content;
mod decoder;
mod detect;
mod dictionary;
mod event;
mod filed;
pub mod json;
mod known;
mod logs;
mod metrics;
mod naming;
mod refusal;
mod resource;
mod sender;
mod spans;
mod status;
mod text;
mod tracestate;
mod validity;
mod value;
mod wire;

pub use decoder::Decoder;
pub use detect::{Signal, signal};
pub use refusal::Refusal;

use longpole_model::signal::{Batch, Rejections, Timestamp};

/// Caps of one request, and of what is kept between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Bytes of one request after decompression.
    pub bytes: usize,
    /// Spans, metric points and log records together.
    pub items: u32,
    /// Attributes and list elements, wherever they stand.
    pub attributes: u32,
    /// Nesting of attribute values.
    pub depth: u32,
    /// Bytes of one kept text.
    pub text: usize,
    /// Attributes of one span, and of one metric point, that are looked at.
    pub attributes_per_item: usize,
    /// Buckets of one histogram point.
    pub buckets: usize,
    /// Bytes of names that a decoder keeps from request to request; beyond it all are read anew.
    pub names: usize,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            items: 131_072,
            attributes: 1_048_576,
            depth: 32,
            text: 4096,
            attributes_per_item: 128,
            buckets: 10_000,
            names: 4 << 20,
        }
    }
}

/// Decodes an `ExportTraceServiceRequest` on its own; see [`Decoder::decode`].
///
/// # Errors
/// A request that cannot be read at all.
pub fn traces(
    payload: &[u8],
    limits: &DecodeLimits,
    now: Option<Timestamp>,
) -> Result<(Batch, Rejections), Refusal> {
    Decoder::new(limits).decode(payload, Some(Signal::Traces), now)
}

/// Decodes an `ExportMetricsServiceRequest` on its own.
///
/// # Errors
/// A request that cannot be read at all.
pub fn metrics(
    payload: &[u8],
    limits: &DecodeLimits,
    now: Option<Timestamp>,
) -> Result<(Batch, Rejections), Refusal> {
    Decoder::new(limits).decode(payload, Some(Signal::Metrics), now)
}

/// Reads an `ExportLogsServiceRequest`: its records are counted and dropped.
///
/// # Errors
/// A request that cannot be read at all.
pub fn logs(payload: &[u8], limits: &DecodeLimits) -> Result<(Batch, Rejections), Refusal> {
    Decoder::new(limits).decode(payload, Some(Signal::Logs), None)
}

/// The bytes of the span at `offset` of a payload ([`longpole_model::signal::SpanRecord::offset`]):
/// its body, without tag and length.
pub fn span_bytes(payload: &[u8], offset: u32) -> Option<&[u8]> {
    let mut fields = wire::Fields::of(payload.get(offset as usize..)?);
    match fields.next() {
        Ok(Some((2, wire::Value::Bytes(body)))) => Some(body),
        _ => None,
    }
}
