//! From closed windows of a recording to its diagnosis, told when it went wrong or not: what `diagnose` and the lab's
//! runs share. Where windows come from is not here.

use longpole_core::engine::Engine;
use longpole_core::engine::analyst::Analyst;
use longpole_core::engine::conclude::Context;
use longpole_core::engine::diagnose::{Target, diagnosis};
use longpole_core::engine::history::History;
use longpole_core::limits::Limits;
use longpole_core::route::Tree;
use longpole_model::finding::Diagnosis;
use longpole_model::signal::{SECOND, Window, WindowSummary};

/// Windows kept at full resolution: a recording is judged whole.
const WHOLE: usize = 100_000;

/// Caps and times of a recording that is read whole, in windows of so many seconds. Lateness stays: what waits for
/// nobody may let traces settle before their windows close.
pub(super) fn limits(width: u64) -> Limits {
    Limits {
        window: width * SECOND,
        history_windows: WHOLE,
        history_bytes: usize::MAX,
        ..Limits::default()
    }
}

/// Takes the windows of one recording, in their order.
pub(super) struct Judge<'a> {
    /// With stretches windows are only kept; without the analyst finds when it went wrong.
    stretches: Option<(Window, Window)>,
    declared: &'a [(String, String)],
    target: Option<&'a Target>,
    tree: &'a Tree,
    analyst: Analyst,
    history: History,
}

impl<'a> Judge<'a> {
    /// Has seen nothing yet. `stretches`: what is usual and what is to be explained; `declared`: calls that are known
    /// otherwise.
    pub(super) fn new(
        limits: &Limits,
        stretches: Option<(Window, Window)>,
        declared: &'a [(String, String)],
        target: Option<&'a Target>,
        tree: &'a Tree,
    ) -> Self {
        let analyst = Analyst::new(limits, tree.clone(), declared.to_vec(), target.cloned());
        let history = History::new(limits.history_windows, limits.history_bytes);
        Self { stretches, declared, target, tree, analyst, history }
    }

    /// Takes the next window.
    pub(super) fn take(&mut self, engine: &Engine, window: WindowSummary) {
        match self.stretches {
            None => drop(self.analyst.observe(window, engine.catalog())),
            Some(_) => self.history.push(window),
        }
    }

    /// The diagnosis, after the last window.
    pub(super) fn judged(mut self, engine: &Engine) -> Diagnosis {
        let blind = self.stretches.is_none();
        if blind {
            self.analyst.finish(engine.catalog());
        }
        let history = if blind { self.analyst.history() } else { &self.history };
        let mut tally = history.covers().1.clone();
        tally.merge(&engine.pending_tally());
        let context = Context {
            declared: self.declared,
            target: self.target,
            tree: self.tree,
            catalog: engine.catalog(),
        };
        diagnosis(history, self.stretches, blind.then_some(&self.analyst), context, tally)
    }
}
