//! The one place before the split: names are interned, spans dealt, log time told in steps.
//!
//! What a shard does with its part is the aggregator's business.

use super::Settings;
use crate::aggregate::{Clock, Dealt, STEP, Work};
use crate::catalog::{Captured, Catalog, Interner, Stored};
use crate::memo::Seed;
use crate::shed::Step;
use longpole_model::signal::{Batch, Reason, Rejections, Tally, Timestamp};
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

/// Requests in log order to what the shards take.
#[derive(Debug)]
pub struct Intake {
    shards: u32,
    interner: Interner,
    clock: Clock,
    now: Timestamp,
    /// Counters of requests that could not be read, until the next work takes them along.
    refused: Option<Box<Tally>>,
    /// RED rows told to the shards.
    told: usize,
    /// The last step told.
    step: u64,
    /// Windows that end before or here have been closed.
    closed: Timestamp,
    /// What is given up of requests from now on.
    shedding: Step,
}

impl Intake {
    /// An intake that has seen nothing.
    pub fn new(settings: &Settings) -> Self {
        Self {
            shards: settings.shards.max(1),
            interner: Interner::new(settings.limits.clone(), Seed(settings.seed)),
            clock: Clock::new(&settings.limits, settings.origin),
            now: Timestamp(0),
            refused: None,
            told: 0,
            step: 0,
            closed: Timestamp(0),
            shedding: Step::default(),
        }
    }

    /// Gives up less or more of what comes from now on.
    pub fn shed(&mut self, step: Step) {
        self.shedding = step;
    }

    /// Where it stands in the log: names and time. Counters of unreadable requests are not in it.
    pub fn capture(&self) -> (Captured, Moment) {
        let moment = Moment { now: self.now, step: self.step, closed: self.closed };
        (self.interner.capture(), moment)
    }

    /// An intake that goes on from there.
    pub fn resume(settings: &Settings, names: Stored, moment: Moment) -> Self {
        let mut intake = Self::new(settings);
        let seed = Seed(settings.seed);
        intake.interner = Interner::resume(settings.limits.clone(), seed, names);
        intake.told = intake.interner.catalog().red_since(0).len();
        (intake.now, intake.step, intake.closed) = (moment.now, moment.step, moment.closed);
        intake.clock.advance(Timestamp(moment.step * STEP));
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
        let arrival = match (stamp, batch.latest()) {
            (Some(stamp), _) => self.now.max(stamp),
            (None, Some(latest)) => self.now.max(latest),
            (None, None) => self.now,
        };
        let mapped = self.interner.map(&batch, arrival);
        let news = self.interner.catalog().red_since(self.told).to_vec();
        self.told += news.len();
        let mut mended = self.refused.take();
        if *rejections != Rejections::default() {
            count(mended.get_or_insert_default(), rejections);
        }
        let first = (batch.spans.first(), mapped.series.first());
        let counts = match first {
            (Some(span), _) => span.trace.hash().shard(self.shards),
            (None, Some(series)) => series.id.0 % self.shards,
            (None, None) => 0,
        };
        Work { batch, mapped, news, dealt, mended, counts, arrival, step: self.shedding }
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
        let mut mended = self.refused.take().unwrap_or_default();
        count(&mut mended, rejections);
        let items = [batch.spans.len() as u64, batch.points.len() as u64];
        for (fate, n) in [&mut mended.spans, &mut mended.points].into_iter().zip(items) {
            fate.received += n;
            match reason {
                None => fate.duplicate += n,
                Some(reason) => fate.rejected.add(reason, n),
            }
        }
        Work { mended: Some(mended), arrival: self.now.max(stamp), ..Work::default() }
    }

    /// Moves log time; tells when it has come into another step.
    pub fn tick(&mut self, stamp: Timestamp) -> Option<Tick> {
        self.now = self.now.max(stamp);
        let step = self.now.0 / STEP;
        if step <= self.step {
            return None;
        }
        self.step = step;
        let at = Timestamp(step * STEP);
        self.clock.advance(at);
        let until = self.clock.oldest_open().start;
        let closes = until > self.closed;
        self.closed = self.closed.max(until);
        Some(Tick { at, catalog: closes.then(|| Arc::clone(self.catalog())) })
    }
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
