//! The analyst: takes closed windows in order, watches every operation, and keeps the book.
//!
//! One alarm is one series; one cause alarms in many. Alarms that stood for two more windows are put
//! together where they share requests, the stretch since their onset is compared with what came
//! before, and each culprit opens or updates one investigation. The reference of an alarmed series
//! stays frozen meanwhile.

mod look;
mod stored;
mod sweep;
mod watch;

use super::conclude::{Context, deployments};
use super::diagnose::Target;
use super::history::History;
use super::investigations::{Book, Finding};
use crate::catalog::Catalog;
use crate::limits::Limits;
use crate::route::Tree;
use longpole_model::finding::{Change, Event};
use longpole_model::signal::{SECOND, Timestamp, Window, WindowSummary};
use look::Look;
pub use stored::{Kept, Numbers, Words};
pub use watch::{Alarmed, Watch};

/// A standing cause is looked at again after this many windows.
const AGAIN: u64 = 6;
/// Declared changes kept.
const CHANGES: usize = 1_000;
/// A cause that raised nothing for this long is over, nanoseconds.
const QUIET: u64 = 120 * SECOND;

/// Everything that is known of the past, and the book.
#[derive(Debug)]
pub struct Analyst {
    history: History,
    watch: Watch,
    book: Book,
    tree: Tree,
    declared: Vec<(String, String)>,
    /// Changes that somebody told of, oldest first.
    changes: Vec<Change>,
    target: Option<Target>,
    /// Alarms of the cause under way.
    standing: Vec<Alarmed>,
    looked: u64,
    /// Baseline and window of the last comparison that found a culprit.
    compared: Option<(Window, Window, bool)>,
}

impl Analyst {
    /// An analyst who has seen nothing.
    pub fn new(
        limits: &Limits,
        tree: Tree,
        declared: Vec<(String, String)>,
        target: Option<Target>,
    ) -> Self {
        Self {
            history: History::new(limits.history_windows, limits.history_bytes),
            watch: Watch::default(),
            book: Book::new(limits.investigations),
            tree,
            declared,
            changes: Vec::new(),
            target,
            standing: Vec::new(),
            looked: 0,
            compared: None,
        }
    }

    /// Keeps the distribution of everything, for who prints it at the end.
    pub fn summing(mut self) -> Self {
        self.history = self.history.summing();
        self
    }

    /// Closed windows.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The book of investigations.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// What was watched, for the placebo's figures.
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Baseline and window of the last comparison that found a culprit, and whether it is
    /// unconfirmed.
    pub fn compared(&self) -> Option<(Window, Window, bool)> {
        self.compared
    }

    /// Takes a change that somebody told of; of too many the oldest go.
    pub fn declare(&mut self, change: Change) {
        let at =
            self.changes.partition_point(|c| (c.at, &c.service) <= (change.at, &change.service));
        if self.changes.get(at.wrapping_sub(1)) == Some(&change) {
            return;
        }
        self.changes.insert(at, change);
        if self.changes.len() > CHANGES {
            self.changes.remove(0);
        }
    }

    /// Changes declared and versions seen, oldest first.
    pub fn changes(&self, catalog: &Catalog) -> Vec<Change> {
        let mut all = deployments(catalog);
        all.extend(self.changes.iter().cloned());
        all.sort_by(|a, b| (a.at, &a.service, a.kind).cmp(&(b.at, &b.service, b.kind)));
        all
    }

    /// Takes the next closed window.
    pub fn observe(&mut self, summary: WindowSummary, catalog: &Catalog) -> Vec<Event> {
        let now = summary.window.end;
        let confirmed = self.watch.observe(&summary, catalog);
        self.history.push(summary);
        let fresh = !confirmed.is_empty();
        // The same measure of the same series raised again: the later one knows more.
        for (id, r) in confirmed {
            self.standing.retain(|(i, s)| *i != id || s.measure != r.measure);
            self.standing.push((id, r));
        }
        self.standing.retain(|(id, r)| now.since(r.window.end) < QUIET || self.watch.stands(*id));
        let mut events = Vec::new();
        let due = self.history.windows() >= self.looked + AGAIN;
        if fresh || (due && !self.standing.is_empty()) {
            self.looked = self.history.windows();
            events = self.look(now, catalog, false);
        }
        events.extend(self.book.calm(now, QUIET));
        events
    }

    /// Counts what came when its window had been judged: in the totals, and nowhere else.
    pub fn count(&mut self, late: &WindowSummary) {
        self.history.count(late);
    }

    /// The end of a recording: alarms still pending are decided on what exists; where nothing that ever alarmed
    /// had a culprit, the last minutes are looked at as a whole.
    pub fn finish(&mut self, catalog: &Catalog) -> Vec<Event> {
        let Some(now) = self.history.iter().last().map(|w| w.window.end) else { return Vec::new() };
        let pending = self.watch.pending(catalog);
        let mut events = Vec::new();
        if !(pending.is_empty() && self.standing.is_empty()) {
            let unconfirmed = self.standing.is_empty();
            self.standing.extend(pending);
            events = self.look(now, catalog, unconfirmed);
        }
        if self.compared.is_none() {
            let changes = self.changes(catalog);
            if let Some(found) = self.looking(&changes, catalog, true).sweep() {
                events.extend(self.book_all(now, vec![found], true));
            }
        }
        events
    }

    /// Looks for who is to blame for what stands in alarm, and books it.
    fn look(&mut self, now: Timestamp, catalog: &Catalog, unconfirmed: bool) -> Vec<Event> {
        let changes = self.changes(catalog);
        let findings = self.looking(&changes, catalog, unconfirmed).findings(&self.standing);
        self.book_all(now, findings, unconfirmed)
    }

    fn looking<'a>(
        &'a self,
        changes: &'a [Change],
        catalog: &'a Catalog,
        unconfirmed: bool,
    ) -> Look<'a> {
        let context = Context {
            declared: &self.declared,
            target: self.target.as_ref(),
            tree: &self.tree,
            catalog,
        };
        Look {
            windows: self.history.iter().collect(),
            width: self.history.latest(1).map(|w| w.window.length()).max().unwrap_or(0),
            context,
            changes,
            unconfirmed,
        }
    }

    fn book_all(
        &mut self,
        now: Timestamp,
        findings: Vec<Finding>,
        unconfirmed: bool,
    ) -> Vec<Event> {
        if let Some(first) = findings.first() {
            self.compared = Some((first.baseline, first.window, unconfirmed));
        }
        self.book.observe(now, findings)
    }
}

#[cfg(test)]
mod tests;
