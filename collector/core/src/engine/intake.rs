//! The one place before the split: names are interned, spans dealt, log time told in steps.
//!
//! What a shard does with its part is the aggregator's business.

use super::Settings;
use crate::aggregate::{Clock, Dealt, Last, STEP, Shown, Work};
use crate::catalog::{Captured, Catalog, Interner, Stored};
use crate::memo::Seed;
use crate::shed::Step;
use longpole_model::signal::{Batch, Reason, Rejections, SeriesIdentity, Tally, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Log time has moved into another step: every shard is told, between two requests.
#[derive(Clone, Debug)]
pub struct Tick {
    /// Where the step begins.
    pub at: Timestamp,
    /// The names as of here, where a window closes: it is judged by these.
    pub catalog: Option<Arc<Catalog>>,
}

/// Log time at one place of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The greatest stamp before it.
    pub now: Timestamp,
    /// The last step of log time told.
    pub step: u64,
    /// Windows that end before or here had been closed.
    pub closed: Timestamp,
}

/// How far one log has come, in the steps that are told to who reads it.
#[derive(Debug)]
pub struct Steps {
    clock: Clock,
    at: Moment,
}

impl Steps {
    /// A log of which nothing has been read.
    pub fn new(settings: &Settings) -> Self {
        let clock = Clock::new(&settings.limits, settings.origin);
        Self { clock, at: Moment::default() }
    }

    /// A log that is read on from there.
    pub fn resume(settings: &Settings, at: Moment) -> Self {
        let mut steps = Self { at, ..Self::new(settings) };
        steps.clock.advance(Timestamp(at.step * STEP));
        steps
    }

    /// Where it is.
    pub fn moment(&self) -> Moment {
        self.at
    }

    /// Moves to a stamp, never back. Tells the step where it has come into another one, and whether a
    /// window closes there.
    pub fn tick(&mut self, stamp: Timestamp) -> Option<(Timestamp, bool)> {
        self.at.now = self.at.now.max(stamp);
        let step = self.at.now.0 / STEP;
        if step <= self.at.step {
            return None;
        }
        self.at.step = step;
        let at = Timestamp(step * STEP);
        self.clock.advance(at);
        let until = self.clock.oldest_open().start;
        let closes = until > self.at.closed;
        self.at.closed = self.at.closed.max(until);
        Some((at, closes))
    }
}

/// Requests in log order to what the shards take.
#[derive(Debug)]
pub struct Intake {
    shards: u32,
    interner: Interner,
    steps: Steps,
    /// Counters of requests that could not be read, until the next work takes them along.
    refused: Option<Box<Tally>>,
    /// RED rows told to the shards.
    told: usize,
    /// What is given up of requests from now on.
    shedding: Step,
}

impl Intake {
    /// An intake that has seen nothing.
    pub fn new(settings: &Settings) -> Self {
        Self {
            shards: settings.shards.max(1),
            interner: Interner::new(settings.limits.clone(), Seed(settings.seed)),
            steps: Steps::new(settings),
            refused: None,
            told: 0,
            shedding: Step::default(),
        }
    }

    /// What series had shown elsewhere, by the ids that they have here.
    pub fn recall(&mut self, shown: Vec<(SeriesIdentity, Last)>) -> Vec<Shown> {
        let known = |(s, last): (SeriesIdentity, Last)| Some((self.interner.series(&s)?, last));
        shown.into_iter().filter_map(known).collect()
    }

    /// Gives up less or more of what comes from now on.
    pub fn shed(&mut self, step: Step) {
        self.shedding = step;
    }

    /// Where it stands in the log: names and time. Counters of unreadable requests are not in it.
    pub fn capture(&self) -> (Captured, Moment) {
        (self.interner.capture(), self.steps.moment())
    }

    /// An intake that goes on from there.
    pub fn resume(settings: &Settings, names: Stored, moment: Moment) -> Self {
        let mut intake = Self::new(settings);
        let seed = Seed(settings.seed);
        intake.interner = Interner::resume(settings.limits.clone(), seed, names);
        intake.told = intake.interner.catalog().red_since(0).len();
        intake.steps = Steps::resume(settings, moment);
        intake
    }

    /// The dictionary behind the ids given out so far.
    pub fn catalog(&self) -> &Arc<Catalog> {
        self.interner.catalog()
    }

    /// Counters that no work has taken along yet.
    pub fn pending(&self) -> Tally {
        self.refused.as_deref().cloned().unwrap_or_default()
    }

    /// Counts a request that could not be read at all.
    pub fn refuse(&mut self, reason: Reason) {
        self.refused.get_or_insert_default().requests.add(reason, 1);
    }

