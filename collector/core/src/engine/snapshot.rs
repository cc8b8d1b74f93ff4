//! The tables that readers see, made from the history: services, RED, USE, investigations.

use super::analyst::Analyst;
use crate::catalog::Catalog;
use crate::stats::median;
use longpole_model::finding::{Quantiles, RedRow, ServiceRow, Snapshot, UseRow};
use longpole_model::signal::{
    RedKey, RedSummary, Role, SeriesId, Sketch, Tally, Window, WindowSummary,
};
use std::collections::{BTreeMap, BTreeSet};

/// Takes the snapshot of everything closed so far; of what is kept of it, where the history is not
/// summing.
pub fn snapshot(analyst: &Analyst, catalog: &Catalog, pending: &Tally) -> Snapshot {
    let history = analyst.history();
    let usage = usage(history.iter(), catalog);
    match history.totals() {
        Some(totals) => taken(analyst, catalog, pending, totals, usage),
        None => taken(analyst, catalog, pending, &sum(history.iter()), usage),
    }
}

fn sum<'a>(windows: impl Iterator<Item = &'a WindowSummary>) -> WindowSummary {
    let mut sums = WindowSummary::default();
    windows.for_each(|window| sums.merge_totals(window));
    sums
}

/// Takes the snapshot of the last `nanos` of closed windows: what a service does now.
pub fn recent(analyst: &Analyst, catalog: &Catalog, pending: &Tally, nanos: u64) -> Snapshot {
    let history = analyst.history();
    let end = history.covers().0.end;
    let stretch = Window { start: end.minus(nanos), end };
    let sums = sum(history.within(stretch));
    taken(analyst, catalog, pending, &sums, usage(history.within(stretch), catalog))
}

fn taken(
    analyst: &Analyst,
    catalog: &Catalog,
    pending: &Tally,
    totals: &WindowSummary,
    usage: Vec<UseRow>,
) -> Snapshot {
    let red = red_totals(totals);
    let mut tally = analyst.history().covers().1.clone();
    tally.merge(pending);
    Snapshot {
        at: totals.window.end,
        covers: totals.window,
        windows: analyst.history().windows(),
        services: services(&red, totals, catalog),
        red: red_rows(&red, totals, catalog),
        usage,
        investigations: analyst.book().queue().into_iter().cloned().collect(),
        changes: analyst.changes(catalog),
        placebo: analyst.watch().placebo(),
        tally,
    }
}

/// RED of everything, late spans included.
fn red_totals(totals: &WindowSummary) -> BTreeMap<RedKey, RedSummary> {
    let mut out: BTreeMap<RedKey, RedSummary> = BTreeMap::new();
    for (key, red) in totals.red.iter().chain(&totals.late) {
        out.entry(*key).or_default().merge(red);
    }
    out
}

/// The percentiles that are shown.
pub fn quantiles(s: &Sketch) -> Quantiles {
    let [p50, p90, p95, p99, p999] = s.quantiles([0.5, 0.9, 0.95, 0.99, 0.999]);
    Quantiles { p50, p90, p95, p99, p999 }
}

fn weight(sum: u64) -> f64 {
    sum as f64 / 65_536.0
}

fn red_rows(
    red: &BTreeMap<RedKey, RedSummary>,
    totals: &WindowSummary,
    catalog: &Catalog,
) -> Vec<RedRow> {
    let seconds = totals.window.seconds().max(1e-9);
    let mut rows: Vec<RedRow> = red
        .iter()
        .filter_map(|(key, r)| {
            let calls = weight(r.weight);
            let errors = weight(r.failed_weight);
            Some(RedRow {
                operation: catalog.operation_of(key.operation)?.clone(),
                version: catalog.version_of(key.version).to_owned(),
                spans: r.spans,
                calls,
                rate_per_second: calls / seconds,
                errors,
                error_ratio: if calls > 0.0 { errors / calls } else { 0.0 },
                duration_ns: quantiles(&r.durations()),
            })
        })
        .collect();
    rows.sort_by(|a, b| (&a.operation, &a.version).cmp(&(&b.operation, &b.version)));
    rows
}

fn services(
    red: &BTreeMap<RedKey, RedSummary>,
    totals: &WindowSummary,
    catalog: &Catalog,
) -> Vec<ServiceRow> {
    #[derive(Default)]
    struct Sums {
        entry: RedSummary,
        operations: BTreeSet<u32>,
        series: BTreeSet<SeriesId>,
    }
    let mut all: BTreeMap<&str, Sums> = BTreeMap::new();
    for (key, r) in red {
        let Some(o) = catalog.operation_of(key.operation) else { continue };
        let sums = all.entry(&o.service).or_default();
        sums.operations.insert(key.operation.0);
        if o.kind.enters() {
            sums.entry.merge(r);
        }
    }
    for (id, _) in &totals.series {
        if let Some(s) = catalog.series().get(id.0 as usize) {
            all.entry(&s.service).or_default().series.insert(*id);
        }
    }
    let seconds = totals.window.seconds().max(1e-9);
    let rows = all.into_iter().map(|(service, sums)| {
        let versions = catalog.versions_of_service(service).into_iter();
        let calls = weight(sums.entry.weight);
        ServiceRow {
            service: service.to_owned(),
            versions: versions.map(|(v, _)| catalog.version_of(v).to_owned()).collect(),
            operations: sums.operations.len() as u64,
            spans: sums.entry.spans,
            rate_per_second: calls / seconds,
            error_ratio: if calls > 0.0 { weight(sums.entry.failed_weight) / calls } else { 0.0 },
            duration_ns: quantiles(&sums.entry.durations()),
            series: sums.series.len() as u64,
        }
    });
    rows.collect()
}

/// Utilization, saturation and error series, window by window.
pub(super) fn usage<'a>(
    windows: impl Iterator<Item = &'a WindowSummary>,
    catalog: &Catalog,
) -> Vec<UseRow> {
    let mut values: BTreeMap<SeriesId, (Vec<f64>, u64)> = BTreeMap::new();
    for w in windows {
        for (id, s) in &w.series {
            if let Some(v) = s.value() {
                let row = values.entry(*id).or_default();
                row.0.push(v);
                row.1 += s.points;
            }
        }
    }
    let mut rows: Vec<UseRow> = values
        .into_iter()
        .filter_map(|(id, (values, points))| {
            let s = catalog.series().get(id.0 as usize)?;
            if !matches!(s.role, Role::Utilization | Role::Saturation | Role::Errors) {
                return None;
            }
            let attributes = s.attributes.iter().map(|(k, v)| format!("{k}={v}"));
            let attributes = attributes.collect::<Vec<_>>().join(",");
            let series = if attributes.is_empty() {
                s.name.clone()
            } else {
                format!("{}{{{attributes}}}", s.name)
            };
            Some(UseRow {
                service: s.service.clone(),
                pod: match s.placement.pod.is_empty() {
                    true => s.placement.instance.clone(),
                    false => s.placement.pod.clone(),
                },
                facility: s.facility,
                role: s.role,
                series,
                unit: s.unit.clone(),
                median: median(&values),
                max: values.iter().copied().fold(f64::MIN, f64::max),
                last: values.last().copied().unwrap_or(0.0),
                points,
            })
        })
        .collect();
    rows.sort_by(|a, b| {
        (&a.service, &a.pod, a.facility, &a.series)
            .cmp(&(&b.service, &b.pod, b.facility, &b.series))
    });
    rows
}
