//! Where requests get their order: log, names and queues behind one lock, taken once a request (twice
//! with a journal: for its place, and to be dealt).
//!
//! Held while a request gets its place, its distinct operations are looked up and its parts are queued;
//! never while anything is decoded, written, aggregated or judged. With a journal nothing is dealt
//! that is not durable: what a reader sees, a crash does not take back.

use super::analyst::Told;
use super::budget::Reserved;
use super::gate::Gate;
use super::lanes::{Inlet, Lanes};
use super::marks::Laid;
use super::pressure::Gauge;
use super::queue::Queue;
use super::shard::{Arrived, Job};
use super::waiting::{Name, Taken, Tell, Waiting};
use super::whole::{Turn, Turns, most};
use super::{Kept, Refused};
use crate::checkpoint::{Seen, State};
use crate::clock::WallClock;
use crate::dedupe::Verdict;
use crate::log::{Position, Record};
use longpole_core::aggregate::Dealt;
use longpole_core::catalog::{Catalog, RedRow};
use longpole_core::engine::{Intake, Settings, Tick};
use longpole_model::signal::{Batch, Reason, Rejections, Tally, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::oneshot;

/// Windows between two marks in the log.
pub(super) const MARK_EVERY: u64 = 3;

/// The doors' side of the shards.
pub struct Doors {
    ordered: Mutex<Ordered>,
    /// Something waits to be made durable, or the end has come.
    pub(super) wake: Condvar,
    queues: Vec<Arc<Queue<Job>>>,
    analyst: Arc<Queue<Told>>,
    /// How streams are read; `None` where the doors have a log of their own.
    pub(super) lanes: Option<Lanes>,
    pub(super) gauge: Arc<Gauge>,
    /// Bytes of what is open that a shard may put into a mark.
    most: usize,
}

pub(super) struct Ordered {
    pub(super) log: Kept,
    pub(super) intake: Intake,
    pub(super) seen: Seen,
    /// Streams that are read.
    pub(super) lanes: BTreeMap<u32, Inlet>,
    pub(super) gate: Gate,
    /// Appended, not yet committed.
    pub(super) waiting: Vec<(Waiting, Tell)>,
    /// Behind the last entry that was dealt.
    applied: u64,
    /// Marks laid, the log time from which the next one is due, and how far they lie apart.
    marks: u64,
    mark_due: Timestamp,
    mark_every: u64,
    whole: Turns,
}

impl Doors {
    /// `state`: what an earlier life left in a checkpoint.
    pub fn new(
        settings: &Settings,
        log: Kept,
        analyst: Arc<Queue<Told>>,
        state: Option<&State>,
        gauge: Arc<Gauge>,
        lanes: Option<Lanes>,
    ) -> Self {
        let gate = if log.is_durable() { Gate::Replaying } else { Gate::Open };
        let (intake, seen) = match state {
            None => (Intake::new(settings), Seen::default()),
            Some(s) => (Intake::resume(settings, s.names.clone(), s.moment), s.seen.clone()),
        };
        // In memory none is ever due.
        let mark_due = Timestamp(if log.is_durable() { 0 } else { u64::MAX });
        let applied = state.map_or(log.oldest().0, |s| s.position);
        let ordered = Ordered {
            log,
            intake,
            seen,
            lanes: BTreeMap::new(),
            gate,
            waiting: Vec::new(),
            applied,
            marks: 0,
            mark_due,
            mark_every: settings.limits.window.saturating_mul(MARK_EVERY),
            whole: Turns::default(),
        };
        let shards = if lanes.is_some() { 0 } else { settings.shards.max(1) };
        let queues = (0..shards).map(|_| Arc::default()).collect();
        let most = most(&settings.limits, settings.shards);
        let (ordered, wake) = (Mutex::new(ordered), Condvar::new());
        Self { ordered, wake, queues, analyst, lanes, gauge, most }
    }

    /// One queue a shard.
    pub fn queues(&self) -> &[Arc<Queue<Job>>] {
        &self.queues
    }

    pub(super) fn ordered(&self) -> MutexGuard<'_, Ordered> {
        self.ordered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a request: log first, then, at once or when it is durable, the shards' queues in the log's
    /// order.
    pub fn take(
        &self,
        batch: Batch,
        rejections: &Rejections,
        record: Record,
        room: Reserved,
        clock: WallClock,
    ) -> Result<Taken, Refused> {
        let dealt = Dealt::new(&batch.spans, self.queues.len() as u32);
        let name = Name::of(record.producer, &batch);
        let rejections = rejections.clone();
        let mut ordered = self.ordered();
        match &ordered.gate {
            Gate::Open => {}
            Gate::Replaying => return Err(Refused::Replaying),
            Gate::Failing(why) => return Err(Refused::Disk(Arc::clone(why))),
            Gate::Closed => return Err(Refused::Closing),
        }
        let stamp = ordered.log.append(record, clock.now())?.stamp;
        let until = ordered.log.end().0;
        let waiting = Waiting { batch, dealt, rejections, room, stamp, name, until };
        if !ordered.log.is_durable() {
            return Ok(Taken::Done(self.deal(&mut ordered, waiting)));
        }
        let (tell, told) = oneshot::channel();
        ordered.waiting.push((waiting, tell));
        let first = ordered.waiting.len() == 1;
        drop(ordered);
        if first {
            self.wake.notify_one();
        }
        Ok(Taken::Soon(told))
    }

    /// Hands a request to the shards, in the log's order.
    pub(super) fn deal(&self, ordered: &mut Ordered, waiting: Waiting) -> Verdict {
        let Waiting { batch, dealt, rejections, room, stamp, name, until } = waiting;
        if let Some(tick) = ordered.intake.tick(stamp) {
            self.tell(ordered, tick);
        }
        let verdict = name.judge(&mut ordered.seen, stamp);
        let intake = &mut ordered.intake;
        let work = match verdict {
            Verdict::Fresh => intake.work(batch, dealt, &rejections, Some(stamp)),
            Verdict::Duplicate => intake.passed_over(&batch, &rejections, stamp, None),
            Verdict::Stale => {
                intake.passed_over(&batch, &rejections, stamp, Some(Reason::StaleSequence))
            }
        };
        ordered.applied = until;
        let shards = self.queues.len() as u32;
        let arrived = Arc::new(Arrived { work, _room: room });
        for (shard, queue) in (0u32..).zip(&self.queues) {
            if arrived.work.concerns(shard, shards) {
                queue.push(Job::Work(Arc::clone(&arrived)));
            }
        }
        verdict
    }

    /// Rows of the catalog so far.
    pub fn rows(&self) -> Vec<RedRow> {
        self.ordered().intake.catalog().red_since(0).to_vec()
    }

    fn tell(&self, ordered: &mut Ordered, tick: Tick) {
        let due = tick.catalog.is_some() && tick.at >= ordered.mark_due;
        for queue in &self.queues {
            queue.push(Job::Tick(tick.clone()));
        }
        if due {
            ordered.mark_due = tick.at.plus(ordered.mark_every);
            self.lay(ordered, None);
        }
    }

    /// Lays a mark behind what has been dealt; on somebody's turn it carries what is open.
    fn lay(&self, ordered: &mut Ordered, turn: Option<Turn>) {
        ordered.marks += 1;
        let (names, moment) = ordered.intake.capture();
        let (number, position) = (ordered.marks, ordered.applied);
        let (seen, whole) = (ordered.seen.clone(), turn.as_ref().map(|_| self.most));
        let laid = Laid { number, position, names, moment, seen, turn };
        // Before the shards' answers, which go the same way.
        self.analyst.push(Told::Mark(Box::new(laid)));
        for queue in &self.queues {
            queue.push(Job::Mark(number, whole));
        }
    }

    /// Moves log time while nothing comes in. What has a place in the log and is not dealt holds it
    /// back: read again, it would come first.
    pub fn tick(&self, now: Timestamp) {
        let mut ordered = self.ordered();
        // What is read again is read as fast as it goes: a full queue is no pressure then.
        let replaying = ordered.gate == Gate::Replaying;
        let step = self.gauge.look(replaying || self.lanes.is_some());
        ordered.intake.shed(step);
        ordered.log.hold(step.holds_bytes());
        let dealt = !ordered.log.is_durable() || ordered.log.end() == Position(ordered.applied);
        if dealt
            && !replaying
            && self.lanes.is_none()
            && let Some(tick) = ordered.intake.tick(now)
        {
            self.tell(&mut ordered, tick);
        }
        if !replaying
            && ordered.log.is_tight()
            && let failing = matches!(ordered.gate, Gate::Failing(_))
            && let Some(turn) = ordered.whole.take(failing, Instant::now())
        {
            self.lay(&mut ordered, Some(turn));
        }
    }

    /// Counts a request that could not be read.
    pub fn refuse(&self, reason: Reason) {
        self.ordered().intake.refuse(reason);
    }

    /// Asks every shard what is open, all at the same place of the log; gives back who was asked, the names
    /// and the counters that are still here as of that place.
    pub fn peek(&self, question: u64) -> (BTreeSet<usize>, Arc<Catalog>, Tally) {
        let ordered = self.ordered();
        let shards = self.queues.iter().enumerate();
        let shards = shards.filter(|(_, queue)| queue.push(Job::Peek(question))).map(|(n, _)| n);
        let lanes = ordered.lanes.iter().filter(|(_, lane)| lane.peek(question));
        let asked = shards.chain(lanes.map(|(n, _)| *n as usize)).collect();
        (asked, Arc::clone(ordered.intake.catalog()), ordered.intake.pending())
    }

    /// What keeps it from taking requests, and what came before.
    pub fn gate(&self) -> Gate {
        self.ordered().gate.clone()
    }

    /// What was read again is all there is: requests are taken from now on.
    pub fn open(&self) {
        let mut ordered = self.ordered();
        if ordered.gate == Gate::Replaying {
            ordered.applied = ordered.log.end().0;
            ordered.gate = Gate::Open;
        }
    }

    /// Takes nothing more; the queues are still worked off, and what waits for the disk first.
    pub fn close(&self) {
        let mut ordered = self.ordered();
        let committed = ordered.log.is_durable();
        ordered.gate = Gate::Closed;
        drop(ordered);
        self.wake.notify_all();
        if !committed {
            self.end();
        }
    }

    /// Nothing more is dealt.
    pub(super) fn end(&self) {
        self.queues.iter().for_each(|q| q.close());
        self.ordered().lanes.values().for_each(|lane| lane.queue.close());
        self.analyst.push(Told::Closing);
    }
}
