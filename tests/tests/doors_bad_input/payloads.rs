//! Requests that cannot be read, and spans that are refused one by one.

use super::{GZIP, JSON, PROTOBUF, call, collector, even, grows, lives, post, refused};
use longpole_tests::collector::wait_until;
use longpole_tests::h2c::{self, TRACES, code};
use longpole_tests::spans::{
    attribute, deep_attribute, field, good, gzip, now, request, request_with, span,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use std::time::Duration;

#[test]
fn unreadable_messages_are_refused_for_good() {
    let c = collector();
    let whole = good(3);
    let deep = |depth| request_with(&span("deep"), &field(9, &deep_attribute(depth)));
    let many_attributes = {
        let mut s = span("wide");
        s.attributes = vec![attribute("", ""); 1_100_000];
        request("x", vec![s])
    };
    let rows: [(&str, Vec<u8>, &str); 8] = [
        ("no protobuf", vec![0xff; 9], "malformed"),
        ("text", b"GET / HTTP/1.1\r\n\r\n".to_vec(), "malformed"),
        ("cut", whole[..whole.len() - 5].to_vec(), "malformed"),
        ("lying length", [&[0x0a, 0xe8, 0x07][..], b"abc"].concat(), "malformed"),
        ("field 0", vec![0x02, 0x00], "malformed"),
        ("131,073 spans", field(1, &field(2, &[0x12, 0x00].repeat(131_073))), "too_many_items"),
        ("1,100,000 attributes", many_attributes, "too_many_items"),
        ("10,000 deep", deep(10_000), "too_deep"),
    ];
    for (what, message, reason) in &rows {
        let answer = refused(&c, "http", reason, || post(&c, message));
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/x-protobuf"), "{what}");
        lives(&c, what);
        let reply = refused(&c, "grpc", reason, || call(&c, message));
        assert_eq!(reply.code, Some(code::INVALID_ARGUMENT), "{what}: {reply:?}");
        lives(&c, what);
    }
    for depth in [1, 30] {
        assert_eq!(post(&c, &deep(depth)).status, 200, "{depth} deep");
    }
    even(c);
}

#[test]
fn unreadable_json_is_refused_in_json() {
    let c = collector();
    let nested = format!("{{\"resourceSpans\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let rows = [
        ("cut", "{\"resourceSpans\":["),
        ("not an object", "[]"),
        ("wrong type", "{\"resourceSpans\":3}"),
        ("wrong type inside", r#"{"resourceSpans":[{"scopeSpans":[{"spans":{}}]}]}"#),
        ("wrong item", r#"{"resourceSpans":["x"]}"#),
        ("nothing", ""),
        ("a NUL", "\u{0}"),
        ("nested", nested.as_str()),
    ];
    for (what, text) in rows {
        let labels = [("transport", "http")];
        let answer = grows(&c, "longpole_rejected_requests_total", &labels, 1.0, || {
            c.post("/v1/traces", &[JSON], text.as_bytes())
        });
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/json"), "{what}");
        let said: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert!(said["message"].as_str().is_some_and(|m| !m.is_empty()), "{what}: {said}");
        lives(&c, what);
    }
    even(c);
}

#[test]
fn encodings_that_are_unknown_or_broken() {
    let c = collector();
    let (fine, packed) = (good(2), gzip(&good(2)));
    let cut = &packed[..packed.len() - 6];
    let twice = gzip(&packed);
    type Row<'a> = (&'a str, Vec<(&'a str, &'a str)>, &'a [u8], u16, &'a str);
    let http: [Row; 8] = [
        ("no type", vec![], &fine, 415, "bad_encoding"),
        ("type", vec![("Content-Type", "text/plain")], &fine, 415, "bad_encoding"),
        ("encoding", vec![PROTOBUF, ("Content-Encoding", "br")], &fine, 415, "bad_encoding"),
        ("a list", vec![PROTOBUF, ("Content-Encoding", "gzip, gzip")], &twice, 415, "bad_encoding"),
        ("not gzip", vec![PROTOBUF, GZIP], &fine, 400, "bad_encoding"),
        ("cut gzip", vec![PROTOBUF, GZIP], cut, 400, "bad_encoding"),
        ("not zstd", vec![PROTOBUF, ("Content-Encoding", "zstd")], &fine, 400, "bad_encoding"),
        ("gzip of gzip", vec![PROTOBUF, GZIP], &twice, 400, "malformed"),
    ];
    for (what, headers, body, status, reason) in http {
        let answer = refused(&c, "http", reason, || c.post("/v1/traces", &headers, body));
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        lives(&c, what);
    }
    let gzipped = [("grpc-encoding", "gzip")];
    type Call<'a> = (&'a str, &'a [(&'a str, &'a str)], Vec<u8>, u32, &'a str);
    let grpc: [Call; 6] = [
        (
            "encoding",
            &[("grpc-encoding", "snappy")],
            h2c::frame(1, &fine),
            code::UNIMPLEMENTED,
            "bad_encoding",
        ),
        ("cut gzip", &gzipped, h2c::frame(1, cut), code::INVALID_ARGUMENT, "bad_encoding"),
        ("not gzip", &gzipped, h2c::frame(1, &fine), code::INVALID_ARGUMENT, "bad_encoding"),
        ("gzip of gzip", &gzipped, h2c::frame(1, &twice), code::INVALID_ARGUMENT, "malformed"),
        (
            "compressed by nothing",
            &[],
            h2c::frame(1, &packed),
            code::INVALID_ARGUMENT,
            "bad_encoding",
        ),
        ("frame flag", &[], h2c::frame(7, &fine), code::INVALID_ARGUMENT, "bad_encoding"),
    ];
    for (what, headers, body, expected, reason) in grpc {
        let reply = refused(&c, "grpc", reason, || h2c::call_raw(c.grpc, TRACES, headers, body));
        let reply = reply.unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(reply.code, Some(expected), "{what}: {reply:?}");
        lives(&c, what);
    }
    for (what, body) in [("cut frame", h2c::frame(0, &fine)[..9].to_vec()), ("no frame", vec![])] {
        let reply =
            h2c::call_raw(c.grpc, TRACES, &[], body).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert!(reply.code.is_some_and(|n| n != code::OK), "{what}: {reply:?}");
        lives(&c, what);
    }
    even(c);
}

#[test]
fn bad_spans_do_not_take_their_batch_along() {
    let c = collector();
    let (t, s) = (now(), || span("x"));
    let hour = 3_600_000_000_000;
    let rows: [(&str, Span); 14] = [
        ("bad_id", Span { trace_id: vec![0; 16], ..s() }),
        ("bad_id", Span { trace_id: vec![], ..s() }),
        ("bad_id", Span { trace_id: vec![7; 15], ..s() }),
        ("bad_id", Span { span_id: vec![0; 8], ..s() }),
        ("bad_id", Span { span_id: vec![1; 16], ..s() }),
        ("bad_id", Span { parent_span_id: vec![1, 2], ..s() }),
        ("negative_duration", Span { end_time_unix_nano: t - hour, ..s() }),
        ("bad_time", Span { start_time_unix_nano: 0, ..s() }),
        ("bad_time", Span { start_time_unix_nano: 1, end_time_unix_nano: 2, ..s() }),
        (
            "bad_time",
            Span { start_time_unix_nano: u64::MAX - 1, end_time_unix_nano: u64::MAX, ..s() },
        ),
        ("bad_time", Span { start_time_unix_nano: t, end_time_unix_nano: t + 2 * hour, ..s() }),
        ("bad_time", Span { start_time_unix_nano: t - 25 * hour, end_time_unix_nano: t, ..s() }),
        (
            "bad_time",
            Span {
                start_time_unix_nano: t + 2 * hour,
                end_time_unix_nano: t + 2 * hour + 1,
                ..s()
            },
        ),
        ("negative_duration", Span { end_time_unix_nano: 0, ..s() }),
    ];
    for (reason, bad) in rows {
        // Made anew for each door: what is sent again is a duplicate.
        let message = || request("shop", vec![span("x"), bad.clone(), span("x")]);
        let labels = [("signal", "spans"), ("reason", reason)];
        let partial = |bytes: &[u8]| {
            let said = ExportTraceServiceResponse::decode(bytes).expect("a response");
            let partial = said.partial_success.unwrap_or_else(|| panic!("{bad:?} was taken"));
            assert_eq!(partial.rejected_spans, 1, "{bad:?}");
            assert!(!partial.error_message.is_empty());
        };
        let answer =
            grows(&c, "longpole_rejected_items_total", &labels, 1.0, || post(&c, &message()));
        assert_eq!(answer.status, 200);
        partial(&answer.body);
        let reply =
            grows(&c, "longpole_rejected_items_total", &labels, 1.0, || call(&c, &message()));
        assert_eq!(reply.code, Some(code::OK));
        partial(&reply.body);
    }
    lives(&c, "bad spans");
    wait_until(Duration::from_secs(2), "the good ones are recorded", || {
        c.sum("longpole_recorded_items_total", &[("signal", "spans")]) == 2.0 * 28.0 + 2.0
    });
    even(c);
}

#[test]
fn empty_and_unknown_is_fine() {
    let c = collector();
    let unknown = [good(1), field(99, b"new in a later version")].concat();
    for message in [&[][..], &field(1, &[]), &unknown] {
        let answer = post(&c, message);
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{}", answer.text());
        let reply = call(&c, message);
        assert_eq!((reply.code, reply.body.len()), (Some(code::OK), 0), "{reply:?}");
    }
    let answer = c.post("/v1/traces", &[JSON], br#"{"resourceSpans":[],"x":[{"y":1}]}"#);
    assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
    assert_eq!(c.sum("longpole_rejected_requests_total", &[]), 0.0);
    even(c);
}
