//! The thread that owns the analyst: puts the shards' windows together, judges them, answers readers.
//!
//! A question about what is open goes to every shard between the same two requests. What a shard
//! says after its answer waits until all have answered, so that nothing is counted twice or missed.

use super::intake::Doors;
use super::marks::{Laid, Marks};
use super::queue::Queue;
use super::shard::Peeked;
use super::{OnEvents, WallClock};
use longpole_core::aggregate::{Closed, Shown};
use longpole_core::catalog::Catalog;
use longpole_core::engine::analyst::Analyst;
use longpole_core::engine::snapshot::recent;
use longpole_core::engine::totals::{Gross, Order, totals};
use longpole_core::engine::{Align, Settings};
use longpole_model::finding::{Change, Event, Investigation, Snapshot, Totals};
use longpole_model::signal::{Given, SECOND, Tally, WindowSummary};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Log time moves at least this often, so that windows close while nothing comes in.
const TICK: Duration = Duration::from_millis(50);
/// Totals are not taken anew more often than this: scrapers share them.
const FRESH: Duration = Duration::from_millis(100);
/// Event time that tables of "now" cover.
const RECENT: u64 = 300 * SECOND;

/// What the analyst is told.
pub enum Told {
    Closed { shard: usize, closed: Closed, catalog: Option<Arc<Catalog>> },
    Peeked { shard: usize, peeked: Box<Peeked> },
    Mark(Box<Laid>),
    Marked { number: u64, shown: Vec<Shown> },
    Totals(oneshot::Sender<Arc<Totals>>),
    Ask(Box<dyn FnOnce(&mut State) + Send>),
    Ended,
}

/// A question to all shards that is under way.
struct Question {
    number: u64,
    readers: Vec<oneshot::Sender<Arc<Totals>>>,
    answered: Vec<bool>,
    open: Gross,
    open_spans: u64,
    given: Given,
    catalog: Arc<Catalog>,
    /// What shards said after their answers.
    held: Vec<Told>,
}

/// Everything behind the shards.
pub struct State {
    analyst: Analyst,
    align: Align,
    doors: Arc<Doors>,
    shards: usize,
    ended: usize,
    catalog: Arc<Catalog>,
    on_events: OnEvents,
    asked: u64,
    question: Option<Question>,
    totals: Option<(Instant, Arc<Totals>)>,
    order: Order,
    recent: Option<(u64, Arc<Snapshot>)>,
    /// Takes checkpoints; `None` where nothing is kept.
    marks: Option<Marks>,
}

impl State {
    pub(super) fn new(
        settings: &Settings,
        analyst: Analyst,
        doors: Arc<Doors>,
        on_events: OnEvents,
        align: Align,
        marks: Option<Marks>,
    ) -> Self {
        Self {
            analyst,
            align,
            shards: settings.shards.max(1) as usize,
            ended: 0,
            catalog: Arc::default(),
            doors,
            on_events,
            asked: 0,
            question: None,
            totals: None,
            order: Order::default(),
            recent: None,
            marks,
        }
    }

    /// Works until all shards have ended.
    pub(super) fn run(&mut self, queue: &Queue<Told>, clock: WallClock) {
        let mut jobs = Vec::new();
        let mut next = Instant::now();
        while self.ended < self.shards {
            if Instant::now() >= next {
                self.doors.tick(clock.now());
                next = Instant::now() + TICK;
            }
            queue.take(&mut jobs, false, next.saturating_duration_since(Instant::now()));
            for job in jobs.drain(..) {
                self.work(job);
            }
        }
        self.checkpoint(true);
        // What comes now is told that nobody is here.
        queue.close();
    }

