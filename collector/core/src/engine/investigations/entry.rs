//! One investigation with what the book remembers beside it: opening, and taking in later evidence.
//!
//! Which finding belongs to which entry is the book's business.

use super::cause::{Culprit, same_measure, title};
use super::id::digest;
use super::{ASSESS_WITHIN, DECIDE_WITHIN, Finding, PAUSE};
use longpole_model::finding::{
    BottleneckKind, Change, Event, EventKind, Handoff, Investigation, Mode, Phase, Proof, Severity,
};
use longpole_model::signal::Timestamp;
use serde::{Deserialize, Serialize};

const REGRESSIONS: usize = 50;
const ATTRIBUTIONS: usize = 10;
const VERDICTS: usize = 5;
const EXEMPLARS: usize = 8;
/// Lines of history; beyond it the oldest behind the first go, and are counted.
const HISTORY: usize = 200;

/// An investigation and its working state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) investigation: Investigation,
    /// Tick of the last finding on it.
    pub(super) last_seen: Timestamp,
    /// What the accepted hypothesis promised, nanoseconds per request.
    pub(super) expected_gain_ns: Option<f64>,
    /// Whether somebody has assessed it.
    pub(super) assessed: bool,
    /// Clocks whose running out was said: assess, decide.
    pub(super) overdue: [bool; 2],
    pub(super) completed: Vec<Phase>,
    pub(super) proofs: Vec<Proof>,
    /// Events so far.
    pub(super) events: u64,
    /// Lines of history that were dropped.
    pub(super) forgotten: u64,
}

impl Entry {
    /// Opens. `f` has a verdict.
    pub(super) fn open(now: Timestamp, id: String, mut f: Finding) -> Self {
        cut(&mut f);
        let investigation = Investigation {
            id,
            title: title(&f.bottlenecks, &f.regressions),
            mode: Mode::Analysis,
            severity: Severity::of(f.share_hurt),
            share_hurt: f.share_hurt,
            since: f.since,
            opened_at: now,
            assess_by: now.plus(ASSESS_WITHIN),
            decide_by: now.plus(DECIDE_WITHIN),
            resolved_at: None,
            unconfirmed: f.unconfirmed,
            baseline: f.baseline,
            window: f.window,
            regressions: f.regressions,
            attributions: f.attributions,
            bottlenecks: f.bottlenecks,
            handoff: f.handoff,
            worth: f.worth,
            suspect: f.suspect,
            exemplars: f.exemplars,
            certificate: None,
            history: Vec::new(),
        };
        let mut entry = Self {
            investigation,
            last_seen: now,
            expected_gain_ns: None,
            assessed: false,
            overdue: [false; 2],
            completed: Vec::new(),
            proofs: Vec::new(),
            events: 0,
            forgotten: 0,
        };
        let said = entry.verdict_said();
        entry.note(now, format!("opened: {said}"));
        entry.note_handoff(now);
        entry
    }

    pub(super) fn culprit(&self) -> Culprit {
        Culprit::of(self.investigation.bottlenecks.first(), &self.investigation.regressions)
    }

    pub(super) fn is_open(&self) -> bool {
        self.investigation.resolved_at.is_none()
    }

    /// Whether the finding's time touches this entry's.
    pub(super) fn overlaps(&self, f: &Finding) -> bool {
        let i = &self.investigation;
        let end = i.resolved_at.unwrap_or(self.last_seen).max(i.window.end);
        f.since <= end.plus(PAUSE) && f.window.end.plus(PAUSE) >= i.since
    }

    /// Whether both list a measure of the same operation and version.
    pub(super) fn shares_measure(&self, f: &Finding) -> bool {
        let mine = &self.investigation.regressions;
        f.regressions.iter().any(|r| mine.iter().any(|m| same_measure(m, r)))
    }

    /// Takes in later evidence; says whether a reader should hear of it.
    pub(super) fn absorb(&mut self, now: Timestamp, mut f: Finding) -> bool {
        cut(&mut f);
        self.last_seen = self.last_seen.max(now);
        let lines = self.lines();
        if !self.is_open() {
            self.reopen(now, "it came back");
        }
        let takes = self.takes_verdict(&f);
        let before = self.verdict_said();
        let i = &mut self.investigation;
        i.since = i.since.min(f.since);
        (i.baseline, i.window) = (f.baseline, f.window);
        i.share_hurt = f.share_hurt;
        merge(&mut i.regressions, f.regressions, REGRESSIONS, same_measure);
        merge(&mut i.attributions, f.attributions, ATTRIBUTIONS, |a, b| a.entry == b.entry);
        merge(&mut i.exemplars, f.exemplars, EXEMPLARS, |a, b| a.trace_id == b.trace_id);
        if takes {
            i.bottlenecks = f.bottlenecks;
            i.worth = f.worth.or(i.worth.take());
        } else {
            merge(&mut i.bottlenecks, f.bottlenecks, VERDICTS, |a, b| {
                (a.kind, &a.service) == (b.kind, &b.service)
            });
        }
        // A change of a service that is not the culprit any more is no suspect.
        let culprit = i.bottlenecks.first().map(|b| &b.service);
        let fits = |change: &Change| culprit.is_none_or(|service| *service == change.service);
        i.suspect = i.suspect.take().filter(fits).or(f.suspect.filter(fits));
        i.title = title(&i.bottlenecks, &i.regressions);
        let severity = Severity::of(i.share_hurt);
        let was = std::mem::replace(&mut i.severity, severity);
        let confirmed = i.unconfirmed && !f.unconfirmed;
        i.unconfirmed &= f.unconfirmed;
        let after = self.verdict_said();
        if after != before {
            self.note(now, format!("verdict changed from {before} to {after}"));
        }
        if was != severity {
            self.note(now, format!("severity {} -> {}", u8::from(was), u8::from(severity)));
        }
        if confirmed {
            self.note(now, "confirmed: still there in the windows that followed".into());
        }
        if let Some(handoff) = f.handoff.filter(|_| takes) {
            self.hand_on(now, handoff);
        }
        self.lines() > lines
    }

