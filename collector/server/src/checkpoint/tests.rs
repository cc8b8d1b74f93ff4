//! Restart and no restart give the same windows, totals and investigations. Damage is tried in [`damage`].

mod damage;
mod shop;

use super::*;
use longpole_core::engine::analyst::Analyst;
use longpole_core::engine::totals::{Order, totals};
use longpole_core::engine::{Engine, Mark, Settings, Told, reach};
use longpole_core::limits::Limits;
use longpole_model::finding::{Event, Totals};
use longpole_model::signal::*;
use shop::log;

fn limits() -> Limits {
    let (window, lateness, settle) = (SECOND, SECOND, SECOND);
    Limits { window, lateness, settle, horizon: 2 * SECOND, skew: SECOND, ..Limits::default() }
}

fn settings(shards: u32) -> Settings {
    Settings { limits: limits(), shards, seed: 7, ..Settings::default() }
}

fn analyst() -> Analyst {
    let tree = crate::specialists::default_tree().expect("the built-in tree");
    Analyst::new(&limits(), tree, Vec::new(), None)
}

/// What a run has said.
#[derive(Default)]
struct Said {
    windows: Vec<WindowSummary>,
    events: Vec<Event>,
}

/// An engine and an analyst, and the marks laid on the way.
struct Run {
    engine: Engine,
    analyst: Analyst,
    /// Index of the next entry, and the place there.
    marks: Vec<Place>,
    said: Said,
}

impl Run {
    fn new(shards: u32) -> Self {
        let engine = Engine::new(settings(shards));
        Self { engine, analyst: analyst(), marks: Vec::new(), said: Said::default() }
    }

    fn observe(&mut self, windows: Vec<WindowSummary>) {
        for w in windows {
            self.said.windows.push(w.clone());
            let catalog = self.engine.catalog().clone();
            self.said.events.extend(self.analyst.observe(w, &catalog));
        }
    }

    /// Takes entry `n`.
    fn take(&mut self, n: usize, (stamp, batch): &(Timestamp, Batch)) {
        let windows = self.engine.advance(*stamp);
        let closed = !windows.is_empty();
        self.observe(windows);
        if closed {
            let (mark, seen) = (self.engine.mark(), Seen::default());
            self.marks.push(Place { position: n as u64, mark, seen });
        }
        let windows = self.engine.ingest(batch.clone(), &Rejections::default(), Some(*stamp));
        self.observe(windows);
    }

    /// A checkpoint by the newest mark that lies far enough back.
    fn checkpoint(&self) -> Option<Vec<u8>> {
        let told: Told = self.engine.told()?;
        let far = |p: &&Place| p.mark.moment.now.plus(reach(&limits())) <= told.next;
        let place = self.marks.iter().rev().find(far)?;
        Some(write(&limits(), place, told, &self.analyst, Vec::new()).expect("a stored form"))
    }

    /// A checkpoint of right here, behind entry `n`, that carries what is open.
    fn whole(&self, n: usize) -> Option<Vec<u8>> {
        let (told, mark) = (self.engine.told()?, self.engine.whole_mark(usize::MAX)?);
        let place = Place { position: n as u64 + 1, mark, seen: Seen::default() };
        Some(write(&limits(), &place, told, &self.analyst, Vec::new()).expect("a stored form"))
    }

    fn resume(shards: u32, body: &[u8]) -> (Self, usize) {
        let state = read(body, &limits()).expect("own bytes");
        let State { names, moment, shown, open, told, known, position, .. } = state;
        let mut engine = Engine::resume(settings(shards), names, moment, &shown, told);
        if let Some(open) = open {
            engine.adopt(&open);
        }
        let mut analyst = analyst();
        let (kept, words) = known.expect("just read");
        analyst.resume(kept, words);
        let run = Self { engine, analyst, marks: Vec::new(), said: Said::default() };
        (run, position as usize)
    }

    /// What a scrape would show: the counted items, and weights of calls by operation.
    fn shown(&self) -> Totals {
        let (mut order, catalog) = (Order::default(), self.engine.catalog());
        totals(&self.analyst, self.engine.open(), 0, catalog, &mut order)
    }
}

fn names_of(mark: &Mark) -> usize {
    mark.names.catalog().operations().len()
}

