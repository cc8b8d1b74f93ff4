//! What got worse, the facts for and against a kind, and what was ruled out.

use super::page::Page;
use crate::text::number::{percent, plain, quantity, short};
use crate::text::table::{Align::*, Table};
use crate::text::{clean, clean_to, time};
use longpole_model::finding::{
    Bottleneck, Change, ChangeKind, Confirmation, Direction, Evidence, Measure, Regression,
    RuledOut,
};

/// Rows told of one list; JSON has all.
const ROWS: usize = 12;
/// Characters of one claim.
const CLAIM: usize = 400;

pub(super) fn regressions(page: &mut Page, indent: usize, rows: &[Regression]) {
    if rows.is_empty() {
        return;
    }
    page.heading(indent, "What got worse");
    let mut t = Table::new(&[
        ("operation", Left(60)),
        ("measure", Left(20)),
        ("expected", Right),
        ("observed", Right),
        ("ratio", Right),
        ("n before/after", Right),
        ("state", Left(12)),
    ]);
    for r in rows.iter().take(ROWS) {
        t.row([
            r.operation.to_string(),
            format!("{} {}", measure(&r.measure), direction(r.direction)),
            quantity(r.expected, &r.unit),
            quantity(r.observed, &r.unit),
            r.effect_ratio.map_or_else(|| "-".into(), |x| format!("x {}", plain(x))),
            samples([r.baseline_samples, r.window_samples]),
            confirmation(r.confirmation).into(),
        ]);
    }
    page.table(indent + 2, &t);
    super::services::more(page, rows.len(), ROWS);
}

pub(super) fn facts(page: &mut Page, indent: usize, bottleneck: &Bottleneck) {
    for (title, mark, supports) in
        [("Evidence for it", "+", true), ("Evidence against it", "-", false)]
    {
        let mut facts = bottleneck.evidence.iter().filter(|e| e.supports == supports).peekable();
        if facts.peek().is_none() {
            continue;
        }
        page.heading(indent, title);
        for e in facts.take(ROWS) {
            page.item(indent + 2, mark, &fact(e));
        }
    }
}

pub(super) fn ruled_out(page: &mut Page, indent: usize, rows: &[RuledOut]) {
    if rows.is_empty() {
        return;
    }
    page.heading(indent, "Ruled out");
    for r in rows.iter().take(ROWS) {
        let text = format!("{}: {}", r.kind.title(), clean_to(&r.reason, CLAIM));
        page.item(indent + 2, "-", &text);
    }
}

/// The claim with its numbers.
fn fact(e: &Evidence) -> String {
    let value = |v: Option<f64>| v.map_or_else(|| "none".into(), |v| quantity(v, &e.unit));
    let n = samples(e.samples);
    let (claim, signal) = (clean_to(&e.claim, CLAIM), clean(&e.signal));
    let (before, after) = (value(e.before), value(e.after));
    let strength = plain(e.strength);
    let pattern = e.pattern.map(|p| format!("{}: ", p.as_str())).unwrap_or_default();
    format!("{pattern}{claim} ({signal}: {before} -> {after}, n = {n}, strength {strength})")
}

pub(super) fn samples([before, after]: [u64; 2]) -> String {
    format!("{} / {}", short(before), short(after))
}

pub(super) fn measure(m: &Measure) -> String {
    match m {
        Measure::Rate => "rate".into(),
        Measure::ErrorRatio => "error ratio".into(),
        Measure::Duration { quantile } => quantile_name(*quantile),
        Measure::Series => "series".into(),
    }
}

/// `p50`, `p99.9`.
pub(super) fn quantile_name(q: f64) -> String {
    let digits = format!("{:.2}", q * 100.0);
    format!("p{}", digits.trim_end_matches('0').trim_end_matches('.'))
}

pub(super) fn direction(d: Direction) -> &'static str {
    match d {
        Direction::Up => "up",
        Direction::Down => "down",
    }
}

pub(super) fn confirmation(c: Confirmation) -> &'static str {
    match c {
        Confirmation::Confirmed => "confirmed",
        Confirmation::Blip => "blip",
        Confirmation::Unconfirmed => "unconfirmed",
    }
}

pub(super) fn confidence(c: f64) -> String {
    percent(c.clamp(0.0, 1.0))
}

/// `deploy of cart, 1.4 -> 1.5, at 2026-01-02 03:04:05Z`.
pub(super) fn change(c: &Change) -> String {
    let what = match c.kind {
        ChangeKind::Deploy => "deploy",
        ChangeKind::Config => "configuration change",
        ChangeKind::Flag => "flag",
        ChangeKind::Scale => "scaling",
    };
    let from = if c.from.is_empty() { "?".into() } else { clean(&c.from) };
    let (service, to, at) = (clean(&c.service), clean(&c.to), time::utc(c.at));
    format!("{what} of {service}, {from} -> {to}, at {at}")
}
