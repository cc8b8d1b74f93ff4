//! The thread that owns the analyst: puts the shards' windows together, judges them, answers readers. Where
//! streams are read, it judges what whoever leads is given ([`super::lead`]).
//!
//! A question about what is open goes to every shard between the same two requests. What a shard
//! says after its answer waits until all have answered, so that nothing is counted twice or missed.

use super::intake::Doors;
use super::lead::{Flown, Lead};
use super::marks::{Laid, Marks};
use super::queue::Queue;
use super::shard::Peeked;
use super::{OnEvents, WallClock};
use longpole_core::aggregate::{Closed, Held, Shown};
use longpole_core::catalog::Catalog;
use longpole_core::engine::Align;
use longpole_core::engine::analyst::Analyst;
use longpole_core::engine::snapshot::recent;
use longpole_core::engine::totals::{Gross, Joint, Order, totals, totals_of};
use longpole_model::finding::{Change, Event, Investigation, Snapshot, Totals};
use longpole_model::signal::{Given, SECOND, Tally, Timestamp, WindowSummary};
use std::collections::{BTreeMap, BTreeSet};
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
    Closed {
        shard: usize,
        closed: Closed,
        catalog: Option<Arc<Catalog>>,
    },
    Peeked {
        shard: usize,
        peeked: Box<Peeked>,
    },
    Mark(Box<Laid>),
    Marked {
        number: u64,
        shown: Vec<Shown>,
        held: Option<Held>,
    },
    Totals(oneshot::Sender<Arc<Totals>>),
    Ask(Box<dyn FnOnce(&mut State) + Send>),
    /// Windows of a lane closed, and were said.
    Flown {
        lane: u32,
        windows: Vec<WindowSummary>,
    },
    /// A lane begins; it says what ends behind `said`.
    Begun {
        lane: u32,
        said: Timestamp,
    },
    /// A shard or a lane has ended, and said all that it had.
    Ended(usize),
    /// No more begin.
    Closing,
}

/// A question to all shards that is under way.
struct Question {
    number: u64,
    readers: Vec<oneshot::Sender<Arc<Totals>>>,
    /// Shards that have not answered.
    missing: BTreeSet<usize>,
    open: Gross,
    open_spans: u64,
    given: Given,
    catalog: Arc<Catalog>,
    /// What shards said after their answers.
    held: Vec<Told>,
}

/// Everything behind the shards.
pub struct State {
    pub(super) analyst: Analyst,
    pub(super) role: Role,
    doors: Arc<Doors>,
    /// Shards and lanes that work, how many of each number, and whether no more begin.
    working: BTreeMap<usize, usize>,
    closing: bool,
    /// Names behind the ids of what the analyst knows.
    pub(super) catalog: Arc<Catalog>,
    on_events: OnEvents,
    asked: u64,
    question: Option<Question>,
    pub(super) totals: Option<(Instant, Arc<Totals>)>,
    order: Order,
    /// Names of what was judged and of what is open.
    pub(super) names: Joint,
    pub(super) recent: Option<(u64, Arc<Snapshot>)>,
}

/// The state of who has shards of its own.
pub(super) struct Alone {
    pub align: Align,
    /// Takes checkpoints; `None` where nothing is kept.
    pub marks: Option<Marks>,
}

/// Whose windows are judged here.
pub(super) enum Role {
    /// Those of the shards, which are all there are.
    Alone(Box<Alone>),
    /// None: another process leads.
    Follows,
    /// Those of all streams.
    Leads(Box<Lead>),
}

impl State {
    pub(super) fn new(
        analyst: Analyst,
        doors: Arc<Doors>,
        on_events: OnEvents,
        role: Role,
    ) -> Self {
        Self {
            analyst,
            role,
            working: (0..doors.queues().len()).map(|shard| (shard, 1)).collect(),
            closing: false,
            catalog: Arc::default(),
            doors,
            on_events,
            asked: 0,
            question: None,
            totals: None,
            order: Order::default(),
            names: Joint::default(),
            recent: None,
        }
    }