    fn work(&mut self, told: Told) {
        if let (Some(question), Told::Closed { shard, .. }) = (&mut self.question, &told)
            && question.answered.get(*shard) == Some(&true)
        {
            question.held.push(told);
            return;
        }
        match told {
            Told::Closed { shard, closed, catalog } => {
                if let Some(catalog) = catalog {
                    self.catalog = catalog;
                }
                let windows = self.align.take(shard, closed);
                let told = !windows.is_empty();
                windows.into_iter().for_each(|window| self.observe(window));
                if told {
                    self.checkpoint(false);
                }
            }
            Told::Mark(laid) => {
                if let Some(marks) = &mut self.marks {
                    marks.laid(*laid);
                }
            }
            Told::Marked { number, shown } => {
                if let Some(marks) = &mut self.marks {
                    marks.shown(number, shown);
                }
            }
            Told::Peeked { shard, peeked } => self.answer(shard, *peeked),
            Told::Totals(reader) => self.ask(reader),
            Told::Ask(question) => question(self),
            Told::Ended => self.ended += 1,
        }
    }

    /// Takes a checkpoint where one is due, while all shards have told of the same windows.
    fn checkpoint(&mut self, last: bool) {
        if let (Some(marks), Some(told)) = (&mut self.marks, self.align.level()) {
            marks.told(told, &self.analyst, last);
        }
    }

    fn observe(&mut self, window: WindowSummary) {
        let end = window.window.end;
        let events = self.analyst.observe(window, &self.catalog);
        self.doors.time.close(end);
        if events.is_empty() {
            return;
        }
        let book = self.analyst.book();
        let told = |e: Event| {
            let about = book.find(&e.investigation)?.clone();
            Some((e, about))
        };
        (self.on_events)(events.into_iter().filter_map(told).collect());
    }

    /// Totals, at most a tenth of a second old.
    fn ask(&mut self, reader: oneshot::Sender<Arc<Totals>>) {
        if let Some((at, totals)) = &self.totals
            && at.elapsed() < FRESH
        {
            // A reader that has gone needs no answer.
            let _ = reader.send(Arc::clone(totals));
            return;
        }
        if let Some(question) = &mut self.question {
            question.readers.push(reader);
            return;
        }
        self.asked += 1;
        let (catalog, pending) = self.doors.peek(self.asked);
        self.question = Some(Question {
            number: self.asked,
            readers: vec![reader],
            answered: vec![false; self.shards],
            open: Gross::new(pending),
            open_spans: 0,
            given: Given::default(),
            catalog,
            held: Vec::new(),
        });
    }

    fn answer(&mut self, shard: usize, peeked: Peeked) {
        let Some(question) = &mut self.question else { return };
        if question.number != peeked.question {
            return;
        }
        question.open.merge(&peeked.open);
        question.open_spans += peeked.open_spans;
        question.given.add(peeked.given);
        if let Some(answered) = question.answered.get_mut(shard) {
            *answered = true;
        }
        if !question.answered.iter().all(|a| *a) {
            return;
        }
        let Some(mut question) = self.question.take() else { return };
        self.align.pending().for_each(|part| question.open.add(part));
        let (open, spans) = (question.open, question.open_spans);
        let mut fresh = totals(&self.analyst, open, spans, &question.catalog, &mut self.order);
        fresh.given = question.given;
        let fresh = Arc::new(fresh);
        self.totals = Some((Instant::now(), Arc::clone(&fresh)));
        for reader in question.readers {
            let _ = reader.send(Arc::clone(&fresh));
        }
        for told in question.held {
            self.work(told);
        }
    }

    /// Tables of the last five minutes of closed windows, and all investigations.
    pub fn snapshot(&mut self) -> Arc<Snapshot> {
        let windows = self.analyst.history().windows();
        let mut taken = match &self.recent {
            Some((at, snapshot)) if *at == windows => (**snapshot).clone(),
            _ => recent(&self.analyst, &self.catalog, &Tally::default(), RECENT),
        };
        // Changes may have been declared since.
        taken.changes = self.analyst.changes(&self.catalog);
        let taken = Arc::new(taken);
        self.recent = Some((windows, Arc::clone(&taken)));
        taken
    }

    /// All investigations, by worth, open first.
    pub fn investigations(&self) -> Vec<Investigation> {
        self.analyst.book().queue().into_iter().cloned().collect()
    }

    /// Takes a change that somebody told of.
    pub fn declare(&mut self, change: Change) {
        self.analyst.declare(change);
    }
}