    /// Prepares a request. With a `stamp` (a log's), time has been moved there before ([`Self::tick`]);
    /// without one (a recording), it arrives at the greatest end so far and moves time afterwards.
    /// `dealt` is [`Dealt::new`] of its spans, made outside where many wait for this.
    pub fn work(
        &mut self,
        batch: Batch,
        dealt: Dealt,
        rejections: &Rejections,
        stamp: Option<Timestamp>,
    ) -> Work {
        let now = self.steps.moment().now;
        let arrival = match (stamp, batch.latest()) {
            (Some(stamp), _) => now.max(stamp),
            (None, Some(latest)) => now.max(latest),
            (None, None) => now,
        };
        let refused = self.refused.take();
        let mut work = self.prepare(batch, rejections, arrival, refused);
        work.counts = match (work.batch.spans.first(), work.mapped.series.first()) {
            (Some(span), _) => span.trace.hash().shard(self.shards),
            (None, Some(series)) => series.id.0 % self.shards,
            (None, None) => 0,
        };
        work.dealt = dealt;
        work
    }

    /// Prepares a request of a log of its own, that one shard reads alone; it arrived at `arrival` there.
    pub fn work_of(
        &mut self,
        lane: u32,
        batch: Batch,
        rejections: &Rejections,
        arrival: Timestamp,
    ) -> Work {
        let refused = self.refused.take();
        let mut work = self.prepare(batch, rejections, arrival, refused);
        (work.alone, work.counts) = (true, lane);
        work
    }

    fn prepare(
        &mut self,
        batch: Batch,
        rejections: &Rejections,
        arrival: Timestamp,
        mut mended: Option<Box<Tally>>,
    ) -> Work {
        let mapped = self.interner.map(&batch, arrival);
        let news = self.interner.catalog().red_since(self.told).to_vec();
        self.told += news.len();
        if *rejections != Rejections::default() {
            count(mended.get_or_insert_default(), rejections);
        }
        Work { batch, mapped, news, mended, arrival, step: self.shedding, ..Work::default() }
    }

    /// Prepares a request of which nothing is recorded: it has been here (`reason` is `None`), or is refused
    /// as a whole. It counts all the same.
    pub fn passed_over(
        &mut self,
        batch: &Batch,
        rejections: &Rejections,
        stamp: Timestamp,
        reason: Option<Reason>,
    ) -> Work {
        let refused = self.refused.take().unwrap_or_default();
        let arrival = self.steps.moment().now.max(stamp);
        Work {
            mended: Some(passed_over(batch, rejections, reason, refused)),
            arrival,
            ..Work::default()
        }
    }

    /// The same of a log of its own, that one shard reads alone.
    pub fn passed_over_of(
        &mut self,
        lane: u32,
        batch: &Batch,
        rejections: &Rejections,
        arrival: Timestamp,
        reason: Option<Reason>,
    ) -> Work {
        let refused = self.refused.take().unwrap_or_default();
        let mended = passed_over(batch, rejections, reason, refused);
        Work { mended: Some(mended), arrival, counts: lane, alone: true, ..Work::default() }
    }

    /// Counts what was refused of a request of which nothing else is left.
    pub fn refuse_items(&mut self, rejections: &Rejections) {
        count(self.refused.get_or_insert_default(), rejections);
    }

    /// Moves log time; tells when it has come into another step.
    pub fn tick(&mut self, stamp: Timestamp) -> Option<Tick> {
        let (at, closes) = self.steps.tick(stamp)?;
        Some(Tick { at, catalog: closes.then(|| Arc::clone(self.catalog())) })
    }
}

/// What counts of a request that is not recorded, beside `mended`.
fn passed_over(
    batch: &Batch,
    rejections: &Rejections,
    reason: Option<Reason>,
    mut mended: Box<Tally>,
) -> Box<Tally> {
    count(&mut mended, rejections);
    let items = [batch.spans.len() as u64, batch.points.len() as u64];
    for (fate, n) in [&mut mended.spans, &mut mended.points].into_iter().zip(items) {
        fate.received += n;
        match reason {
            None => fate.duplicate += n,
            Some(reason) => fate.rejected.add(reason, n),
        }
    }
    mended
}

fn count(t: &mut Tally, rejections: &Rejections) {
    t.spans.received += rejections.spans.total();
    t.spans.rejected.merge(&rejections.spans);
    t.points.received += rejections.points.total() + rejections.not_finite;
    t.points.rejected.merge(&rejections.points);
    t.points.dropped += rejections.not_finite;
    t.not_finite += rejections.not_finite;
    t.replaced_text += rejections.replaced_text;
    t.truncated += rejections.truncated;
    t.logs += rejections.logs;
}
