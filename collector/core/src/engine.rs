//! The sentence itself: record, close, observe. The only place that names all of the verbs.
//!
//! The engine is pure: the log's stamps are its only time, and the same log gives the same bytes
//! whatever the number of shards. It reads no file and renders nothing. [`Engine`] runs all shards
//! in its caller's thread; a live collector takes the same parts ([`Intake`], the aggregators,
//! [`Align`]) to threads of their own.

mod align;
pub mod analyst;
pub mod conclude;
pub mod diagnose;
pub mod history;
mod intake;
pub mod investigations;
pub mod regressions;
mod resume;
pub mod snapshot;
pub mod totals;

pub use align::{Align, Told};
pub use intake::{Intake, Moment, Steps, Tick};
pub use resume::{Mark, reach};

use crate::aggregate::{Aggregator, Closed, Dealt};
use crate::catalog::Catalog;
use crate::limits::Limits;
use crate::shed::Step;
use longpole_model::signal::{Batch, Given, Reason, Rejections, Tally, Timestamp, WindowSummary};
use totals::Gross;

/// How an engine is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Caps and times.
    pub limits: Limits,
    /// Aggregators that share the traces.
    pub shards: u32,
    /// A window begins here; the grid follows from it.
    pub origin: Timestamp,
    /// Seed of look-up tables: secret where strangers choose names. Shows in no output.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { limits: Limits::default(), shards: 1, origin: Timestamp(0), seed: 0 }
    }
}

impl Settings {
    /// The aggregators, one for each shard.
    pub fn aggregators(&self) -> Vec<Aggregator> {
        let shards = self.shards.max(1);
        let one = |shard| Aggregator::new(&self.limits, self.origin, shard, shards);
        (0..shards).map(one).collect()
    }
}

/// Everything between the doors and the closed windows, in one thread.
#[derive(Debug)]
pub struct Engine {
    intake: Intake,
    shards: Vec<Aggregator>,
    align: Align,
}

impl Engine {
    /// An engine that has seen nothing.
    pub fn new(settings: Settings) -> Self {
        Self {
            intake: Intake::new(&settings),
            shards: settings.aggregators(),
            align: Align::new(&settings),
        }
    }

    /// The dictionary behind the ids of its summaries.
    pub fn catalog(&self) -> &Catalog {
        self.intake.catalog()
    }

    /// Counters that no closed window carries.
    pub fn pending_tally(&self) -> Tally {
        let mut tally = self.intake.pending();
        self.shards.iter().for_each(|s| tally.merge(&s.pending()));
        tally
    }

    /// What totals hold beside the windows told: counters of what is open.
    pub fn open(&self) -> Gross {
        let mut open = Gross::new(self.intake.pending());
        self.shards.iter().for_each(|s| open.merge(&s.peek()));
        self.align.pending().for_each(|part| open.add(part));
        open
    }

    /// Counts a request that could not be read at all.
    pub fn refuse(&mut self, reason: Reason) {
        self.intake.refuse(reason);
    }

    /// Takes a decoded request. With a `stamp` (a log's) time moves there first; without one (a
    /// recording) time is the greatest end so far and moves after the whole message. Gives back the
    /// windows that closed.
    pub fn ingest(
        &mut self,
        batch: Batch,
        rejections: &Rejections,
        stamp: Option<Timestamp>,
    ) -> Vec<WindowSummary> {
        let mut closed = stamp.map(|stamp| self.advance(stamp)).unwrap_or_default();
        let dealt = Dealt::new(&batch.spans, self.shards.len() as u32);
        let work = self.intake.work(batch, dealt, rejections, stamp);
        self.shards.iter_mut().for_each(|s| s.take(&work));
        if stamp.is_none() {
            closed.extend(self.advance(work.arrival));
        }
        closed
    }

    /// Gives up less or more of what comes from now on.
    pub fn shed(&mut self, step: Step) {
        self.intake.shed(step);
    }

    /// What was given up, of all shards.
    pub fn given(&self) -> Given {
        let mut given = Given::default();
        self.shards.iter().for_each(|s| given.add(s.given()));
        given
    }

    /// Takes a request of which nothing is recorded: it has been here (`reason` is `None`), or is refused
    /// as a whole. Time moves to its stamp all the same.
    pub fn pass_over(
        &mut self,
        batch: &Batch,
        rejections: &Rejections,
        stamp: Timestamp,
        reason: Option<Reason>,
    ) -> Vec<WindowSummary> {
        let closed = self.advance(stamp);
        let work = self.intake.passed_over(batch, rejections, stamp, reason);
        self.shards.iter_mut().for_each(|s| s.take(&work));
        closed
    }

    /// Moves log time forward; gives back the windows that closed, oldest first.
    pub fn advance(&mut self, stamp: Timestamp) -> Vec<WindowSummary> {
        let Some(tick) = self.intake.tick(stamp) else { return Vec::new() };
        self.each(|shard| shard.advance(tick.at))
    }

    /// The end of a recording: every trace is evaluated as it stands and every window closed.
    pub fn finish(&mut self) -> Vec<WindowSummary> {
        self.each(|shard| Some(shard.finish()))
    }

    fn each(&mut self, mut f: impl FnMut(&mut Aggregator) -> Option<Closed>) -> Vec<WindowSummary> {
        let mut done = Vec::new();
        for (i, shard) in self.shards.iter_mut().enumerate() {
            if let Some(closed) = f(shard) {
                done.extend(self.align.take(i, closed));
            }
        }
        done
    }
}
