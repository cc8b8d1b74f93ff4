//! Where requests get their order: log, names and queues behind one lock, taken once a request.
//!
//! Held while a request is appended, its distinct operations are looked up and its parts are queued;
//! never while anything is decoded, aggregated or judged.

use super::Refused;
use super::budget::Reserved;
use super::queue::Queue;
use super::shard::{Arrived, Job};
use super::time::LogTime;
use crate::clock::WallClock;
use crate::log::{Log, MemoryLog, Record};
use longpole_core::aggregate::Dealt;
use longpole_core::catalog::Catalog;
use longpole_core::engine::{Intake, Settings, Tick};
use longpole_model::signal::{Batch, Reason, Rejections, Tally, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The doors' side of the shards.
pub struct Doors {
    ordered: Mutex<Ordered>,
    queues: Vec<Arc<Queue<Job>>>,
    /// How far all logs have come.
    pub time: LogTime,
}

struct Ordered {
    log: MemoryLog,
    intake: Intake,
    open: bool,
}

impl Doors {
    pub fn new(settings: &Settings) -> Self {
        let ordered =
            Ordered { log: MemoryLog::default(), intake: Intake::new(settings), open: true };
        let queues = (0..settings.shards.max(1)).map(|_| Arc::default()).collect();
        Self { ordered: Mutex::new(ordered), queues, time: LogTime::default() }
    }

    /// One queue a shard.
    pub fn queues(&self) -> &[Arc<Queue<Job>>] {
        &self.queues
    }

    fn ordered(&self) -> MutexGuard<'_, Ordered> {
        self.ordered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a request: log first, then the shards' queues in the log's order.
    pub fn take(
        &self,
        batch: Batch,
        rejections: &Rejections,
        record: Record,
        room: Reserved,
        clock: WallClock,
    ) -> Result<(), Refused> {
        let dealt = Dealt::new(&batch.spans, self.queues.len() as u32);
        let mut ordered = self.ordered();
        if !ordered.open {
            return Err(Refused::Closing);
        }
        let stamp = ordered.log.append(record, clock.now())?.stamp;
        if let Some(tick) = ordered.intake.tick(self.time.at(stamp)) {
            self.tell(&tick);
        }
        self.deal(&mut ordered, batch, dealt, rejections, stamp, room);
        Ok(())
    }

    /// Takes what stands in a log of its own already, with the stamp that it has there. The time of
    /// the streams is moved there first.
    pub fn take_logged(
        &self,
        batch: Batch,
        rejections: &Rejections,
        stamp: Timestamp,
        room: Reserved,
    ) -> Result<(), Refused> {
        let dealt = Dealt::new(&batch.spans, self.queues.len() as u32);
        let mut ordered = self.ordered();
        if !ordered.open {
            return Err(Refused::Closing);
        }
        self.time.hold(stamp);
        if let Some(tick) = ordered.intake.tick(stamp) {
            self.tell(&tick);
        }
        self.deal(&mut ordered, batch, dealt, rejections, stamp, room);
        Ok(())
    }

    /// To each shard that has a part in it.
    fn deal(
        &self,
        ordered: &mut Ordered,
        batch: Batch,
        dealt: Dealt,
        rejections: &Rejections,
        stamp: Timestamp,
        room: Reserved,
    ) {
        let shards = self.queues.len() as u32;
        let work = ordered.intake.work(batch, dealt, rejections, Some(stamp));
        let arrived = Arc::new(Arrived { work, _room: room });
        for (shard, queue) in (0u32..).zip(&self.queues) {
            if arrived.work.concerns(shard, shards) {
                queue.push(Job::Work(Arc::clone(&arrived)));
            }
        }
    }

    fn tell(&self, tick: &Tick) {
        for queue in &self.queues {
            queue.push(Job::Tick(tick.clone()));
        }
    }

    /// Moves log time while nothing comes in.
    pub fn tick(&self, now: Timestamp) {
        let mut ordered = self.ordered();
        if let Some(tick) = ordered.intake.tick(self.time.at(now)) {
            self.tell(&tick);
        }
    }

    /// Counts a request that could not be read.
    pub fn refuse(&self, reason: Reason) {
        self.ordered().intake.refuse(reason);
    }

    /// Counts a request that is set aside.
    pub fn count(&self, set_aside: &Tally) {
        self.ordered().intake.count(set_aside);
    }

    /// Asks every shard what is open, all at the same place of the log; gives back the names and
    /// the counters that are still here as of that place.
    pub fn peek(&self, question: u64) -> (Arc<Catalog>, Tally) {
        let ordered = self.ordered();
        for queue in &self.queues {
            queue.push(Job::Peek(question));
        }
        (Arc::clone(ordered.intake.catalog()), ordered.intake.pending())
    }

    /// Requests that had to leave the memory log for newer ones, and bytes it holds.
    pub fn log_figures(&self) -> (u64, usize) {
        let ordered = self.ordered();
        (ordered.log.evicted(), ordered.log.bytes())
    }

    /// Takes nothing more; the queues are still worked off.
    pub fn close(&self) {
        self.ordered().open = false;
        self.queues.iter().for_each(|q| q.close());
    }
}
