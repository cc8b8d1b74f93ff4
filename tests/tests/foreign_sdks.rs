//! Unmodified OpenTelemetry SDKs of other languages send an exact number of spans and points; the
//! scrape and the API must know each one of them. What is sent: `tests/foreign/*/send.*`.

use longpole_tests::binary::root;
use longpole_tests::collector::{Collector, wait_until};
use longpole_tests::exposition::sum;
use longpole_tests::foreign::{in_path, installed, there};
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

const REQUIRED: &str = "LONGPOLE_REQUIRE_FOREIGN";
/// Route, requests, of them failed.
const ROUTES: [(&str, u64, u64); 3] = [("GET /a", 100, 11), ("GET /b", 30, 0), ("POST /c", 7, 0)];
/// A server span and a client span for each request.
const SPANS: u64 = 2 * 137;
/// Three of a counter, two of an up-down counter, one of a gauge, three of a histogram.
const POINTS: u64 = 9;

fn sends(mut program: Command, protocol: &str) {
    // Wide enough that a slow start of an interpreter makes nothing late.
    let collector = Collector::start(&["--window", "1s", "--lateness", "3s"]);
    let (at, transport) = match protocol {
        "grpc" => (collector.grpc, "grpc"),
        _ => (collector.http, "http"),
    };
    let run = program.args([protocol, &format!("http://{at}"), "shop"]).output();
    let run = run.unwrap_or_else(|e| panic!("{program:?}: {e}"));
    let talk = [run.stdout, run.stderr].map(|t| String::from_utf8_lossy(&t).into_owned()).concat();
    assert!(run.status.success(), "{program:?}: {talk}");
    assert_eq!(talk, "", "the SDK complained");

    wait_until(Duration::from_secs(10), "everything is counted", || {
        let text = collector.metrics();
        let received = |signal| sum(&text, "longpole_received_items_total", &[("signal", signal)]);
        received("spans") == SPANS as f64 && received("points") == POINTS as f64
    });
    counted(&collector, transport);
    tabled(&collector);
    collector.terminate();
}

/// The scrape, while windows may still be open.
fn counted(collector: &Collector, transport: &str) {
    assert_eq!(collector.account("spans"), SPANS);
    assert_eq!(collector.account("points"), POINTS);
    let text = collector.metrics();
    let is = |n: u64, metric: &str, labels: &[(&str, &str)]| {
        assert_eq!(sum(&text, metric, labels), n as f64, "{metric} {labels:?}\n{text}");
    };
    is(SPANS, "longpole_recorded_items_total", &[("signal", "spans")]);
    is(POINTS, "longpole_recorded_items_total", &[("signal", "points")]);
    is(0, "longpole_rejected_items_total", &[]);
    is(0, "longpole_rejected_requests_total", &[]);
    is(SPANS, "longpole_spans_received_total", &[("transport", transport)]);
    is(SPANS, "longpole_spans_received_total", &[]);
    is(3, "longpole_requests_total", &[("signal", "traces"), ("transport", transport)]);
    is(1, "longpole_requests_total", &[("signal", "metrics"), ("transport", transport)]);
    let calls = "traces_span_metrics_calls_total";
    is(SPANS, calls, &[("service_name", "shop"), ("service_version", "1.2.3")]);
    is(137, calls, &[("span_name", "SELECT t"), ("span_kind", "SPAN_KIND_CLIENT")]);
    for (route, n, failed) in ROUTES {
        let of = [("span_name", route), ("span_kind", "SPAN_KIND_SERVER")];
        is(n, calls, &of);
        is(failed, calls, &[of[0], of[1], ("status_code", "STATUS_CODE_ERROR")]);
        is(n - failed, calls, &[of[0], of[1], ("status_code", "STATUS_CODE_UNSET")]);
        is(n, "traces_span_metrics_duration_seconds_count", &of);
    }
}

/// The API, once the windows have closed.
fn tabled(collector: &Collector) {
    let rows = |path: &str, name: &str| -> Vec<Value> {
        collector.table(path)[name].as_array().cloned().unwrap_or_default()
    };
    wait_until(Duration::from_secs(15), "the windows closed", || {
        let red = rows("/api/v1/red?service=shop", "red");
        let spans: u64 = red.iter().filter_map(|r| r["spans"].as_u64()).sum();
        spans == SPANS && rows("/api/v1/use?service=shop", "use").len() == 3
    });
    let red = rows("/api/v1/red?service=shop", "red");
    assert_eq!(red.len(), 4, "{red:?}");
    let find = |rows: &[Value], key: &str, name: &str| {
        let found = rows.iter().find(|r| r.pointer(key).is_some_and(|v| v == name));
        found.cloned().unwrap_or_else(|| panic!("no {name} in {rows:?}"))
    };
    for (route, n, failed) in ROUTES {
        let row = find(&red, "/operation/name", route);
        assert_eq!(row["operation"]["kind"], "server", "{row}");
        assert_eq!((row["spans"].as_u64(), row["calls"].as_f64()), (Some(n), Some(n as f64)));
        assert_eq!(row["errors"].as_f64(), Some(failed as f64), "{row}");
    }
    let call = find(&red, "/operation/name", "SELECT t");
    assert_eq!((call["spans"].as_u64(), &call["operation"]["kind"]), (Some(137), &"client".into()));
    let usage = rows("/api/v1/use?service=shop", "use");
    for (series, last) in [
        ("foreign.cpu.utilization", 0.75),
        ("foreign.pool.used{pool=main}", 3.0),
        ("foreign.pool.used{pool=side}", 4.0),
    ] {
        let row = find(&usage, "/series", series);
        assert_eq!((row["last"].as_f64(), row["points"].as_u64()), (Some(last), Some(1)), "{row}");
    }
}

fn python(protocol: &str) {
    let python = installed().join("python/bin/python");
    let library = installed().join("python/complete");
    if there("OpenTelemetry's SDK for Python", &library, REQUIRED) {
        let mut program = Command::new(python);
        program.arg(root().join("tests/foreign/python/send.py"));
        sends(program, protocol);
    }
}

fn node(protocol: &str) {
    let library = installed().join("node/complete");
    if there("OpenTelemetry's SDK for JavaScript", &library, REQUIRED) {
        let mut program = Command::new(in_path("node"));
        program
            .arg(root().join("tests/foreign/node/send.mjs"))
            .current_dir(installed().join("node"));
        sends(program, protocol);
    }
}

#[test]
fn python_over_grpc() {
    python("grpc");
}

#[test]
fn python_over_http_protobuf() {
    python("http/protobuf");
}

#[test]
fn node_over_grpc() {
    node("grpc");
}

#[test]
fn node_over_http_protobuf() {
    node("http/protobuf");
}

#[test]
fn node_over_http_json() {
    node("http/json");
}