/// Runs the log to its end from checkpoints taken everywhere, and compares with one that ran through.
fn a_restart_is_none(take: impl Fn(&Run, usize) -> Option<Vec<u8>>) {
    let log = log();
    for (shards, after) in [(1, 1), (3, 2)] {
        let mut whole = Run::new(shards);
        let mut cuts = Vec::new();
        for (n, entry) in log.iter().enumerate() {
            whole.take(n, entry);
            // Every second somewhere else within it.
            if n % 41 == 17 {
                cuts.push((whole.said.events.len(), take(&whole, n)));
            }
        }
        assert!(!whole.said.events.is_empty(), "the slow database is found");
        assert!(whole.marks.last().is_some_and(|m| names_of(&m.mark) > 10));
        let mut tried = 0;
        for (events, body) in cuts.into_iter().step_by(9) {
            let Some(body) = body else { continue };
            tried += 1;
            let (mut run, from) = Run::resume(after, &body);
            for (n, entry) in log.iter().enumerate().skip(from) {
                run.take(n, entry);
            }
            let told = read(&body, &limits()).expect("own bytes").told;
            let rest = whole.said.windows.iter().filter(|w| w.window.start >= told.next);
            assert!(run.said.windows.iter().eq(rest), "windows after {:?}", told.next);
            let tail = &whole.said.events[whole.said.events.len() - run.said.events.len()..];
            assert_eq!(run.said.events, tail, "{events} before");
            let words = |run: &Run| serde_json::to_string(&run.analyst.words()).expect("a text");
            assert_eq!(words(&run), words(&whole), "after {:?}", told.next);
            let numbers = |run: &Run| postcard::to_stdvec(&run.analyst.numbers()).expect("a form");
            assert!(numbers(&run) == numbers(&whole), "totals, detectors after {:?}", told.next);
        }
        assert!(tried >= 10, "{tried}");
    }
}

#[test]
fn a_restart_anywhere_says_what_no_restart_says() {
    a_restart_is_none(|run, _| run.checkpoint());
}

/// Whatever was open there: nothing before it is read again.
#[test]
fn a_restart_from_what_was_open_says_what_no_restart_says() {
    a_restart_is_none(Run::whole);
}

/// Again and again, before the windows are closed that were open at the last one.
#[test]
fn many_restarts_in_a_row_say_what_no_restart_says() {
    let log = log();
    let mut whole = Run::new(2);
    log.iter().enumerate().for_each(|(n, entry)| whole.take(n, entry));
    let (mut run, mut said, mut restarts) = (Run::new(2), Said::default(), 0);
    for (n, entry) in log.iter().enumerate() {
        run.take(n, entry);
        if n % 23 == 22
            && let Some(body) = run.whole(n)
        {
            let (next, from) = Run::resume(1 + restarts % 3, &body);
            assert_eq!(from, n + 1);
            let ended = std::mem::replace(&mut run, next).said;
            said.windows.extend(ended.windows);
            said.events.extend(ended.events);
            restarts += 1;
        }
    }
    said.windows.append(&mut run.said.windows);
    said.events.append(&mut run.said.events);
    assert!(restarts > 200, "{restarts}");
    assert!(said.windows == whole.said.windows && said.events == whole.said.events);
    assert_eq!(run.shown().tally, whole.shown().tally);
}

/// What is more than may be carried is waited out.
#[test]
fn what_is_open_has_its_bounds() {
    let mut run = Run::new(2);
    assert!(run.engine.whole_mark(usize::MAX).is_none(), "nothing was closed yet");
    for (n, entry) in log().iter().enumerate().take(400) {
        run.take(n, entry);
    }
    assert!(run.engine.whole_mark(64).is_none());
    assert!(run.engine.whole_mark(1 << 20).is_some());
}

/// A crash just after a window closed in silence: nothing in the log says that it did. What is read again of
/// it is in the totals already, and must not be shown a second time, however short.
fn totals_are_those_before(take: impl Fn(&Run, usize) -> Option<Vec<u8>>) {
    let log = log();
    for (shards, after) in [(1, 1), (3, 2)] {
        let (mut run, mut tried) = (Run::new(shards), 0);
        for (n, entry) in log.iter().enumerate() {
            run.take(n, entry);
            if n % 41 != 17 || n < log.len() / 2 {
                continue;
            }
            // Time goes on, as far as the next request lets it.
            let next = log.get(n + 1).map_or(entry.0, |(stamp, _)| *stamp);
            let windows = run.engine.advance(next);
            run.observe(windows);
            let Some(body) = take(&run, n) else { continue };
            let (mut again, from) = Run::resume(after, &body);
            let before = run.shown();
            let mut least = 0;
            for (n, entry) in log.iter().enumerate().take(n + 1).skip(from) {
                again.take(n, entry);
                let received = again.shown().tally.spans.received;
                assert!(received >= least, "a counter goes back: {received} after {least}");
                least = received;
            }
            let shown = again.shown();
            assert_eq!(shown.tally.spans, before.tally.spans, "after {from} to {n}");
            assert_eq!(shown.red, before.red, "after {from} to {n}");
            tried += 1;
        }
        assert!(tried >= 10, "{tried}");
    }
}

#[test]
fn totals_after_a_restart_are_those_before() {
    totals_are_those_before(|run, _| run.checkpoint());
    totals_are_those_before(Run::whole);
}
