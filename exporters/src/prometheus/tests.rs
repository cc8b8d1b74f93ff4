//! A golden scrape, hostile texts, no series twice.

use super::*;
use longpole_model::finding::{Connection, EdgeTotal, RedTotal};
use longpole_model::signal::{EdgeCounters, Operation, RedCounters, Sketch, SpanKind};
use std::sync::Arc;

fn red(service: &str, name: &str, version: &str) -> RedTotal {
    let mut durations = Sketch::default();
    for ns in [400_000, 3_000_000, 20_000_000_000] {
        durations.record(ns, 1 << 16);
    }
    let mut red = RedCounters { weight: 3 << 16, failed_weight: 1 << 16, ..RedCounters::default() };
    red.durations.add(&durations);
    RedTotal {
        operation: Arc::new(Operation {
            service: service.into(),
            kind: SpanKind::Server,
            name: name.into(),
            ..Operation::default()
        }),
        version: version.into(),
        red,
    }
}

fn totals() -> Totals {
    let mut callee = Sketch::default();
    callee.record(1_000_000, 2 << 16);
    let mut edge = EdgeCounters { weight: 2 << 16, ..EdgeCounters::default() };
    edge.callee.add(&callee);
    Totals {
        red: vec![red("cart", "GET /cart/{id}", "1.4.0")],
        edges: vec![EdgeTotal {
            client: "user".into(),
            server: "cart".into(),
            connection: Connection::Call,
            edge,
        }],
        ..Totals::default()
    }
}

#[test]
fn a_scrape_reads_as_the_format_says() {
    let text = encode(&families(&totals(), &[], &[Dialect::Otel]));
    insta::assert_snapshot!(text);
}

#[test]
fn parts_are_the_whole_and_no_series_is_cut() {
    let totals = totals();
    let all = families(&totals, &[], &[Dialect::Otel]);
    let whole = encode(&all);
    for least in [1, 100, 1_000, usize::MAX] {
        let mut parts = Vec::new();
        let take = |part: String| {
            parts.push(part);
            true
        };
        assert!(encode_parts(&all, least, take));
        assert!(parts.iter().all(|part| part.ends_with('\n')));
        assert_eq!(parts.concat(), whole, "{least}");
    }
    let mut taken = 0;
    let enough = |_| {
        taken += 1;
        taken < 2
    };
    assert!(!encode_parts(&all, 1, enough));
    assert_eq!(taken, 2);
}

#[test]
fn both_dialects_name_the_same_numbers() {
    let text = encode(&families(&totals(), &[], &[Dialect::Otel, Dialect::Tempo]));
    assert!(text.contains("traces_span_metrics_calls_total{service_name=\"cart\""));
    assert!(text.contains("traces_spanmetrics_calls_total{service=\"cart\""));
    assert!(text.contains("traces_spanmetrics_latency_bucket{service=\"cart\""));
}

/// Every line is a comment or `name{labels} number`, whatever the names hold.
#[test]
fn hostile_texts_forge_no_sample() {
    let hostile = ["x\"} 1\nevil 1", "a\\", "\u{1b}[31m\r\n# TYPE x counter", "\u{2028}", "", "\0"];
    let rows = hostile.iter().flat_map(|h| [red(h, h, h), red(h, "y", h)]).collect();
    let totals = Totals { red: rows, ..totals() };
    let text = encode(&families(&totals, &[], &[Dialect::Otel]));
    for line in text.lines() {
        let known =
            line.starts_with("# ") || line.starts_with("traces_") || line.starts_with("longpole_");
        assert!(known, "{line:?}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
        if !line.starts_with('#') {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            assert!(value.parse::<f64>().is_ok() || value == "+Inf", "{line:?}");
            let quotes = series.replace("\\\\", "").replace("\\\"", "").matches('"').count();
            assert!(quotes % 2 == 0, "{line:?}");
        }
    }
}

#[test]
fn equal_labels_become_one_series() {
    let mut twin = red("cart", "GET /cart/{id}", "1.4.0");
    Arc::make_mut(&mut twin.operation).namespace = "elsewhere".into();
    let mut t = totals();
    t.red.push(twin);
    let text = encode(&families(&t, &[], &[Dialect::Otel]));
    let mut series: Vec<&str> = text
        .lines()
        .filter(|l| !l.starts_with('#'))
        .filter_map(|l| Some(l.rsplit_once(' ')?.0))
        .collect();
    let all = series.len();
    series.sort_unstable();
    series.dedup();
    assert_eq!(series.len(), all);
    assert!(text.contains("status_code=\"STATUS_CODE_ERROR\"} 2\n"), "{text}");
}
