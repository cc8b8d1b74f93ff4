//! Whose time it is: one attribution as a table.

use super::evidence::samples;
use super::page::Page;
use crate::text::clean;
use crate::text::number::{change, duration, percent, plain};
use crate::text::table::{Align::*, Table};
use longpole_model::finding::{Attribution, Site};

/// Entry operations told; JSON has all.
const ENTRIES: usize = 3;
/// Sites told of one entry.
const SITES: usize = 8;

pub(super) fn attributions(page: &mut Page, indent: usize, all: &[Attribution]) {
    for a in all.iter().take(ENTRIES) {
        let [before, after] = a.duration_ns;
        let entry = clean_entry(a);
        page.heading(indent, &format!("Whose time it is: {entry}"));
        let (from, to) = (duration(before), duration(after));
        let (diff, n) = (change(after - before), samples(a.entries));
        page.say(indent + 2, &format!("mean {from} -> {to} ({diff}) per request, n = {n}"));
        let mut t = Table::new(&[
            ("% of change", Right),
            ("% of time", Right),
            ("total per request", Right),
            ("visits per request", Right),
            ("", Left(1)),
            ("site", Left(100)),
        ]);
        for (i, s) in a.sites.iter().take(SITES).enumerate() {
            let [v0, v1] = s.visits.map(plain);
            let [t0, t1] = [0, 1].map(|i: usize| duration(s.visits[i] * s.cost_ns[i]));
            t.row([
                percent(s.share),
                percent(s.of_time[1]),
                format!("{t0} -> {t1}"),
                format!("{v0} -> {v1}"),
                if i < a.hotspot { "*" } else { "" }.into(),
                site(&s.site),
            ]);
        }
        page.table(indent + 2, &t);
        let rest = a.sites.len().saturating_sub(SITES);
        let more = if rest > 0 { format!("; {rest} more sites in --json") } else { String::new() };
        page.say(indent + 2, &format!("* together 80 % of the change{more}"));
    }
}

fn clean_entry(a: &Attribution) -> String {
    format!("{} {}", clean(&a.entry.service), clean(&a.entry.name))
}

/// `cart own: GET /cart`; an edge says both ends.
pub(super) fn site(s: &Site) -> String {
    let (category, service) = (s.category.as_str(), clean(&s.service));
    let name = clean(&s.operation.name);
    match &s.peer {
        Some(peer) => {
            let (from, to) = (clean(&s.operation.service), clean(&peer.service));
            format!("{service} {category}: {from} -> {to} {}", clean(&peer.name))
        }
        None => format!("{service} {category}: {name}"),
    }
}
