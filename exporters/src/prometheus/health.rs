//! Longpole's own counters: every term of the accounting identity, and what is open.

use super::family::{Family, Kind};
use longpole_model::finding::{Investigation, Totals};
use longpole_model::signal::{Fate, Tally};
use std::borrow::Cow;
use std::collections::BTreeMap;

pub(super) fn families<'a>(
    totals: &Totals,
    investigations: &'a [Investigation],
) -> Vec<Family<'a>> {
    let t = &totals.tally;
    let mut out = items(t);
    let single = |name: &'static str, help: &'static str, n: u64| {
        Family::single(name, help, Kind::Counter, n as f64)
    };
    let mut requests = Family::new(
        "longpole_refused_requests_total",
        "Requests that could not be read, by reason.",
        Kind::Counter,
    );
    for (reason, n) in t.requests.iter() {
        requests.number(vec![("reason", reason.as_str().into())], n as f64);
    }
    let mut overflow = Family::new(
        "longpole_overflow_items_total",
        "Recorded items that were folded into an overflow series.",
        Kind::Counter,
    );
    overflow.number(vec![("signal", "spans".into())], t.overflow_spans as f64);
    overflow.number(vec![("signal", "points".into())], t.overflow_points as f64);
    overflow.number(vec![("signal", "profile_rows".into())], t.overflow_rows as f64);
    let mut shed = Family::new(
        "longpole_shed_items_total",
        "Given up for want of room, by what it was. Rate, errors and duration count them.",
        Kind::Counter,
    );
    let given = &totals.given;
    shed.number(vec![("what", "plain_spans".into())], given.plain as f64);
    shed.number(vec![("what", "exemplars".into())], given.exemplars as f64);
    shed.number(vec![("what", "precious_spans".into())], given.precious as f64);
    out.extend([
        requests,
        overflow,
        shed,
        single("longpole_traces_total", "Traces evaluated.", t.traces),
        single("longpole_segments_total", "Segments evaluated.", t.segments),
        single(
            "longpole_rootless_segments_total",
            "Segments evaluated although their trace's root was missing.",
            t.rootless,
        ),
        single(
            "longpole_late_segments_total",
            "Segments told in a later window than they ended in: it had closed before their trace was settled.",
            t.late_segments,
        ),
        single(
            "longpole_spans_after_close_total",
            "Spans that came after their trace had been evaluated.",
            t.after_close,
        ),
        single(
            "longpole_spans_not_kept_total",
            "Spans that only RED saw, because too many were open.",
            t.not_kept,
        ),
        single(
            "longpole_long_spans_total",
            "Spans longer than the trace horizon: RED only.",
            t.long,
        ),
        single(
            "longpole_clock_shifts_total",
            "Calls whose server's clock was brought to its client's.",
            t.clock_shifts,
        ),
        single(
            "longpole_duplicate_span_ids_total",
            "Span ids seen twice in one trace.",
            t.duplicate_ids,
        ),
        single(
            "longpole_replaced_texts_total",
            "Texts with invalid UTF-8, replaced.",
            t.replaced_text,
        ),
        single("longpole_truncated_total", "Texts or lists cut to their cap.", t.truncated),
        single(
            "longpole_not_finite_points_total",
            "Gauge points that were no number, kept out of statistics.",
            t.not_finite,
        ),
        single("longpole_log_records_dropped_total", "Log records; none is kept.", t.logs),
        single("longpole_windows_closed_total", "Windows closed.", totals.windows),
        Family::single(
            "longpole_open_spans",
            "Spans held until their traces are settled.",
            Kind::Gauge,
            totals.open_spans as f64,
        ),
        Family::single(
            "longpole_history_bytes",
            "Bytes that closed windows hold.",
            Kind::Gauge,
            totals.history_bytes as f64,
        ),
        single(
            "longpole_history_dropped_windows_total",
            "Closed windows given up before their time, to hold the budget of bytes.",
            totals.history_dropped,
        ),
        Family::single(
            "longpole_placebo_alarms_per_series_day",
            "False alarms of the A/A test that always runs.",
            Kind::Gauge,
            totals.placebo.alarms_per_series_day,
        ),
        single("longpole_placebo_tests_total", "A/A tests made.", totals.placebo.tests),
        open(investigations),
    ]);
    out
}

/// `received = recorded + rejected + duplicate + dropped`, term by term.
fn items(t: &Tally) -> Vec<Family<'static>> {
    let family = |name: &'static str, help: &'static str| Family::new(name, help, Kind::Counter);
    let mut received =
        family("longpole_received_items_total", "Spans and metric points that arrived.");
    let mut recorded =
        family("longpole_recorded_items_total", "Items that count, by where they count.");
    let mut rejected = family("longpole_rejected_items_total", "Items refused, by reason.");
    let mut duplicate = family("longpole_duplicate_items_total", "Items seen before.");
    let mut dropped = family("longpole_dropped_items_total", "Items accepted and then given up.");
    let fates: [(&str, &Fate); 2] = [("spans", &t.spans), ("points", &t.points)];
    for (signal, fate) in fates {
        let label = || ("signal", signal.into());
        received.number(vec![label()], fate.received as f64);
        for (where_, n) in [("window", fate.window), ("late", fate.late), ("skewed", fate.skewed)] {
            recorded.number(vec![label(), ("in", where_.into())], n as f64);
        }
        for reason in longpole_model::signal::Reason::ALL {
            let n = fate.rejected.get(reason);
            rejected.number(vec![label(), ("reason", reason.as_str().into())], n as f64);
        }
        duplicate.number(vec![label()], fate.duplicate as f64);
        dropped.number(vec![label()], fate.dropped as f64);
    }
    vec![received, recorded, rejected, duplicate, dropped]
}

/// Open investigations, by what an alert routes on.
fn open(investigations: &[Investigation]) -> Family<'_> {
    let mut family = Family::new(
        "longpole_investigations_open",
        "Investigations that are not resolved.",
        Kind::Gauge,
    );
    let mut counts: BTreeMap<[Cow<'_, str>; 4], u64> = BTreeMap::new();
    for i in investigations.iter().filter(|i| i.resolved_at.is_none()) {
        let verdict = i.bottlenecks.first();
        let key = [
            verdict.map_or("", |b| &b.service).into(),
            verdict.map_or("", |b| b.kind.as_str()).into(),
            i.handoff.as_ref().map_or("", |h| &h.specialist.name).into(),
            u8::from(i.severity).to_string().into(),
        ];
        *counts.entry(key).or_default() += 1;
    }
    for ([service, kind, specialist, severity], n) in counts {
        let labels = vec![
            ("service", service),
            ("kind", kind),
            ("specialist", specialist),
            ("severity", severity),
        ];
        family.number(labels, n as f64);
    }
    family
}
