//! The pipeline's end for whoever reads streams: each is a log of its own, with its own time, what came
//! before in it, and an aggregator on a thread. Room, order within a stream, and nothing between streams:
//! one that cannot go on holds up no other.

use super::analyst::Told;
use super::budget::{Budget, Reserved};
use super::intake::{MARK_EVERY, Ordered};
use super::lane::{Job, Lane, OnLane};
use super::queue::Queue;
use super::shard::Arrived;
use super::{Gate, Name, PATIENCE, Pipeline, Refused, thread};
use crate::checkpoint::Seen;
use crate::checkpoint::lane::{self, EntryPlace, LanePlace};
use crate::dedupe::{Fingerprints, Verdict};
use longpole_core::aggregate::Aggregator;
use longpole_core::catalog::Catalog;
use longpole_core::engine::{Settings, Steps};
use longpole_model::signal::{Batch, Reason, Rejections, Tally, Timestamp};
use std::sync::Arc;

/// Requests of foreign senders remembered of each stream.
const REQUESTS: usize = 16_384;

/// How lanes are made.
pub(super) struct Lanes {
    pub settings: Settings,
    pub tell: OnLane,
}

/// The doors' side of a lane.
pub(super) struct Inlet {
    pub queue: Arc<Queue<Job>>,
    pub seen: Seen,
    steps: Steps,
    /// The last entry that was taken.
    position: EntryPlace,
    mark_due: Timestamp,
    mark_every: u64,
}

/// Room that a request takes until it has been read.
#[derive(Debug)]
pub struct Room(Reserved);

impl Room {
    pub(super) fn into_inner(self) -> Reserved {
        self.0
    }
}

impl Inlet {
    /// Asks what is open; tells whether it will be answered.
    pub(super) fn peek(&self, question: u64) -> bool {
        self.queue.push(Job::Peek(question))
    }

    /// Moves its time; tells whether a window closes there. Then a mark may be due.
    fn tick(&mut self, names: &Arc<Catalog>, stamp: Timestamp) -> bool {
        let Some((at, closes)) = self.steps.tick(stamp) else { return false };
        let catalog = closes.then(|| Arc::clone(names));
        self.queue.push(Job::Tick(at, catalog));
        if closes && at >= self.mark_due {
            self.mark_due = at.plus(self.mark_every);
            let (moment, seen) = (self.steps.moment(), self.seen.clone());
            let place = LanePlace { position: self.position, moment, seen };
            self.queue.push(Job::Mark(Box::new((place, Arc::clone(names)))));
        }
        closes
    }
}

impl Pipeline {
    /// Room for a request of so many bytes; waits for it a moment.
    ///
    /// # Errors
    /// [`Refused::Overload`].
    pub async fn room(&self, payload: usize, batch: &Batch) -> Result<Room, Refused> {
        let bytes = payload + size_of::<Batch>() + batch.spans.len() * 64;
        let room = Budget::wait(&self.budget, bytes, PATIENCE).await;
        room.map(Room).ok_or_else(|| Refused::Overload { queued: self.budget.used() })
    }

