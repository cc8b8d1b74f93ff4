//! Utilization, saturation and errors of resources: only what stands out.

use super::page::Page;
use crate::text::number::{count, quantity, short};
use crate::text::table::{Align::*, Table};
use longpole_model::finding::UseRow;
use longpole_model::signal::{Facility, Role};

/// Series told; JSON has all.
const SERIES: usize = 20;
/// A share in use from which a resource is nearly full.
const FULL: f64 = 0.8;
/// A greatest value of this many medians stands out.
const JUMP: f64 = 1.5;

pub(super) fn usage(page: &mut Page, rows: &[UseRow]) {
    if rows.is_empty() {
        return;
    }
    let mut notable: Vec<(f64, &UseRow)> =
        rows.iter().filter_map(|r| Some((weight(r)?, r))).collect();
    notable.sort_by(|a, b| b.0.total_cmp(&a.0));
    page.gap();
    let total = count(rows.len() as u64);
    page.heading(0, &format!("RESOURCES: {} of {total} series stand out", notable.len()));
    if notable.is_empty() {
        return;
    }
    let mut t = Table::new(&[
        ("service", Left(30)),
        ("resource", Left(24)),
        ("series", Left(60)),
        ("median", Right),
        ("max", Right),
        ("last", Right),
        ("points", Right),
    ]);
    for (_, r) in notable.iter().take(SERIES) {
        let at = if r.pod.is_empty() { "" } else { " / " };
        t.row([
            format!("{}{at}{}", r.service, r.pod),
            format!("{} {}", facility(r.facility), role(r.role)),
            r.series.clone(),
            quantity(r.median, &r.unit),
            quantity(r.max, &r.unit),
            quantity(r.last, &r.unit),
            short(r.points),
        ]);
    }
    page.table(2, &t);
    super::services::more(page, notable.len(), SERIES);
}

/// How much a row stands out; `None` where it does not. Order of display alone.
fn weight(r: &UseRow) -> Option<f64> {
    let ratio = r.unit == "1" || r.unit == "ratio";
    let jump = if r.median > 0.0 { r.max / r.median } else { 0.0 };
    match r.role {
        Role::Utilization if ratio => (r.max >= FULL).then_some(10.0 + r.max),
        Role::Utilization => (jump >= JUMP).then_some(jump.min(10.0)),
        Role::Saturation => {
            (r.max > 0.0 && (r.median <= 0.0 || jump >= JUMP)).then_some(5.0 + jump.min(5.0))
        }
        Role::Errors => (r.max > 0.0).then_some(20.0),
        Role::Rate | Role::Latency | Role::Other => None,
    }
}

fn role(r: Role) -> &'static str {
    match r {
        Role::Rate => "rate",
        Role::Errors => "errors",
        Role::Latency => "latency",
        Role::Utilization => "in use",
        Role::Saturation => "waiting",
        Role::Other => "other",
    }
}

fn facility(f: Facility) -> &'static str {
    match f {
        Facility::Cpu => "CPU",
        Facility::Memory => "memory",
        Facility::Disk => "disk",
        Facility::Network => "network",
        Facility::Pool => "pool",
        Facility::Queue => "queue",
        Facility::Lock => "lock",
        Facility::Cache => "cache",
        Facility::Gpu => "GPU",
        Facility::GpuMemory => "GPU memory",
        Facility::Runtime => "runtime",
        Facility::Request => "request",
        Facility::Other => "other",
    }
}
