//! Rate, errors, duration: span metrics.

use super::Dialect;
use super::family::{Family, Histogram, Kind, weight};
use longpole_model::finding::RedTotal;
use longpole_model::signal::{OVERFLOW_NAME, RedSummary};

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
    for (labels, red) in merged(rows, dialect) {
        for (code, n) in [
            ("STATUS_CODE_UNSET", red.weight.saturating_sub(red.failed_weight)),
            ("STATUS_CODE_ERROR", red.failed_weight),
        ] {
            let mut labels = labels.clone();
            labels.push(("status_code", code.to_owned()));
            calls.number(labels, weight(n));
        }
        durations.histogram(labels, Histogram::of_seconds(&[&red.halves[0], &red.halves[1]]));
    }
    vec![calls, durations]
}

type Labels = Vec<(&'static str, String)>;

/// Rows with equal labels become one series: a scrape with a series twice is refused as a whole.
/// (Tenant, environment and namespace are not labels; overflow operations differ in kind only.)
fn merged(rows: &[RedTotal], dialect: Dialect) -> Vec<(Labels, RedSummary)> {
    let mut out: std::collections::BTreeMap<Labels, RedSummary> = Default::default();
    for row in rows {
        out.entry(labels(row, dialect)).or_default().merge(&row.red);
    }
    out.into_iter().collect()
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
