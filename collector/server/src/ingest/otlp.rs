//! OTLP requests to batches: the protobuf is walked where it lies, never built.
//!
//! Work is done per distinct resource, operation and series of a request; per span there is one
//! fixed-size record. JSON is re-encoded to protobuf first, so that there is one meaning. No socket,
//! file or clock: the time of arrival is an argument.

mod attributes;
pub mod json;
mod metrics;
mod name;
mod points;
mod resource;
mod span;
mod text;
mod traces;
mod wire;

use longpole_model::signal::{Batch, Reason, Rejections, Timestamp};

pub use metrics::metrics;
pub use traces::traces;

/// A request that was refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Counter label.
    pub reason: Reason,
    /// What is wrong and where, for the sender.
    pub message: String,
}

impl Refusal {
    fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// Caps on one request, counted on the wire before anything is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Bytes of a request after decompression.
    pub bytes: usize,
    /// Spans, points or log records.
    pub items: usize,
    /// Attributes of all kinds.
    pub attributes: usize,
    /// Nesting of attribute values.
    pub depth: usize,
    /// Attributes of one span or point that are looked at.
    pub attributes_per_item: usize,
    /// Bytes of one text.
    pub text: usize,
    /// Buckets of one histogram point.
    pub buckets: usize,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            items: 131_072,
            attributes: 1_048_576,
            depth: 32,
            attributes_per_item: 128,
            text: 4_096,
            buckets: 10_000,
        }
    }
}

/// What a request carries; recordings do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// `ExportTraceServiceRequest`
    Traces,
    /// `ExportMetricsServiceRequest`
    Metrics,
    /// `ExportLogsServiceRequest`: counted and dropped.
    Logs,
}

/// A request of any signal, told apart by its structure.
///
/// # Errors
/// As [`traces`] and [`metrics`].
pub fn any(
    payload: Vec<u8>,
    limits: &DecodeLimits,
    now: Option<Timestamp>,
) -> Result<(Batch, Rejections), Refusal> {
    match signal_of(&payload)? {
        Signal::Traces => traces(payload, limits, now),
        Signal::Metrics => metrics(payload, limits, now),
        Signal::Logs => logs(payload, limits),
    }
}

/// A request of log records: counted and dropped.
///
/// # Errors
/// As [`traces`].
pub fn logs(payload: Vec<u8>, limits: &DecodeLimits) -> Result<(Batch, Rejections), Refusal> {
    let logs = wire::count_items(&payload, limits)?;
    Ok((Batch::default(), Rejections { logs, ..Rejections::default() }))
}

/// Tells the signal of a request from the first item in it. All three share their outer levels; a
/// span has fixed64 times in fields 7 and 8, a metric has messages in 5, 7, 9, 10 or 11, a log
/// record a fixed64 time in field 1 or 11.
pub fn signal_of(payload: &[u8]) -> Result<Signal, Refusal> {
    use wire::{Fields, Value};
    for resource in Fields::new(payload) {
        let (1, Value::Bytes(resource)) = resource? else { continue };
        for scope in Fields::new(resource) {
            let (2, Value::Bytes(scope)) = scope? else { continue };
            for item in Fields::new(scope) {
                let (2, Value::Bytes(item)) = item? else { continue };
                for field in Fields::new(item) {
                    match field? {
                        (7 | 8, Value::Fixed64(_)) => return Ok(Signal::Traces),
                        (1 | 11, Value::Fixed64(_)) => return Ok(Signal::Logs),
                        (5 | 7 | 9 | 10 | 11, Value::Bytes(b)) if looks_like_data(b) => {
                            return Ok(Signal::Metrics);
                        }
                        (2, Value::Bytes(b)) if b.len() == 8 => return Ok(Signal::Traces),
                        _ => {}
                    }
                }
            }
        }
    }
    Ok(Signal::Traces)
}

/// Whether bytes can be a metric's data (a message whose first field is a data point).
fn looks_like_data(bytes: &[u8]) -> bool {
    let mut fields = wire::Fields::new(bytes);
    matches!(fields.next(), Some(Ok((1, wire::Value::Bytes(_))))) && fields.all(|f| f.is_ok())
}
