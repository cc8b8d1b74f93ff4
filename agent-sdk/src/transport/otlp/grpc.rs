//! Unary gRPC over a plain HTTP/2 client: the frame before a message, the trailers after it. A whole
//! gRPC library would be most of this crate's weight, for two calls.

use super::reply::{RpcStatus, accepted};
use crate::transport::{Outcome, Signal};
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use longpole_proto::percent::decode;
use prost::Message;
use std::time::Duration;

/// The path of a signal's Export call.
pub(super) fn path(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    }
}

/// One message as a frame: a flag for compression, its length, itself.
pub(super) fn frame(message: &[u8], compressed: bool) -> Bytes {
    let mut out = BytesMut::with_capacity(message.len() + 5);
    out.put_u8(u8::from(compressed));
    out.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    out.put_slice(message);
    out.freeze()
}

/// Reads an answer. Where there was nothing but trailers, they are the headers.
pub(super) fn reply(
    status: StatusCode,
    headers: &HeaderMap,
    trailers: Option<&HeaderMap>,
    body: &[u8],
    signal: Signal,
) -> Outcome {
    let find = |name: &str| {
        let value = trailers.and_then(|t| t.get(name)).or_else(|| headers.get(name))?;
        value.to_str().ok()
    };
    let Some(code) = find("grpc-status").and_then(|c| c.parse::<i32>().ok()) else {
        let why = format!("{} without grpc-status; is this a gRPC port?", status.as_u16());
        return match status.as_u16() {
            // A stream that was cut: nobody knows.
            200 | 429 | 502 | 503 | 504 => Outcome::Later { why, asked: None, reached: true },
            _ => Outcome::Refused(why),
        };
    };
    if code == 0 {
        return accepted(body.get(5..).unwrap_or_default(), signal);
    }
    let details = find("grpc-status-details-bin").and_then(base64);
    let details = details.and_then(|d| RpcStatus::decode(d.as_slice()).ok());
    let asked = details.as_ref().and_then(retry_info);
    let why = format!("gRPC {code}: {}", decode(find("grpc-message").unwrap_or_default()));
    match code {
        // Cancelled, deadline exceeded, aborted, out of range, unavailable, data loss.
        1 | 4 | 10 | 11 | 14 | 15 => Outcome::Later { why, asked, reached: true },
        // Resource exhausted: only where the collector says when.
        8 if asked.is_some() => Outcome::Later { why, asked, reached: true },
        _ => Outcome::Refused(why),
    }
}

/// `google.rpc.RetryInfo`, whose one field is a `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    delay: Option<WireDuration>,
}

#[derive(Clone, PartialEq, Message)]
struct WireDuration {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

fn retry_info(status: &RpcStatus) -> Option<Duration> {
    let any = status.details.iter().find(|d| d.type_url.ends_with("google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(any.value.as_slice()).ok()?.delay?;
    let seconds = u64::try_from(delay.seconds).ok()?;
    Some(Duration::new(seconds, u32::try_from(delay.nanos).ok()?.min(999_999_999)))
}

/// Base64 with or without padding, as binary headers come.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut many) = (0u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        many += 6;
        if many >= 8 {
            many -= 8;
            out.push((bits >> many & 0xff) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::super::reply::Any;
    use super::*;

    fn answer(code: &str, details: Option<&str>) -> Outcome {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", code.parse().unwrap());
        if let Some(details) = details {
            trailers.insert("grpc-status-details-bin", details.parse().unwrap());
        }
        reply(StatusCode::OK, &HeaderMap::new(), Some(&trailers), &[], Signal::Traces)
    }

    #[test]
    fn codes_are_tried_again_as_the_protocol_says() {
        for code in 1..17 {
            let again = matches!(answer(&code.to_string(), None), Outcome::Later { .. });
            assert_eq!(again, [1, 4, 10, 11, 14, 15].contains(&code), "{code}");
        }
        assert!(matches!(answer("0", None), Outcome::Taken { rejected: 0, .. }));
    }

    #[test]
    fn an_exhausted_collector_is_waited_for_when_it_says_how_long() {
        let delay = Some(WireDuration { seconds: 3, nanos: 0 });
        let any = Any {
            type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
            value: RetryInfo { delay }.encode_to_vec(),
        };
        let status = RpcStatus { code: 8, message: String::new(), details: vec![any] };
        assert_eq!(retry_info(&status), Some(Duration::from_secs(3)));
        // The same status in base64, by another encoder.
        let details = "CAgaLgoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxICCgA";
        assert!(base64(details).is_some());
        let three = "CAgaMAoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIECgIIAw==";
        assert_eq!(base64(three), Some(status.encode_to_vec()));
        let Outcome::Later { asked, .. } = answer("8", Some(three)) else { panic!("again") };
        assert_eq!(asked, Some(Duration::from_secs(3)));
        assert!(matches!(answer("8", None), Outcome::Refused(_)));
        assert_eq!(base64("a?"), None);
    }

    #[test]
    fn frames_have_five_bytes_before_the_message() {
        assert_eq!(frame(b"abc", false).as_ref(), b"\0\0\0\0\x03abc");
    }
}
