//! All investigations: which finding belongs to which, the queue, and what is let go.
//!
//! Full = the oldest resolved one is evicted and counted; where none is resolved, the new one is not
//! opened and counted as refused.

use super::Finding;
use super::cause::{Culprit, cause};
use super::entry::Entry;
use super::id::digest;
use longpole_model::finding::{BottleneckKind, Event, EventKind, Investigation, Mode};
use longpole_model::signal::Timestamp;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

/// The book.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Book {
    cap: usize,
    pub(super) entries: Vec<Entry>,
    evicted: u64,
    refused: u64,
}

/// What one tick did to an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Touch {
    Quietly,
    Notably,
    Opened,
}

impl Book {
    /// An empty book of at most `cap` investigations.
    pub fn new(cap: usize) -> Self {
        Self { cap: cap.max(1), entries: Vec::new(), evicted: 0, refused: 0 }
    }

    /// The same book under another's cap.
    pub fn capped(self, other: &Self) -> Self {
        Self { cap: other.cap, ..self }
    }

    /// Takes the findings of one tick: opens, merges, updates. At most one event an investigation,
    /// by id. The order of `findings` does not matter.
    pub fn observe(&mut self, now: Timestamp, findings: Vec<Finding>) -> Vec<Event> {
        let real =
            |f: &Finding| f.bottlenecks.first().is_some_and(|b| b.kind != BottleneckKind::None);
        let mut findings: Vec<(Culprit, Finding)> = findings
            .into_iter()
            .filter(real)
            .map(|f| (Culprit::of(f.bottlenecks.first(), &f.regressions), f))
            .collect();
        findings.sort_by_cached_key(|(c, f)| {
            let sure = f.bottlenecks.first().map_or(0.0, |b| b.confidence);
            (
                c.clone(),
                f.since,
                Reverse((sure * 1e9) as u64),
                cause(f),
                format!("{:?}", f.bottlenecks),
            )
        });
        let mut touched: Vec<(String, Touch)> = Vec::new();
        let mut strangers = Vec::new();
        for (culprit, f) in findings {
            match self.known(&culprit, &f) {
                Some(at) => self.absorb(now, at, f, &mut touched),
                None => strangers.push((culprit, f)),
            }
        }
        for (culprit, f) in strangers {
            let at = self.known(&culprit, &f).or_else(|| self.moved(&f, &touched));
            match at {
                Some(at) => self.absorb(now, at, f, &mut touched),
                None => self.open(now, f, &mut touched),
            }
        }
        self.tell(now, touched)
    }

    /// Resolves what is under analysis and was not found again for `quiet` nanoseconds: the measures
    /// are back. Those that somebody works on wait for their validation.
    pub fn calm(&mut self, now: Timestamp, quiet: u64) -> Vec<Event> {
        let back = |e: &Entry| {
            e.is_open() && e.investigation.mode == Mode::Analysis && now.since(e.last_seen) >= quiet
        };
        let mut out = Vec::new();
        for e in self.entries.iter_mut().filter(|e| back(e)) {
            e.investigation.resolved_at = Some(now);
            e.note(now, "resolved: every measure is back to what is expected".into());
            out.push(e.event(now, EventKind::Resolved));
        }
        out.sort_by(|a, b| a.investigation.cmp(&b.investigation));
        out
    }

    /// All of them: open ones first, by return on effort, then severity, then age; then the resolved
    /// ones, latest first.
    pub fn queue(&self) -> Vec<&Investigation> {
        let mut out: Vec<&Investigation> = self.entries.iter().map(|e| &e.investigation).collect();
        let value = |i: &Investigation| i.worth.as_ref().map_or(0.0, |w| w.return_on_effort);
        out.sort_by(|a, b| {
            a.resolved_at
                .is_some()
                .cmp(&b.resolved_at.is_some())
                .then(b.resolved_at.cmp(&a.resolved_at))
                .then(value(b).total_cmp(&value(a)))
                .then(b.severity.cmp(&a.severity))
                .then(a.since.cmp(&b.since))
                .then(a.id.cmp(&b.id))
        });
        out
    }

