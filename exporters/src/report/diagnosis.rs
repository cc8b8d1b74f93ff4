//! The quick diagnosis: candidates in a row, the first of them in full.

use super::accounting;
use super::evidence::{confidence, facts, regressions, ruled_out};
use super::page::{Page, Style};
use super::routing::{handoff, worth};
use super::time_taken::{attributions, site};
use crate::text::table::{Align::*, Table};
use crate::text::{clean, time};
use longpole_model::finding::{BottleneckKind, Diagnosis};

/// Candidates told; JSON has all.
const CANDIDATES: usize = 10;

/// What `longpole diagnose` prints.
pub fn diagnosis(d: &Diagnosis, style: Style) -> String {
    let mut page = Page::new(style);
    page.say(0, &format!("baseline {}", time::stretch(d.baseline)));
    page.say(0, &format!("window   {}", time::stretch(d.window)));
    page.gap();
    let first = d.candidates.first().filter(|c| c.bottleneck.kind != BottleneckKind::None);
    match first {
        None if d.tally.spans.window + d.tally.points.window == 0 => {
            page.heading(0, "Not enough data: no span and no point was recorded in a window");
        }
        None => page.heading(0, "Nothing is wrong: no measure moved beyond its own spread"),
        Some(c) => {
            let b = &c.bottleneck;
            let unsure =
                if d.unconfirmed { " (UNCONFIRMED: the recording ended first)" } else { "" };
            let (kind, service, sure) =
                (b.kind.title(), clean(&b.service), confidence(b.confidence));
            page.heading(0, &format!("{service}: {kind}, confidence {sure}{unsure}"));
        }
    }
    if first.is_some() {
        let mut t = Table::new(&[
            ("#", Right),
            ("service", Left(40)),
            ("kind", Left(26)),
            ("confidence", Right),
            ("specialist", Left(24)),
            ("site", Left(100)),
        ]);
        for (i, c) in d.candidates.iter().take(CANDIDATES).enumerate() {
            let b = &c.bottleneck;
            t.row([
                (i + 1).to_string(),
                b.service.clone(),
                b.kind.title().into(),
                confidence(b.confidence),
                c.handoff.as_ref().map_or_else(|| "-".into(), |h| h.specialist.name.clone()),
                b.site.as_ref().map_or_else(|| "-".into(), site),
            ]);
        }
        page.table(2, &t);
        super::services::more(&mut page, d.candidates.len(), CANDIDATES);
    }
    page.gap();
    regressions(&mut page, 0, &d.regressions);
    page.gap();
    attributions(&mut page, 0, &d.attributions);
    page.gap();
    if let Some(c) = d.candidates.first() {
        facts(&mut page, 0, &c.bottleneck);
        ruled_out(&mut page, 0, &c.bottleneck.ruled_out);
    }
    if !d.ruled_out.is_empty() {
        page.gap();
        ruled_out(&mut page, 0, &d.ruled_out);
    }
    page.gap();
    if let Some(c) = first {
        if let Some(h) = &c.handoff {
            handoff(&mut page, 0, h);
        }
        if let Some(w) = &c.worth {
            worth(&mut page, 0, w);
        }
    }
    accounting::accounting(&mut page, &d.tally);
    page.done()
}
