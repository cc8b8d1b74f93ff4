//! Who gets it and what it is worth.

use super::page::Page;
use crate::text::number::{duration, plain};
use crate::text::{SENTENCE_CHARS, clean, clean_to};
use longpole_model::finding::{Handoff, Phase, Worth};

pub(super) fn handoff(page: &mut Page, indent: usize, h: &Handoff) {
    let number = match h.phase {
        Phase::QuickWin => 1,
        Phase::Profile => 2,
        Phase::DeepOptimization => 3,
    };
    let name = clean(&h.specialist.name);
    let (phase, rule) = (h.phase.title(), clean(&h.rule));
    page.heading(indent, &format!("Hand-off to {name}, phase {number} ({phase}), by rule {rule}"));
    page.say(indent + 2, &clean_to(&h.message, SENTENCE_CHARS));
    for (i, step) in h.next_steps.iter().enumerate() {
        page.item(indent + 2, &format!("{}.", i + 1), &clean_to(step, SENTENCE_CHARS));
    }
    for v in &h.vetoed {
        page.item(indent + 2, "vetoed:", &clean_to(v, SENTENCE_CHARS));
    }
}

pub(super) fn worth(page: &mut Page, indent: usize, w: &Worth) {
    let per_day = duration(w.user_seconds_per_day * 1e9);
    let effort = plain(w.effort_hours);
    page.heading(indent, &format!("Worth: {per_day} of users' time a day"));
    let (method, rate) = (clean(&w.method), plain(w.requests_per_second));
    page.say(
        indent + 2,
        &format!(
            "{method}, at {rate} requests/s; effort about {effort} h, so {} a day per hour of work",
            duration(w.return_on_effort * 1e9)
        ),
    );
}
