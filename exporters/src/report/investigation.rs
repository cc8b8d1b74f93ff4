//! One investigation in full.

use super::evidence::{change, confidence, facts, regressions, ruled_out};
use super::page::{Page, Tint};
use super::routing::{handoff, worth};
use super::time_taken::attributions;
use crate::text::number::{count, duration, percent};
use crate::text::{SENTENCE_CHARS, clean, clean_to, time};
use longpole_model::finding::{Certificate, ExemplarTrace, Investigation, Severity};

/// Lines of history told; JSON has all.
const HISTORY: usize = 12;

/// Everything about one investigation, the `number`-th of the list.
pub(super) fn investigation(page: &mut Page, number: usize, i: &Investigation) {
    page.gap();
    head(page, number, i);
    page.gap();
    regressions(page, 4, &i.regressions);
    page.gap();
    attributions(page, 4, &i.attributions);
    if let Some(verdict) = i.bottlenecks.first() {
        page.gap();
        facts(page, 4, verdict);
        ruled_out(page, 4, &verdict.ruled_out);
    }
    page.gap();
    if let Some(h) = &i.handoff {
        handoff(page, 4, h);
    }
    if let Some(w) = &i.worth {
        worth(page, 4, w);
    }
    if let Some(c) = &i.certificate {
        certificate(page, 4, c);
    }
    exemplars(page, 4, &i.exemplars);
    history(page, 4, i);
}

/// Who, what, how sure, since when, how far.
pub(super) fn head(page: &mut Page, number: usize, i: &Investigation) {
    let level = u8::from(i.severity);
    let tint = if i.severity == Severity::One { Tint::Strong } else { Tint::Alarm };
    page.tinted(tint, 0, &format!("[{number}] {}", clean(&i.title)));
    let hurt = percent(i.share_hurt);
    let unsure = if i.unconfirmed { ", UNCONFIRMED (the recording ended first)" } else { "" };
    let state = if i.resolved_at.is_some() { "resolved" } else { "open" };
    let mode = i.mode.title();
    let id = clean(&i.id);
    page.say(
        4,
        &format!("id {id}, {state}, {mode}, severity {level} ({hurt} of requests){unsure}"),
    );
    for (rank, b) in i.bottlenecks.iter().take(3).enumerate() {
        let word = if rank == 0 { "verdict:" } else { "else:" };
        let (kind, service, sure) = (b.kind.title(), clean(&b.service), confidence(b.confidence));
        page.say(4, &format!("{word} {kind} at {service}, confidence {sure}"));
    }
    page.say(4, &format!("since {}, compared:", time::utc(i.since)));
    page.say(6, &format!("baseline {}", time::stretch(i.baseline)));
    page.say(6, &format!("window   {}", time::stretch(i.window)));
    if let Some(c) = &i.suspect {
        page.say(4, &format!("suspect: {}", change(c)));
    }
    if i.resolved_at.is_none() {
        let (assess, decide) = (time::utc(i.assess_by), time::utc(i.decide_by));
        page.say(4, &format!("assess by {assess}, decide on a roll-back by {decide}"));
    }
}

fn certificate(page: &mut Page, indent: usize, c: &Certificate) {
    let [low, high] = c.interval_ns.map(duration);
    let (expected, measured) = (duration(c.expected_gain_ns), duration(c.measured_gain_ns));
    page.heading(indent, &format!("Certificate: {measured} gained per request"));
    page.say(indent + 2, &format!("95 % interval {low} to {high}; {expected} were expected"));
    page.say(indent + 2, &format!("before {}", time::stretch(c.baseline)));
    page.say(indent + 2, &format!("after  {}", time::stretch(c.window)));
}

fn exemplars(page: &mut Page, indent: usize, rows: &[ExemplarTrace]) {
    if rows.is_empty() {
        return;
    }
    page.heading(indent, "Traces to look at");
    for e in rows {
        let (id, operation) = (clean(&e.trace_id), clean(&e.operation));
        page.say(indent + 2, &format!("{id}  {}  {operation}", duration(e.duration_ns as f64)));
    }
}

pub(super) fn history(page: &mut Page, indent: usize, i: &Investigation) {
    if i.history.is_empty() {
        return;
    }
    page.heading(indent, "History");
    let skipped = i.history.len().saturating_sub(HISTORY);
    if skipped > 0 {
        page.say(indent + 2, &format!("{} earlier entries in --json", count(skipped as u64)));
    }
    for (at, what) in i.history.iter().skip(skipped) {
        page.item(indent + 2, &time::utc(*at), &clean_to(what, SENTENCE_CHARS));
    }
}
