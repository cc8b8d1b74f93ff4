//! What a collector's answer means: accepted, partly, refused for good, or to be tried again. The
//! rules are OTLP's. gRPC's frames and trailers are read in `grpc`.

use crate::transport::{Outcome, Signal};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use std::time::Duration;

/// `google.rpc.Status`, as far as it is of use.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Any {
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// Reads an HTTP answer. A success whose body cannot be read is a success.
pub(super) fn http(
    status: StatusCode,
    headers: &HeaderMap,
    body: &Bytes,
    signal: Signal,
) -> Outcome {
    if status.is_success() {
        return accepted(body, signal);
    }
    let protobuf = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|t| t.as_bytes().starts_with(b"application/x-protobuf"));
    let said = match RpcStatus::decode(body.clone()) {
        Ok(read) if protobuf => read.message,
        _ => String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned(),
    };
    let why = match said.trim() {
        "" => status.as_u16().to_string(),
        said => format!("{}: {said}", status.as_u16()),
    };
    match status.as_u16() {
        429 | 502 | 503 | 504 => {
            // The date form is left to our own pauses: it would trust two clocks to agree.
            let asked = headers.get(header::RETRY_AFTER).and_then(|v| v.to_str().ok());
            let asked = asked.and_then(|v| v.trim().parse().ok()).map(Duration::from_secs);
            Outcome::Later { why, asked, reached: true }
        }
        _ => Outcome::Refused(why),
    }
}

/// Reads a response message; what is not one counts as all taken, since that is what was said.
pub(super) fn accepted(body: &[u8], signal: Signal) -> Outcome {
    let (rejected, message) = match signal {
        Signal::Traces => ExportTraceServiceResponse::decode(body)
            .ok()
            .and_then(|r| r.partial_success)
            .map(|p| (p.rejected_spans, p.error_message)),
        Signal::Metrics => ExportMetricsServiceResponse::decode(body)
            .ok()
            .and_then(|r| r.partial_success)
            .map(|p| (p.rejected_data_points, p.error_message)),
    }
    .unwrap_or_default();
    Outcome::Taken { rejected: u64::try_from(rejected).unwrap_or(0), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<&str>) -> Outcome {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        http(status, &headers, &Bytes::from_static(b"why"), Signal::Traces)
    }

    #[test]
    fn only_four_codes_are_tried_again() {
        for status in 300..600 {
            let again = matches!(answer(status, None), Outcome::Later { .. });
            assert_eq!(again, [429, 502, 503, 504].contains(&status), "{status}");
        }
        let Outcome::Later { asked, why, .. } = answer(503, Some("7")) else { panic!("again") };
        assert_eq!((asked, why.as_str()), (Some(Duration::from_secs(7)), "503: why"));
        let date = answer(429, Some("Wed, 21 Oct 2026 07:28:00 GMT"));
        assert!(matches!(date, Outcome::Later { asked: None, .. }));
    }

    #[test]
    fn a_success_with_a_strange_body_is_a_success() {
        let Outcome::Taken { rejected, message } = accepted(b"<html>", Signal::Metrics) else {
            panic!("taken")
        };
        assert_eq!((rejected, message.as_str()), (0, ""));
    }
}
