//! Services and operations by rate, errors and duration.

use super::page::Page;
use crate::text::number::{count, duration, percent, plain, short};
use crate::text::table::{Align::*, Table};
use longpole_model::finding::{Quantiles, RedRow, ServiceRow};

/// Operations told; JSON has all.
const OPERATIONS: usize = 30;
/// Services told; JSON has all.
const SERVICES: usize = 100;

pub(super) fn services(page: &mut Page, rows: &[ServiceRow]) {
    page.gap();
    page.heading(0, "SERVICES: entry calls by rate, errors, duration");
    if rows.is_empty() {
        page.say(2, "none: no span and no series came in");
        return;
    }
    let mut t = Table::new(&[
        ("service", Left(40)),
        ("calls/s", Right),
        ("errors", Right),
        ("p50", Right),
        ("p90", Right),
        ("p95", Right),
        ("p99", Right),
        ("p99.9", Right),
        ("spans", Right),
        ("series", Right),
    ]);
    for r in rows.iter().take(SERVICES) {
        let [p50, p90, p95, p99, p999] = quantiles(&r.duration_ns, r.spans);
        let errors = shown(r.spans, percent(r.error_ratio));
        let rate = shown(r.spans, plain(r.rate_per_second));
        t.row([
            r.service.clone(),
            rate,
            errors,
            p50,
            p90,
            p95,
            p99,
            p999,
            short(r.spans),
            short(r.series),
        ]);
    }
    page.table(2, &t);
    more(page, rows.len(), SERVICES);
}

/// The operations with the most calls.
pub(super) fn operations(page: &mut Page, rows: &[RedRow]) {
    if rows.is_empty() {
        return;
    }
    page.gap();
    page.heading(0, "OPERATIONS: most calls first");
    let mut t = Table::new(&[
        ("service", Left(30)),
        ("operation", Left(60)),
        ("calls/s", Right),
        ("errors", Right),
        ("p50", Right),
        ("p95", Right),
        ("p99", Right),
        ("p99.9", Right),
        ("spans", Right),
    ]);
    let mut order: Vec<&RedRow> = rows.iter().collect();
    order.sort_by(|a, b| b.calls.total_cmp(&a.calls));
    for r in order.iter().take(OPERATIONS) {
        let [p50, _, p95, p99, p999] = quantiles(&r.duration_ns, r.spans);
        let at = if r.version.is_empty() { "" } else { " @ " };
        t.row([
            r.operation.service.clone(),
            format!("{}{at}{}", r.operation.name, r.version),
            plain(r.rate_per_second),
            percent(r.error_ratio),
            p50,
            p95,
            p99,
            p999,
            short(r.spans),
        ]);
    }
    page.table(2, &t);
    more(page, rows.len(), OPERATIONS);
}

pub(super) fn more(page: &mut Page, all: usize, told: usize) {
    if let Some(n) = all.checked_sub(told).filter(|n| *n > 0) {
        page.say(2, &format!("and {} more; --json has them all", count(n as u64)));
    }
}

fn quantiles(q: &Quantiles, spans: u64) -> [String; 5] {
    [q.p50, q.p90, q.p95, q.p99, q.p999].map(|ns| shown(spans, duration(ns as f64)))
}

/// A dash where no span stands behind the number.
fn shown(spans: u64, text: String) -> String {
    if spans == 0 { "-".into() } else { text }
}