    /// Begins stream `number` of `streams` under a token: behind the place in `from`, or at its beginning.
    /// Windows that end before or at `said` were said by an earlier owner, and are not said again.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn begin(
        &self,
        (number, streams): (u32, u32),
        token: u64,
        from: Option<lane::Lane>,
        said: Timestamp,
    ) -> std::io::Result<()> {
        let Some(lanes) = &self.doors.lanes else { return Ok(()) };
        let Settings { limits, origin, .. } = &lanes.settings;
        let mut ordered = self.doors.ordered();
        if ordered.gate == Gate::Closed {
            return Ok(());
        }
        let (place, shown) = match from {
            Some(lane::Lane { place, shown }) => (Some(place), ordered.intake.recall(shown)),
            None => (None, Vec::new()),
        };
        let moment = place.as_ref().map(|p| p.moment).unwrap_or_default();
        let position = place.as_ref().map(|p| p.position).unwrap_or_default();
        let requests = Fingerprints::new(REQUESTS);
        let seen = place.map_or_else(|| Seen { requests, ..Seen::default() }, |p| p.seen);
        let mut aggregator = Aggregator::new(limits, *origin, number, streams);
        let rows = ordered.intake.catalog().red_since(0);
        aggregator.resume(rows, (moment.step, moment.closed), shown.iter(), said);
        let queue: Arc<Queue<Job>> = Arc::default();
        let lane = Lane {
            number,
            token,
            limits: limits.clone(),
            aggregator,
            said,
            queue: Arc::clone(&queue),
            analyst: Arc::clone(&self.analyst),
            gauge: Arc::clone(&self.doors.gauge),
            tell: Arc::clone(&lanes.tell),
        };
        self.analyst.push(Told::Begun { lane: number, said });
        if let Err(e) = thread(format!("stream-{number}"), move || lane.run()) {
            self.analyst.push(Told::Ended(number as usize));
            return Err(e);
        }
        let inlet = Inlet {
            queue,
            seen,
            steps: Steps::resume(&lanes.settings, moment),
            position,
            mark_due: moment.now,
            mark_every: limits.window.saturating_mul(MARK_EVERY),
        };
        if let Some(before) = ordered.lanes.insert(number, inlet) {
            before.queue.close();
        }
        Ok(())
    }

    /// Ends a stream: what is open in it is forgotten here.
    pub fn end(&self, number: u32) {
        if let Some(inlet) = self.doors.ordered().lanes.remove(&number) {
            inlet.queue.close();
        }
    }

    /// Takes a decoded entry of a stream that was begun, and moves the stream's time to its stamp.
    /// Whatever door it came by before, it is recognised.
    ///
    /// # Errors
    /// [`Refused::Closing`]: nothing of it was taken.
    pub fn submit_of(
        &self,
        number: u32,
        room: Room,
        (batch, rejections): (Batch, Rejections),
        name: Name,
        (position, stamp): (EntryPlace, Timestamp),
    ) -> Result<Verdict, Refused> {
        let mut ordered = self.doors.ordered();
        let Ordered { intake, lanes, gate, .. } = &mut *ordered;
        let Some(inlet) = lanes.get_mut(&number).filter(|_| *gate != Gate::Closed) else {
            return Err(Refused::Closing);
        };
        inlet.tick(intake.catalog(), stamp);
        let arrival = inlet.steps.moment().now;
        inlet.position = position;
        let verdict = name.judge(&mut inlet.seen, stamp);
        let work = match verdict {
            Verdict::Fresh => intake.work_of(number, batch, &rejections, arrival),
            Verdict::Duplicate => intake.passed_over_of(number, &batch, &rejections, arrival, None),
            Verdict::Stale => {
                let stale = Some(Reason::StaleSequence);
                intake.passed_over_of(number, &batch, &rejections, arrival, stale)
            }
        };
        let news = !work.news.is_empty();
        let arrived = Arc::new(Arrived { work, _room: room.0 });
        for (lane, inlet) in lanes.iter() {
            if news || *lane == number {
                inlet.queue.push(Job::Work(Arc::clone(&arrived)));
            }
        }
        Ok(verdict)
    }

    /// A stream has come to `stamp`: nothing that arrived before it is still to come.
    pub fn tick_of(&self, number: u32, stamp: Timestamp) {
        let mut ordered = self.doors.ordered();
        let Ordered { intake, lanes, .. } = &mut *ordered;
        let Some(inlet) = lanes.get_mut(&number) else { return };
        // What doors refused goes along with some stream, also where nothing comes in it.
        if inlet.tick(intake.catalog(), stamp)
            && intake.pending() != Tally::default()
            && let Some(room) = Budget::reserve(&self.budget, 0)
        {
            let at = inlet.steps.moment().now;
            let work = intake.work_of(number, Batch::default(), &Rejections::default(), at);
            inlet.queue.push(Job::Work(Arc::new(Arrived { work, _room: room })));
        }
    }

    /// Counts what was refused of a request of which nothing goes into a stream.
    pub fn count_refused(&self, refused: &Rejections) {
        self.doors.ordered().intake.refuse_items(refused);
    }
}
