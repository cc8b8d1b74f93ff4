//! Texts and numbers of names beyond what is kept: taken, cut or folded, and counted.

use super::{call, collector, even, grows, lives, post};
use longpole_tests::h2c::code;
use longpole_tests::spans::{attribute, field, now, request, request_with, span};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

#[test]
fn invalid_utf8_is_replaced_and_counted() {
    let c = collector();
    let message = || request_with(&span(""), &field(5, b"caf\xe9 \xff\xfe"));
    let answer = grows(&c, "longpole_replaced_texts_total", &[], 1.0, || post(&c, &message()));
    assert_eq!(answer.status, 200);
    let reply = grows(&c, "longpole_replaced_texts_total", &[], 1.0, || call(&c, &message()));
    assert_eq!(reply.code, Some(code::OK));
    let name = "caf\u{fffd} \u{fffd}\u{fffd}";
    assert_eq!(c.sum("traces_span_metrics_calls_total", &[("span_name", name)]), 2.0);
    lives(&c, "invalid UTF-8");
    even(c);
}

#[test]
fn long_and_many_is_cut_and_counted() {
    let c = collector();
    let wide = (0..200).map(|i| attribute(&format!("k{i}"), "v")).collect();
    let rows = [
        ("a long name", Span { name: "\u{1f980}".repeat(3_000), ..span("") }),
        ("200 attributes", Span { attributes: wide, ..span("wide") }),
    ];
    for (what, bad) in rows {
        let before = c.sum("longpole_truncated_total", &[]);
        let answer = post(&c, &request("shop", vec![bad]));
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
        lives(&c, what); // and more than a tenth of a second has passed, or the next line waits
        longpole_tests::collector::wait_until(std::time::Duration::from_secs(2), what, || {
            c.sum("longpole_truncated_total", &[]) > before
        });
    }
    let twice = vec![
        attribute("a", "1"),
        attribute("a", "2"),
        attribute("", "x"),
        attribute("\0", "\u{202e}"),
    ];
    let odd = Span { attributes: twice, ..span("nul\0 and \u{202e}bidi") };
    assert_eq!(post(&c, &request("sh\0op\u{2066}", vec![odd])).status, 200);
    lives(&c, "odd characters");
    even(c);
}

#[test]
fn names_without_end_are_folded() {
    let c = collector();
    let names = (0..20_000).map(|i| span(&format!("GET /user/{i:x}-{}", i * 7919))).collect();
    let answer = post(&c, &request("shop", names));
    assert_eq!(answer.status, 200, "{}", answer.text());
    lives(&c, "20,000 names");
    let services: Vec<u8> =
        (0..2_000).flat_map(|i| request(&format!("service-{i}"), vec![span("x")])).collect();
    assert_eq!(call(&c, &services).code, Some(code::OK));
    lives(&c, "2,000 services");
    let text = c.metrics();
    let series = text.lines().filter(|l| l.starts_with("traces_span_metrics_calls_total{"));
    let series = series.count();
    assert!(series < 2 * (2_000 + 500 + 10), "{series} series");
    let overflow = c.sum("traces_span_metrics_calls_total", &[("otel_metric_overflow", "true")]);
    let counted = c.sum("longpole_overflow_items_total", &[("signal", "spans")]);
    assert!(overflow > 0.0 && counted > 0.0, "{overflow} {counted}");
    // Folded, not lost.
    let calls = c.sum("traces_span_metrics_calls_total", &[]);
    assert_eq!(calls, c.sum("longpole_recorded_items_total", &[("signal", "spans")]));
    even(c);
}

#[test]
fn span_kinds_and_states_that_do_not_exist() {
    let c = collector();
    for kind in [-1, 6, i32::MAX, i32::MIN] {
        let odd = Span { kind, flags: u32::MAX, dropped_links_count: u32::MAX, ..span("odd") };
        assert_eq!(post(&c, &request("shop", vec![odd])).status, 200, "{kind}");
    }
    let status = field(15, &[0x18, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    assert_eq!(post(&c, &request_with(&span("odd"), &status)).status, 200);
    // The same field again: the last one wins, as everywhere in protobuf.
    let again = Span { end_time_unix_nano: now(), name: "last".into(), ..Span::default() };
    assert_eq!(post(&c, &request_with(&span("first"), &again.encode_to_vec())).status, 200);
    lives(&c, "odd numbers");
    assert_eq!(c.sum("traces_span_metrics_calls_total", &[("span_name", "last")]), 1.0);
    even(c);
}
