//! A whole snapshot: tables first, then every investigation, then the accounting.

use super::evidence::change;
use super::page::{Page, Style};
use super::{accounting, investigation, services, usage};
use crate::text::number::count;
use crate::text::time;
use longpole_model::finding::Snapshot;

/// Changes told; JSON has all.
const CHANGES: usize = 20;

/// What `longpole replay` prints.
pub fn replay(s: &Snapshot, style: Style) -> String {
    let mut page = Page::new(style);
    page.heading(0, &format!("{} in {} windows", time::stretch(s.covers), count(s.windows)));
    services::services(&mut page, &s.services);
    services::operations(&mut page, &s.red);
    usage::usage(&mut page, &s.usage);
    if !s.changes.is_empty() {
        page.gap();
        page.heading(0, "CHANGES");
        for c in s.changes.iter().take(CHANGES) {
            page.item(2, "-", &change(c));
        }
        services::more(&mut page, s.changes.len(), CHANGES);
    }
    page.gap();
    let open = s.investigations.iter().filter(|i| i.resolved_at.is_none()).count();
    let all = s.investigations.len();
    page.heading(0, &format!("INVESTIGATIONS: {open} open, {} resolved", all - open));
    if all == 0 {
        page.say(2, "none: nothing stayed worse than its own spread");
    }
    for (i, one) in s.investigations.iter().enumerate() {
        investigation::investigation(&mut page, i + 1, one);
    }
    accounting::accounting(&mut page, &s.tally);
    accounting::placebo(&mut page, &s.placebo);
    page.done()
}