    /// Takes another hand-off; a line of history where it leads elsewhere or into another phase.
    pub(super) fn hand_on(&mut self, now: Timestamp, handoff: Handoff) {
        let to = |h: &Handoff| (h.specialist.name.clone(), h.phase);
        let old = self.investigation.handoff.as_ref().map(to);
        let moved = old != Some(to(&handoff));
        self.investigation.handoff = Some(handoff);
        if moved {
            self.note_handoff(now);
        }
    }

    /// A verdict on the same culprit and kind is always the newer one; another needs to be at least
    /// as sure, and none is taken while somebody works on an accepted hypothesis.
    fn takes_verdict(&self, f: &Finding) -> bool {
        let (old, new) = (self.investigation.bottlenecks.first(), f.bottlenecks.first());
        let (Some(old), Some(new)) = (old, new) else { return old.is_none() };
        let same = (old.kind, &old.service) == (new.kind, &new.service);
        same || (self.investigation.mode == Mode::Analysis && new.confidence >= old.confidence)
    }

    pub(super) fn reopen(&mut self, now: Timestamp, why: &str) {
        let i = &mut self.investigation;
        i.resolved_at = None;
        i.certificate = None;
        i.mode = Mode::Analysis;
        i.assess_by = now.plus(ASSESS_WITHIN);
        i.decide_by = now.plus(DECIDE_WITHIN);
        self.assessed = false;
        self.overdue = [false; 2];
        self.expected_gain_ns = None;
        self.note(now, format!("back to ANALYSIS: {why}"));
    }

    /// Appends to the history; what is dropped is counted.
    pub(super) fn note(&mut self, now: Timestamp, line: String) {
        let history = &mut self.investigation.history;
        history.push((now, line));
        if history.len() > HISTORY {
            history.remove(1);
            self.forgotten += 1;
        }
    }

    /// An event on this entry as it stands.
    pub(super) fn event(&mut self, now: Timestamp, kind: EventKind) -> Event {
        let i = &self.investigation;
        let verdict = i.bottlenecks.first().map_or(BottleneckKind::None, |b| b.kind);
        let what = match kind {
            EventKind::Opened => "opened",
            EventKind::Updated => "updated",
            EventKind::Resolved => "resolved",
        };
        self.events += 1;
        let (at, n) = (now.0.to_string(), self.events.to_string());
        let key = digest(&[&i.id, what, verdict.as_str(), &at, &n]);
        Event { at: now, kind, investigation: i.id.clone(), verdict, idempotency_key: key }
    }

    /// Lines of history written so far.
    fn lines(&self) -> u64 {
        self.investigation.history.len() as u64 + self.forgotten
    }

    fn verdict_said(&self) -> String {
        let verdict = self.investigation.bottlenecks.first();
        verdict.map(|b| format!("{} at {}", b.kind.title(), b.service)).unwrap_or_default()
    }

    fn note_handoff(&mut self, now: Timestamp) {
        if let Some(h) = &self.investigation.handoff {
            let line = format!("handed to {}, phase {}", h.specialist.name, h.phase.title());
            self.note(now, line);
        }
    }
}

fn cut(f: &mut Finding) {
    f.regressions.truncate(REGRESSIONS);
    f.attributions.truncate(ATTRIBUTIONS);
    f.bottlenecks.truncate(VERDICTS);
    f.exemplars.truncate(EXEMPLARS);
    f.share_hurt = if f.share_hurt.is_finite() { f.share_hurt.clamp(0.0, 1.0) } else { 0.0 };
}

/// Newer rows replace the same ones where they stand; new ones follow, up to `cap`.
fn merge<T>(old: &mut Vec<T>, new: Vec<T>, cap: usize, same: impl Fn(&T, &T) -> bool) {
    for row in new {
        if let Some(slot) = old.iter_mut().find(|o| same(o, &row)) {
            *slot = row;
        } else if old.len() < cap {
            old.push(row);
        }
    }
}
