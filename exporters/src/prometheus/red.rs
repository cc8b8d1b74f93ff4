//! Rate, errors, duration: span metrics.

use super::Dialect;
use super::family::{Family, Histogram, Kind, Labels, weight};
use longpole_model::finding::RedTotal;
use longpole_model::signal::{OVERFLOW_NAME, RedCounters};

/// Calls and durations. Sampled spans count by their weight. The duration has no `status_code`: one
/// distribution is kept an operation.
pub(super) fn families(rows: &[RedTotal], dialect: Dialect) -> Vec<Family<'_>> {
    let (calls, duration) = match dialect {
        Dialect::Otel => {
            ("traces_span_metrics_calls_total", "traces_span_metrics_duration_seconds")
        }
        Dialect::Tempo => ("traces_spanmetrics_calls_total", "traces_spanmetrics_latency"),
    };
    let mut calls = Family::new(calls, "Spans, by sampling weight.", Kind::Counter);
    let mut durations = Family::new(duration, "Duration of spans in seconds.", Kind::Histogram);
    for (labels, sum) in series(rows, dialect) {
        for (code, n) in [
            ("STATUS_CODE_UNSET", sum.weight.saturating_sub(sum.failed_weight)),
            ("STATUS_CODE_ERROR", sum.failed_weight),
        ] {
            let mut labels = labels.clone();
            labels.push(("status_code", code.into()));
            calls.number(labels, weight(n));
        }
        durations.histogram(labels, Histogram::of_seconds(&sum.durations));
    }
    vec![calls, durations]
}

/// Rows with equal labels become one series: a scrape with a series twice is refused as a whole.
/// (Tenant, environment and namespace are not labels; overflow operations differ in kind only.)
fn series(rows: &[RedTotal], dialect: Dialect) -> Vec<(Labels<'_>, RedCounters)> {
    let mut all: Vec<(Labels<'_>, &RedCounters)> =
        rows.iter().map(|row| (labels(row, dialect), &row.red)).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    let mut out: Vec<(Labels<'_>, RedCounters)> = Vec::with_capacity(all.len());
    for (labels, red) in all {
        match out.last_mut() {
            Some((last, sum)) if *last == labels => sum.merge(red),
            _ => out.push((labels, *red)),
        }
    }
    out
}

fn labels(row: &RedTotal, dialect: Dialect) -> Labels<'_> {
    let o = &row.operation;
    let (service, overflow) = match dialect {
        Dialect::Otel => ("service_name", OVERFLOW_NAME),
        Dialect::Tempo => ("service", "metric_overflow"),
    };
    if o.name == OVERFLOW_NAME {
        return vec![(service, o.service.as_str().into()), (overflow, "true".into())];
    }
    // Room for a status code, too.
    let mut labels: Labels<'_> = Vec::with_capacity(5);
    labels.push((service, o.service.as_str().into()));
    labels.push(("span_name", o.name.as_str().into()));
    labels.push(("span_kind", o.kind.otlp_name().into()));
    if !row.version.is_empty() {
        labels.push(("service_version", (&*row.version).into()));
    }
    labels
}
