//! The thread of one stream that is read alone: owns its aggregator, and says what closes in stored form.
//! Born when the stream becomes ours, it ends when the stream is given up; what it had open then is built
//! again from the stream by whoever has it next. Which entries it is given is [`super::lanes`]'s.

use super::analyst::Told;
use super::pressure::Gauge;
use super::queue::Queue;
use super::shard::{Arrived, Peeked};
use crate::checkpoint::lane::{self, LanePlace};
use crate::wire;
use longpole_core::aggregate::{Aggregator, Closed};
use longpole_core::catalog::Catalog;
use longpole_core::limits::Limits;
use longpole_model::signal::{Timestamp, WindowSummary};
use std::sync::Arc;
use std::time::Duration;

/// What a lane is told, in the order of its stream.
pub enum Job {
    Work(Arc<Arrived>),
    /// Its time has come to a step; with names where a window closes.
    Tick(Timestamp, Option<Arc<Catalog>>),
    /// Tell the analyst what is open: everything that came before this, nothing that comes after.
    Peek(u64),
    /// Say what reading on from here needs.
    Mark(Box<(LanePlace, Arc<Catalog>)>),
}

/// What a lane says.
#[derive(Debug)]
pub enum Spoken {
    /// Windows closed: it has nothing more to say of what ends before or at `until`.
    Closed {
        /// Up to where.
        until: Timestamp,
        /// End and stored form of each window in which it saw something, oldest first.
        windows: Vec<(Timestamp, Vec<u8>)>,
    },
    /// A place from which the stream can be read on.
    Mark {
        /// The stream's time there.
        at: Timestamp,
        /// Its stored form.
        body: Vec<u8>,
    },
}

/// Takes what a lane says: number of its stream, and the token under which it was begun.
pub type OnLane = Arc<dyn Fn(u32, u64, Spoken) + Send + Sync>;

const PATIENCE: Duration = Duration::from_secs(60);

/// All that the thread works with.
pub struct Lane {
    pub number: u32,
    pub token: u64,
    pub limits: Limits,
    pub aggregator: Aggregator,
    /// Windows that end before or here were said by an earlier owner.
    pub said: Timestamp,
    pub queue: Arc<Queue<Job>>,
    pub analyst: Arc<Queue<Told>>,
    pub gauge: Arc<Gauge>,
    pub tell: OnLane,
}

impl Lane {
    /// Works until the queue is closed and empty.
    pub fn run(mut self) {
        let mut jobs = Vec::new();
        let mut lively = false;
        while self.queue.take(&mut jobs, lively, PATIENCE) {
            lively = jobs.iter().any(|j| matches!(j, Job::Work(_)));
            jobs.drain(..).for_each(|job| self.work(job));
            self.gauge.holds(self.number as usize, self.aggregator.open_spans());
        }
        self.gauge.holds(self.number as usize, 0);
        // Shown until it comes from whoever has the stream next: no total goes back.
        let left = self.aggregator.finish().summaries;
        let left = self.fresh(left);
        self.analyst.push(Told::Flown { lane: self.number, windows: left });
        self.analyst.push(Told::Ended(self.number as usize));
    }

    /// What an earlier owner said comes out in part when it is read again.
    fn fresh(&self, windows: Vec<WindowSummary>) -> Vec<WindowSummary> {
        windows.into_iter().filter(|s| s.window.end > self.said).collect()
    }

    fn work(&mut self, job: Job) {
        match job {
            Job::Work(arrived) => self.aggregator.take(&arrived.work),
            Job::Tick(at, catalog) => {
                if let (Some(closed), Some(catalog)) = (self.aggregator.advance(at), catalog) {
                    self.closed(closed, &catalog);
                }
            }
            Job::Mark(place) => self.mark(&place.0, &place.1),
            Job::Peek(question) => {
                let peeked = Box::new(Peeked::of(&self.aggregator, question));
                self.analyst.push(Told::Peeked { shard: self.number as usize, peeked });
            }
        }
    }

    fn closed(&mut self, closed: Closed, catalog: &Catalog) {
        let Closed { until, summaries } = closed;
        let fresh = self.fresh(summaries);
        let stored = |s: &WindowSummary| (s.window.end, wire::pack(s, catalog));
        let windows = fresh.iter().map(stored).collect();
        (self.tell)(self.number, self.token, Spoken::Closed { until, windows });
        self.analyst.push(Told::Flown { lane: self.number, windows: fresh });
    }

    fn mark(&self, place: &LanePlace, catalog: &Catalog) {
        let at = place.moment.now;
        match lane::write(&self.limits, place, &self.aggregator.shown(), catalog) {
            Ok(body) => {
                (self.tell)(self.number, self.token, Spoken::Mark { at, body });
            }
            Err(e) => tracing::error!(stream = self.number, "no place to read on from: {e}"),
        }
    }
}