    /// The investigation of that id.
    pub fn find(&self, id: &str) -> Option<&Investigation> {
        self.entries.iter().map(|e| &e.investigation).find(|i| i.id == id)
    }

    /// How many are open.
    pub fn open_count(&self) -> usize {
        self.entries.iter().filter(|e| e.is_open()).count()
    }

    /// Resolved ones that made room.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Findings that were not opened because every place was taken by an open investigation.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The entry of the same culprit at the same time: an open one, else the latest resolved.
    fn known(&self, culprit: &Culprit, f: &Finding) -> Option<usize> {
        let fits = |e: &Entry| e.overlaps(f) && e.culprit().may_be(culprit);
        let candidates = self.entries.iter().enumerate().filter(|(_, e)| fits(e));
        let rank = |e: &Entry| {
            let i = &e.investigation;
            (i.resolved_at.is_some(), Reverse(i.resolved_at), i.since, i.id.clone())
        };
        candidates.min_by_key(|(_, e)| rank(e)).map(|(at, _)| at)
    }

    /// The open entry that saw the same measure get worse and that no finding of this tick speaks
    /// of: the blame has moved on, the cause is one.
    fn moved(&self, f: &Finding, touched: &[(String, Touch)]) -> Option<usize> {
        let fits = |e: &Entry| {
            e.is_open()
                && e.overlaps(f)
                && e.shares_measure(f)
                && !touched.iter().any(|(id, _)| *id == e.investigation.id)
        };
        let candidates = self.entries.iter().enumerate().filter(|(_, e)| fits(e));
        let rank = |e: &Entry| (e.investigation.since, e.investigation.id.clone());
        candidates.min_by_key(|(_, e)| rank(e)).map(|(at, _)| at)
    }

    fn absorb(
        &mut self,
        now: Timestamp,
        at: usize,
        f: Finding,
        touched: &mut Vec<(String, Touch)>,
    ) {
        let Some(entry) = self.entries.get_mut(at) else { return };
        let how = if entry.absorb(now, f) { Touch::Notably } else { Touch::Quietly };
        let id = &entry.investigation.id;
        match touched.iter_mut().find(|(t, _)| t == id) {
            Some((_, Touch::Opened)) => {}
            Some((_, old)) if how == Touch::Notably => *old = how,
            Some(_) => {}
            None => touched.push((id.clone(), how)),
        }
    }

    fn open(&mut self, now: Timestamp, f: Finding, touched: &mut Vec<(String, Touch)>) {
        if self.entries.len() >= self.cap && !self.evict() {
            self.refused += 1;
            return;
        }
        let id = self.fresh_id(&f);
        touched.push((id.clone(), Touch::Opened));
        self.entries.push(Entry::open(now, id, f));
    }

    /// From service, cause and onset; numbered where a cause whose blame moved on came back.
    fn fresh_id(&self, f: &Finding) -> String {
        let service = f.bottlenecks.first().map_or("", |b| &b.service);
        let (cause, since) = (cause(f), f.since.0.to_string());
        let mut id = digest(&[service, &cause, &since]);
        let mut n = 1u32;
        while self.find(&id).is_some() {
            n += 1;
            id = digest(&[service, &cause, &since, &n.to_string()]);
        }
        id
    }

    /// Lets the oldest resolved one go.
    fn evict(&mut self) -> bool {
        let resolved = self.entries.iter().enumerate().filter_map(|(at, e)| {
            let i = &e.investigation;
            Some((i.resolved_at?, i.id.clone(), at))
        });
        let Some((_, _, at)) = resolved.min() else { return false };
        self.entries.remove(at);
        self.evicted += 1;
        true
    }

    fn tell(&mut self, now: Timestamp, mut touched: Vec<(String, Touch)>) -> Vec<Event> {
        touched.sort_by(|a, b| a.0.cmp(&b.0));
        let mut out = Vec::new();
        for (id, how) in touched {
            let kind = match how {
                Touch::Quietly => continue,
                Touch::Notably => EventKind::Updated,
                Touch::Opened => EventKind::Opened,
            };
            let entry = self.entries.iter_mut().find(|e| e.investigation.id == id);
            out.extend(entry.map(|e| e.event(now, kind)));
        }
        out
    }
}
