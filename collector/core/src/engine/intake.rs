//! The one place before the split: names are interned, spans dealt, log time told in steps.
//!
//! What a shard does with its part is the aggregator's business.

use super::Settings;
use crate::aggregate::{Clock, Dealt, STEP, Work};
use crate::catalog::{Catalog, Interner};
use crate::memo::Seed;
use longpole_model::signal::{Batch, Reason, Rejections, Tally, Timestamp};
use std::sync::Arc;

/// Log time has moved into another step: every shard is told, between two requests.
#[derive(Clone, Debug)]
pub struct Tick {
    /// Where the step begins.
    pub at: Timestamp,
    /// The names as of here, where a window closes: it is judged by these.
    pub catalog: Option<Arc<Catalog>>,
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
        }
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

    /// Counts what never becomes work: items of a request that is set aside as a whole.
    pub fn count(&mut self, set_aside: &Tally) {
        self.refused.get_or_insert_default().merge(set_aside);
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
        Work { batch, mapped, news, dealt, mended, counts, arrival }
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
