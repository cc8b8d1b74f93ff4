//! Why a whole request was refused, and the sentence that says so.
//!
//! Single spans and points are refused in [`super::spans`] and [`super::metrics`].

use super::DecodeLimits;
use super::wire::{Fault, Flaw, address};
use longpole_model::signal::Reason;

/// A request that could not be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What it is counted under.
    pub reason: Reason,
    /// What happened and where, for the sender.
    pub message: String,
}

/// The refusal that a fault in `payload` leads to.
#[cold]
pub(super) fn of(fault: Fault, payload: &[u8], limits: &DecodeLimits) -> Refusal {
    let at = fault.at.saturating_sub(address(payload));
    let at = if at <= payload.len() { format!(" (byte {at})") } else { String::new() };
    let reason = match fault.flaw {
        Flaw::TooManyItems | Flaw::TooManyAttributes => Reason::TooManyItems,
        Flaw::TooDeep => Reason::TooDeep,
        Flaw::TooMuch => Reason::TooLarge,
        Flaw::Truncated
        | Flaw::LyingLength
        | Flaw::FieldNumber
        | Flaw::WireType
        | Flaw::Varint
        | Flaw::Group => Reason::Malformed,
    };
    let what = match fault.flaw {
        Flaw::Truncated => "not OTLP protobuf: the bytes end inside a field".into(),
        Flaw::LyingLength => "not OTLP protobuf: a length runs past the end of its message".into(),
        Flaw::FieldNumber => "not OTLP protobuf: a field number that cannot be".into(),
        Flaw::WireType => "not OTLP protobuf: a field has the wrong wire type".into(),
        Flaw::Varint => "not OTLP protobuf: a number longer than 64 bits".into(),
        Flaw::Group => "not OTLP protobuf: a group that is not closed".into(),
        Flaw::TooManyItems => {
            format!(
                "too many spans or points: at most {} are taken in one request; send smaller batches",
                limits.items
            )
        }
        Flaw::TooManyAttributes => format!(
            "too many attributes: at most {} are taken in one request; send smaller batches",
            limits.attributes
        ),
        Flaw::TooMuch => {
            "series that grow far beyond the bytes they came in; send smaller batches".into()
        }
        Flaw::TooDeep => format!("attribute values nested deeper than {}", limits.depth),
    };
    Refusal { reason, message: format!("{what}{at}") }
}
