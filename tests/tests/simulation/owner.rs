//! A life of a collector: reads the log from where a checkpoint says, counts, tells windows, lays marks, writes
//! checkpoints. The same parts in the same order as behind the doors, in one thread.

use crate::shelf::{Fenced, Shelf};
use crate::world::Flaw;
use longpole_collector::checkpoint::{Place, Seen, State, write};
use longpole_collector::dedupe::{Fingerprint, Verdict};
use longpole_collector::ingest::otlp::{DecodeLimits, Decoder};
use longpole_collector::log::Entry;
use longpole_core::engine::analyst::Analyst;
use longpole_core::engine::totals::{Gross, Order, totals};
use longpole_core::engine::{Engine, Settings, reach};
use longpole_core::limits::Limits;
use longpole_core::route::Tree;
use longpole_model::finding::{Event, Totals};
use longpole_model::signal::{Reason, SECOND, Timestamp, WindowSummary};
use longpole_tests::load::dice::Dice;
use std::collections::VecDeque;

/// Marks that wait.
const MARKS: usize = 64;

pub fn limits() -> Limits {
    let (window, lateness, settle) = (SECOND, 2 * SECOND, SECOND);
    Limits { window, lateness, settle, horizon: 3 * SECOND, skew: SECOND, ..Limits::default() }
}

pub struct Life {
    engine: Engine,
    analyst: Analyst,
    pub seen: Seen,
    decoder: Decoder,
    marks: VecDeque<Place>,
    /// The next entry.
    pub next: u64,
    flaw: Option<Flaw>,
}

/// What closed, and what was found out by it.
#[derive(Default)]
pub struct Said {
    pub windows: Vec<WindowSummary>,
    pub events: Vec<Event>,
}

impl Life {
    pub fn new(shards: u32, tree: &Tree, state: Option<State>, flaw: Option<Flaw>) -> Self {
        let settings = Settings { limits: limits(), shards, seed: 7, ..Settings::default() };
        let mut analyst = Analyst::new(&limits(), tree.clone(), Vec::new(), None);
        let (engine, seen, next) = match state {
            None => (Engine::new(settings), Seen::default(), 0),
            Some(State { names, moment, shown, told, known, position, seen, .. }) => {
                let (kept, words) = known.expect("just read");
                analyst.resume(kept, words);
                let next = position + u64::from(flaw == Some(Flaw::SkipsOne));
                (Engine::resume(settings, names, moment, &shown, told), seen, next)
            }
        };
        let decoder = Decoder::new(&DecodeLimits::default());
        Self { engine, analyst, seen, decoder, marks: VecDeque::new(), next, flaw }
    }

    fn observe(&mut self, windows: Vec<WindowSummary>, said: &mut Said) {
        for window in windows {
            said.windows.push(window.clone());
            said.events.extend(self.analyst.observe(window, self.engine.catalog()));
        }
    }

    /// Moves log time.
    pub fn tick(&mut self, at: Timestamp) -> Said {
        let mut said = Said::default();
        let windows = self.engine.advance(at);
        if !windows.is_empty() {
            self.mark();
        }
        self.observe(windows, &mut said);
        said
    }

    fn mark(&mut self) {
        let (mark, seen) = (self.engine.mark(), self.seen.clone());
        self.marks.push_back(Place { position: self.next, mark, seen });
        if self.marks.len() > MARKS {
            self.marks.pop_front();
        }
    }

    /// Takes the next entry.
    pub fn take(&mut self, entry: &Entry) -> Said {
        let stamp = entry.receipt.stamp;
        let mut said = self.tick(stamp);
        self.next = entry.receipt.position.0 + 1;
        let record = &entry.record;
        let decoded = self.decoder.decode(&record.payload, Some(record.signal), Some(stamp));
        let Ok((batch, rejections)) = decoded else {
            self.engine.refuse(Reason::Malformed);
            return said;
        };
        let verdict = match record.producer {
            _ if self.flaw == Some(Flaw::NoDedupe) => Verdict::Fresh,
            Some(producer) => self.seen.batches.see(producer),
            None => Fingerprint::of(&batch.spans)
                .map_or(Verdict::Fresh, |print| self.seen.requests.see(print, stamp)),
        };
        let windows = match verdict {
            Verdict::Fresh => self.engine.ingest(batch, &rejections, Some(stamp)),
            Verdict::Duplicate => self.engine.pass_over(&batch, &rejections, stamp, None),
            Verdict::Stale => {
                let stale = Some(Reason::StaleSequence);
                self.engine.pass_over(&batch, &rejections, stamp, stale)
            }
        };
        self.observe(windows, &mut said);
        said
    }

    /// A checkpoint by the newest mark that lies far enough back, and its place in the log.
    pub fn draft(&self) -> Option<(Vec<u8>, u64)> {
        let told = self.engine.told()?;
        let near = self.flaw == Some(Flaw::NearMark);
        let reach = if near { 0 } else { reach(&limits()) };
        let far = |p: &&Place| p.mark.moment.now.plus(reach) <= told.next;
        let place = self.marks.iter().rev().find(far)?;
        let body = write(&limits(), place, told, &self.analyst, Vec::new()).expect("a stored form");
        Some((body, place.position))
    }

    /// All that it knows, in bytes.
    pub fn known(&self) -> Vec<u8> {
        let place =
            Place { position: self.next, mark: self.engine.mark(), seen: self.seen.clone() };
        let told = self.engine.told().unwrap_or_default();
        write(&limits(), &place, told, &self.analyst, Vec::new()).expect("a stored form")
    }

    pub fn totals(&self) -> Totals {
        let gross = Gross::new(self.engine.pending_tally());
        totals(&self.analyst, gross, 0, self.engine.catalog(), &mut Order::default())
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}

/// A collector, whatever state it is in.
pub struct Owner {
    /// Not stopped: a stopped one knows nothing of it.
    pub awake: bool,
    /// Of who has the lease, or believes so.
    pub held: Option<(u64, Life)>,
    pub up: bool,
}

impl Owner {
    /// Tells what was said. Told that its token is old, it ends.
    pub fn tell(&mut self, shelf: &mut Shelf, said: Said) -> Result<(), Fenced> {
        let Some((token, _)) = &self.held else { return Ok(()) };
        for window in said.windows {
            shelf.window(*token, window)?;
        }
        for event in said.events {
            shelf.event(*token, event)?;
        }
        Ok(())
    }

    /// One look at the log: at most `most` entries, and the time where there are no more.
    pub fn look(
        &mut self,
        shelf: &mut Shelf,
        clock: u64,
        most: u64,
        dice: &mut Dice,
    ) -> Result<(), Fenced> {
        let mut left = most;
        loop {
            let Some((token, life)) = &mut self.held else { return Ok(()) };
            let entry = shelf.read(*token, life.next)?;
            let (said, more) = match entry {
                Some(entry) => (life.take(&entry), true),
                None => (life.tick(shelf.now(clock)), false),
            };
            let draft = (!said.windows.is_empty() && dice.below(3) == 0).then(|| life.draft());
            let token = *token;
            self.tell(shelf, said)?;
            if let Some(Some((body, low))) = draft {
                shelf.checkpoint(token, &body, low, None)?;
            }
            left = left.saturating_sub(1);
            if !more || left == 0 {
                return Ok(());
            }
        }
    }
}
