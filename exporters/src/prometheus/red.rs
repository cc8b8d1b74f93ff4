//! Rate, errors, duration: span metrics.

use super::Dialect;
use super::family::{Family, Histogram, Kind, weight};
use longpole_model::finding::RedTotal;
use longpole_model::signal::{OVERFLOW_NAME, RedSummary, Sketch};

/// Calls and durations. Sampled spans count by their weight. The duration has no `status_code`: one
/// distribution is kept an operation.
pub(super) fn families(rows: &[RedTotal], dialect: Dialect) -> Vec<Family> {
    let (calls, duration) = match dialect {
        Dialect::Otel => {
            ("traces_span_metrics_calls_total", "traces_span_metrics_duration_seconds")
        }
        Dialect::Tempo => ("traces_spanmetrics_calls_total", "traces_spanmetrics_latency"),
    };
    let mut calls = Family::new(calls, "Spans, by sampling weight.", Kind::Counter);
    let mut durations = Family::new(duration, "Duration of spans in seconds.", Kind::Histogram);
    for (labels, rows) in series(rows, dialect) {
        let sum = |n: fn(&RedSummary) -> u64| {
            rows.iter().fold(0, |sum: u64, r| sum.saturating_add(n(&r.red)))
        };
        let (all, failed) = (sum(|r| r.weight), sum(|r| r.failed_weight));
        for (code, n) in
            [("STATUS_CODE_UNSET", all.saturating_sub(failed)), ("STATUS_CODE_ERROR", failed)]
        {
            let mut labels = labels.clone();
            labels.push(("status_code", code.to_owned()));
            calls.number(labels, weight(n));
        }
        let sketches: Vec<&Sketch> = rows.iter().flat_map(|r| &r.red.halves).collect();
        durations.histogram(labels, Histogram::of_seconds(&sketches));
    }
    vec![calls, durations]
}

type Labels = Vec<(&'static str, String)>;

/// Rows with equal labels become one series: a scrape with a series twice is refused as a whole.
/// (Tenant, environment and namespace are not labels; overflow operations differ in kind only.)
fn series(rows: &[RedTotal], dialect: Dialect) -> Vec<(Labels, Vec<&RedTotal>)> {
    let mut all: Vec<(Labels, &RedTotal)> =
        rows.iter().map(|row| (labels(row, dialect), row)).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    let mut out: Vec<(Labels, Vec<&RedTotal>)> = Vec::with_capacity(all.len());
    for (labels, row) in all {
        match out.last_mut() {
            Some((last, rows)) if *last == labels => rows.push(row),
            _ => out.push((labels, vec![row])),
        }
    }
    out
}

fn labels(row: &RedTotal, dialect: Dialect) -> Labels {
    let o = &row.operation;
    let (service, overflow) = match dialect {
        Dialect::Otel => ("service_name", OVERFLOW_NAME),
        Dialect::Tempo => ("service", "metric_overflow"),
    };
    if o.name == OVERFLOW_NAME {
        return vec![(service, o.service.clone()), (overflow, "true".to_owned())];
    }
    let mut labels = vec![
        (service, o.service.clone()),
        ("span_name", o.name.clone()),
        ("span_kind", o.kind.otlp_name().to_owned()),
    ];
    if !row.version.is_empty() {
        labels.push(("service_version", row.version.clone()));
    }
    labels
}