    /// Works until all shards have ended.
    pub(super) fn run(&mut self, queue: &Queue<Told>, clock: WallClock) {
        let mut jobs = Vec::new();
        let mut next = Instant::now();
        while !self.working.is_empty() || !self.closing {
            if Instant::now() >= next {
                self.doors.tick(clock.now());
                if self.marks().is_some_and(|marks| marks.is_wanted()) {
                    self.checkpoint(false);
                }
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
        let closed_by = match &told {
            Told::Closed { shard, .. } => Some(*shard),
            Told::Flown { lane, .. } => Some(*lane as usize),
            _ => None,
        };
        if let (Some(question), Some(shard)) = (&mut self.question, closed_by)
            && !question.missing.contains(&shard)
        {
            question.held.push(told);
            return;
        }
        match told {
            Told::Closed { shard, closed, catalog } => {
                if let Some(catalog) = catalog {
                    self.catalog = catalog;
                }
                let Role::Alone(alone) = &mut self.role else { return };
                let windows = alone.align.take(shard, closed);
                let told = !windows.is_empty();
                windows.into_iter().for_each(|window| self.observe(window));
                if told {
                    self.checkpoint(false);
                }
            }
            Told::Mark(laid) => {
                if let Some(marks) = self.marks() {
                    marks.laid(*laid);
                }
            }
            Told::Marked { number, shown, held } => {
                if let Some(marks) = self.marks() {
                    marks.shown(number, shown, held);
                }
            }
            Told::Peeked { shard, peeked } => self.answer(shard, *peeked),
            Told::Totals(reader) => self.ask(reader),
            Told::Ask(question) => question(self),
            Told::Flown { lane, windows } => {
                if let Role::Leads(lead) = &mut self.role {
                    lead.flown.extend(windows.iter().map(|window| Flown::new(lane, window)));
                }
            }
            Told::Begun { lane, said } => {
                *self.working.entry(lane as usize).or_default() += 1;
                if let Role::Leads(lead) = &mut self.role {
                    lead.flown.retain(|part| part.lane != lane || part.end <= said);
                }
            }
            Told::Ended(shard) => self.ended(shard),
            Told::Closing => self.closing = true,
        }
    }

    fn marks(&mut self) -> Option<&mut Marks> {
        match &mut self.role {
            Role::Alone(alone) => alone.marks.as_mut(),
            Role::Follows | Role::Leads(_) => None,
        }
    }

    /// Takes a checkpoint where one is due, while all shards have told of the same windows.
    fn checkpoint(&mut self, last: bool) {
        if let Role::Alone(alone) = &mut self.role
            && let Some(marks) = &mut alone.marks
        {
            marks.told(&alone.align, &self.analyst, last);
        }
    }

    pub(super) fn observe(&mut self, window: WindowSummary) {
        let events = self.analyst.observe(window, &self.catalog);
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
        let (mut missing, catalog, pending) = self.doors.peek(self.asked);
        // Who has been told to end answers no more, and may not have said yet what it had: its end is its answer, or
        // what it had would be missed until it comes.
        missing.extend(self.working.keys());
        self.question = Some(Question {
            number: self.asked,
            readers: vec![reader],
            missing,
            open: Gross::new(pending),
            open_spans: 0,
            given: Given::default(),
            catalog,
            held: Vec::new(),
        });
        self.answered();
    }

    fn ended(&mut self, shard: usize) {
        if let Some(many) = self.working.get_mut(&shard).filter(|many| **many > 1) {
            *many -= 1;
            return;
        }
        self.working.remove(&shard);
        if let Some(question) = &mut self.question {
            question.missing.remove(&shard);
            self.answered();
        }
    }

    fn answer(&mut self, shard: usize, peeked: Peeked) {
        let Some(question) = &mut self.question else { return };
        if question.number != peeked.question {
            return;
        }
        question.open.merge(&peeked.open);
        question.open_spans += peeked.open_spans;
        question.given.add(peeked.given);
        question.missing.remove(&shard);
        self.answered();
    }

    /// Answers readers once all shards have.
    fn answered(&mut self) {
        if self.question.as_ref().is_none_or(|q| !q.missing.is_empty()) {
            return;
        }
        let Some(question) = self.question.take() else { return };
        let (mut open, spans) = (question.open, question.open_spans);
        let order = &mut self.order;
        let mut fresh = match &self.role {
            Role::Alone(alone) => {
                alone.align.pending().for_each(|part| open.add(part));
                totals(&self.analyst, open, spans, &question.catalog, order)
            }
            // Whoever leads tells.
            Role::Follows => Totals::default(),
            Role::Leads(lead) => {
                lead.flown.iter().for_each(|part| open.include(&part.counted));
                let names = (&*self.catalog, &*question.catalog);
                totals_of(&self.analyst, names.0, open, spans, names.1, &mut self.names)
            }
        };
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
