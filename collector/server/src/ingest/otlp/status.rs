//! Whether a span failed: the status it declares, else what its protocol's status code says.
//!
//! Follows the semantic conventions for HTTP and RPC spans; a declared status always wins.

use super::known::{Key, Known};
use super::value::Scalar;
use longpole_model::signal::{SpanKind, StatusCode};

/// The status of a span that declared `declared`.
#[inline]
pub(crate) fn status(declared: StatusCode, kind: SpanKind, known: &Known<'_>) -> StatusCode {
    if declared != StatusCode::Unset || known.is_empty() {
        return declared;
    }
    let protocol = [
        Key::HttpStatus,
        Key::HttpStatusOld,
        Key::RpcStatus,
        Key::RpcStatusNew,
        Key::RpcStatusGrpc,
    ];
    if known.any(protocol) && (http_failed(kind, known) || rpc_failed(kind, known)) {
        return StatusCode::Error;
    }
    StatusCode::Unset
}

fn http_failed(kind: SpanKind, known: &Known<'_>) -> bool {
    let Some(code) = known.get(Key::HttpStatus).or_else(|| known.get(Key::HttpStatusOld)) else {
        return false;
    };
    let Some(code) = integer(code) else { return false };
    match kind {
        SpanKind::Client => (400..1000).contains(&code),
        _ => (500..1000).contains(&code),
    }
}

fn rpc_failed(kind: SpanKind, known: &Known<'_>) -> bool {
    let said = [Key::RpcStatus, Key::RpcStatusNew, Key::RpcStatusGrpc];
    let Some(code) = said.into_iter().find_map(|key| known.get(key)) else { return false };
    let number = integer(code).or_else(|| grpc_code(code.text()?));
    match (kind, number) {
        // Some other RPC system's word: nothing is known about it.
        (_, None) => false,
        (SpanKind::Client, Some(code)) => code != 0,
        // UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS: the others
        // are the caller's doing.
        (_, Some(code)) => matches!(code, 2 | 4 | 12..=15),
    }
}

fn integer(value: Scalar<'_>) -> Option<i64> {
    match value {
        Scalar::Int(n) => Some(n),
        Scalar::Double(x) if x.fract() == 0.0 && x.abs() < 1e6 => Some(x as i64),
        Scalar::Text(text) if text.len() <= 6 => str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}

fn grpc_code(name: &[u8]) -> Option<i64> {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    let at = NAMES.iter().position(|n| n.as_bytes().eq_ignore_ascii_case(name))?;
    i64::try_from(at).ok()
}
