//! Spellings, wrong forms, and what grows.

use super::*;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

fn traces(text: &str) -> Result<ExportTraceServiceRequest, Refusal> {
    let (signal, bytes) = to_protobuf(text.as_bytes(), &DecodeLimits::default())?;
    assert_eq!(signal, Signal::Traces);
    Ok(ExportTraceServiceRequest::decode(bytes.as_slice()).expect("protobuf"))
}

#[test]
fn every_spelling_means_the_same() {
    let camel = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0A0b","kind":2,
        "startTimeUnixNano":"5","attributes":[{"key":"k","value":{"intValue":"-7"}}],
        "flags":256,"status":{"code":2},"new":{"deep":[1,{"a":null}]}}]}]}],"also":[[]]}"#;
    let snake = r#"{"also":1,"resource_spans":[{"scope_spans":[{"spans":[{"trace_id":"0a0B",
        "kind":"SPAN_KIND_SERVER","start_time_unix_nano":5,"flags":"256","links":null,
        "attributes":[{"key":"k","value":{"int_value":-7}}],"status":{"code":"ERROR"}}]}]}]}"#;
    let (one, two) = (traces(camel).expect("camel"), traces(snake).expect("snake"));
    assert_eq!(one, two);
    let span = &one.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!((span.trace_id.as_slice(), span.kind, span.flags), (&[10, 11][..], 2, 256));
    assert_eq!(span.status.as_ref().map(|s| s.code), Some(2));
}

#[test]
fn what_has_the_wrong_form_is_not_taken_for_nothing() {
    for text in [
        r#"{"resourceSpans":3}"#,
        r#"{"resourceSpans":{}}"#,
        r#"{"resourceSpans":[null]}"#,
        r#"{"resourceSpans":[[]]}"#,
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":"x"}]}]}"#,
        r#"{"resourceSpans":[{"resource":true}]}"#,
        r#"{"resourceSpans":[]} {}"#,
        r#"{"resource":[]}"#,
        "[]",
        "3",
        "null",
        "",
    ] {
        let refusal = traces(text).expect_err(text);
        assert_eq!(refusal.reason, Reason::Malformed, "{text}");
    }
    for text in ["{}", r#"{"resourceSpans":null}"#, r#"{"resourceSpans":[]}"#] {
        assert_eq!(traces(text), Ok(ExportTraceServiceRequest::default()), "{text}");
    }
}

#[test]
fn lists_of_numbers_are_bounded_by_what_they_become() {
    let counts = "0,".repeat(1_000);
    let text = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"histogram":{{"dataPoints":
        [{{"bucketCounts":[{counts}0]}}]}}}}]}}]}}]}}"#
    );
    let limits = DecodeLimits { bytes: 5_000, ..DecodeLimits::default() };
    let refusal = to_protobuf(text.as_bytes(), &limits).expect_err("too large");
    assert_eq!(refusal.reason, Reason::TooLarge);
    assert!(to_protobuf(text.as_bytes(), &DecodeLimits::default()).is_ok());
}
