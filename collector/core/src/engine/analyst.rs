//! The analyst: takes closed windows in order, watches every operation, and keeps the book.
//!
//! One alarm is one series; one cause alarms in many. Alarms that stood for two more windows are put
//! together, the stretch since their onset is compared with what came before, and the culprit opens
//! or updates one investigation. The reference of an alarmed series stays frozen meanwhile.

mod watch;

use super::conclude::{Context, conclude, deployments, examples, suspect};
use super::diagnose::Target;
use super::history::History;
use super::investigations::{Book, Finding};
use crate::catalog::Catalog;
use crate::facts::Stretch;
use crate::limits::Limits;
use crate::route::Tree;
use crate::route::worth::share_hurt;
use longpole_model::finding::{Change, Event, Regression};
use longpole_model::signal::{SECOND, Timestamp, Window, WindowSummary};
pub use watch::{Alarmed, Watch};

/// Windows of baseline that a comparison looks back at, at most: an hour of ten-second windows.
const LOOK_BACK: usize = 360;
/// A standing cause is looked at again after this many windows.
const AGAIN: u64 = 6;
/// Alarms that began this many windows before the clearest one may still be the same story.
const NEAR: u64 = 6;
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

    /// The end of a recording: alarms still pending are decided on what exists.
    pub fn finish(&mut self, catalog: &Catalog) -> Vec<Event> {
        let Some(now) = self.history.iter().last().map(|w| w.window.end) else { return Vec::new() };
        let pending = self.watch.pending(catalog);
        if pending.is_empty() && self.standing.is_empty() {
            return Vec::new();
        }
        let unconfirmed = self.standing.is_empty();
        self.standing.extend(pending);
        self.look(now, catalog, unconfirmed)
    }

    /// Compares the stretch since the onset with what came before, and books the culprit.
    fn look(&mut self, now: Timestamp, catalog: &Catalog, unconfirmed: bool) -> Vec<Event> {
        // The clearest alarm dates the onset; what began long before it is another story.
        let mut regressions: Vec<Regression> =
            self.standing.iter().map(|(_, r)| r.clone()).collect();
        let Some(clearest) = regressions.iter().max_by(|a, b| {
            a.statistic.total_cmp(&b.statistic).then_with(|| b.operation.cmp(&a.operation))
        }) else {
            return Vec::new();
        };
        let width = self.history.latest(1).map(|w| w.window.length()).max().unwrap_or(0);
        let near = |r: &&Regression| r.since.plus(NEAR * width) >= clearest.since;
        let onset = regressions.iter().filter(near).map(|r| r.since).min();
        let onset = onset.unwrap_or(clearest.since);
        let all: Vec<&WindowSummary> = self.history.iter().collect();
        let split = all.partition_point(|w| w.window.start < onset);
        let from = split.saturating_sub(LOOK_BACK);
        let before = Stretch::new(all[from..split].iter().copied());
        let after = Stretch::new(all[split..].iter().copied());
        if before.windows.is_empty() || after.windows.is_empty() {
            return Vec::new();
        }
        let context = Context {
            declared: &self.declared,
            target: self.target.as_ref(),
            tree: &self.tree,
            catalog,
        };
        let said = conclude(&before, &after, &regressions, context);
        let Some(first) = said.candidates.first() else { return Vec::new() };
        let service = first.bottleneck.service.clone();
        let changes = self.changes(catalog);
        let grid = all.last().map(|w| w.window).unwrap_or_default();
        let suspect = suspect(&changes, &service, onset, grid);
        // Deepest culprit first: its own regressions, then by clarity.
        regressions.sort_by(|a, b| {
            let own = |r: &Regression| r.operation.service != service;
            own(a)
                .cmp(&own(b))
                .then_with(|| b.statistic.total_cmp(&a.statistic))
                .then_with(|| a.operation.cmp(&b.operation))
        });
        regressions.truncate(12);
        for r in &mut regressions {
            r.suspect.clone_from(&suspect);
        }
        self.compared = Some((before.covers(), after.covers(), unconfirmed));
        let finding = Finding {
            handoff: first.handoff.clone(),
            worth: first.worth.clone(),
            bottlenecks: said.candidates.iter().map(|c| c.bottleneck.clone()).collect(),
            share_hurt: share_hurt(&regressions),
            regressions,
            attributions: said.attributions,
            suspect,
            exemplars: examples(&service, &after, catalog),
            baseline: before.covers(),
            window: after.covers(),
            since: onset,
            unconfirmed,
        };
        self.book.observe(now, vec![finding])
    }
}
