//! OTLP/JSON, re-encoded to protobuf, so that there is one semantics: the protobuf walk's.
//!
//! Lenient where the specification asks for it (ids in hex of any case, 64-bit numbers as string or
//! number, unknown fields) and where senders err (enum names, snake_case, unreadable scalars, which
//! count as not sent). Streams: no document tree is built. Judges no span; an id that cannot be one
//! reaches the walk as an id of the wrong length.

mod encode;
mod scalar;
mod schema;
mod writer;

use super::{DecodeLimits, Refusal, Signal};
use longpole_model::signal::{Batch, Reason, Rejections, Timestamp};
use std::borrow::Cow;

/// Decodes an `ExportTraceServiceRequest` in JSON; see [`super::traces`].
pub fn traces(
    body: &[u8],
    limits: &DecodeLimits,
    now: Option<Timestamp>,
) -> Result<(Batch, Rejections), Refusal> {
    decode(body, limits, Some(Signal::Traces), now)
}

/// Decodes an `ExportMetricsServiceRequest` in JSON; see [`super::metrics`].
pub fn metrics(
    body: &[u8],
    limits: &DecodeLimits,
    now: Option<Timestamp>,
) -> Result<(Batch, Rejections), Refusal> {
    decode(body, limits, Some(Signal::Metrics), now)
}

/// Reads an `ExportLogsServiceRequest` in JSON; see [`super::logs`].
pub fn logs(body: &[u8], limits: &DecodeLimits) -> Result<(Batch, Rejections), Refusal> {
    decode(body, limits, Some(Signal::Logs), None)
}

/// Decodes a request of whatever signal its first key names; for recordings. A document that names
/// none is refused: it is no OTLP.
pub fn any(
    body: &[u8],
    limits: &DecodeLimits,
    now: Option<Timestamp>,
) -> Result<(Batch, Rejections), Refusal> {
    decode(body, limits, None, now)
}

/// The same request as protobuf.
pub fn to_protobuf(
    body: &[u8],
    limits: &DecodeLimits,
    told: Option<Signal>,
) -> Result<(Signal, Vec<u8>), Refusal> {
    if body.len() > limits.bytes {
        let (has, cap) = (body.len(), limits.bytes);
        return Err(Refusal {
            reason: Reason::TooLarge,
            message: format!("the request has {has} bytes; at most {cap} are taken in one"),
        });
    }
    encode::request(body, limits, told)
}

fn decode(
    body: &[u8],
    limits: &DecodeLimits,
    told: Option<Signal>,
    now: Option<Timestamp>,
) -> Result<(Batch, Rejections), Refusal> {
    let mended = match str::from_utf8(body) {
        Ok(_) => Cow::Borrowed(body),
        Err(_) => Cow::Owned(String::from_utf8_lossy(body).into_owned().into_bytes()),
    };
    let (signal, payload) = to_protobuf(&mended, limits, told)?;
    let (batch, mut rejections) = match signal {
        Signal::Traces => super::traces(&payload, limits, now),
        Signal::Metrics => super::metrics(&payload, limits, now),
        Signal::Logs => super::logs(&payload, limits),
    }?;
    rejections.replaced_text += u64::from(matches!(mended, Cow::Owned(_)));
    Ok((batch, rejections))
}
