//! The road behind the doors in one thread: names, shards, windows put together, each part metered.
//!
//! What closed windows are good for is the caller's business.

use crate::clock;
use crate::traffic::{BASE, Traffic};
use longpole_core::aggregate::{Aggregator, Dealt, STEP};
use longpole_core::catalog::Catalog;
use longpole_core::engine::{Align, Intake, Settings};
use longpole_model::signal::{Batch, Rejections, Timestamp, WindowSummary};
use std::sync::Arc;

/// CPU nanoseconds of the parts.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    /// Spans recorded.
    pub spans: u64,
    /// Names, dealing and recording.
    pub record: u64,
    /// Each step of each shard in which no window closed: the visit of a partition.
    pub visits: Vec<u64>,
    /// Each step of all shards in which a window closed.
    pub closes: Vec<u64>,
    /// Putting the shards' windows together, for each of these steps.
    pub merges: Vec<u64>,
}

impl Meter {
    /// Forgets single steps; sums stay.
    pub fn clear(&mut self) {
        self.visits.clear();
        self.closes.clear();
        self.merges.clear();
    }

    /// Nanoseconds of all visits.
    pub fn visited(&self) -> u64 {
        self.visits.iter().sum()
    }
}

/// Intake, shards and what puts their windows together.
pub struct Road {
    intake: Intake,
    /// The shards.
    pub shards: Vec<Aggregator>,
    align: Align,
    /// The last step that the shards were told.
    step: u64,
}

impl Road {
    /// A road that has seen nothing.
    pub fn new(settings: &Settings) -> Self {
        Self {
            intake: Intake::new(settings),
            shards: settings.aggregators(),
            align: Align::new(settings),
            step: BASE.0 / STEP,
        }
    }

    /// Names as of now.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(self.intake.catalog())
    }

    /// Open spans of all shards.
    pub fn open_spans(&self) -> usize {
        self.shards.iter().map(Aggregator::open_spans).sum()
    }

    /// What some shards have told of windows that are not done.
    pub fn pending(&self) -> impl Iterator<Item = &WindowSummary> {
        self.align.pending()
    }

    /// Moves log time, a step at a time as under steady load; gives back the windows that closed.
    pub fn advance(&mut self, to: Timestamp, meter: &mut Meter) -> Vec<WindowSummary> {
        let mut done = Vec::new();
        while self.step < to.0 / STEP {
            self.step += 1;
            let Some(tick) = self.intake.tick(Timestamp(self.step * STEP)) else { continue };
            let mut said = Vec::new();
            let mut closing = 0;
            for (i, shard) in self.shards.iter_mut().enumerate() {
                let (closed, took) = clock::timed(|| shard.advance(tick.at));
                match closed {
                    Some(closed) => {
                        closing += took;
                        said.push((i, closed));
                    }
                    None => meter.visits.push(took),
                }
            }
            if said.is_empty() {
                continue;
            }
            meter.closes.push(closing);
            let mut merging = 0;
            for (i, closed) in said {
                let (windows, took) = clock::timed(|| self.align.take(i, closed));
                merging += took;
                done.extend(windows);
            }
            meter.merges.push(merging);
        }
        done
    }

    /// Records a request; time has been moved to its arrival before.
    pub fn record(&mut self, at: Timestamp, batch: Batch, meter: &mut Meter) {
        meter.spans += batch.spans.len() as u64;
        let shards = self.shards.len() as u32;
        let ((), took) = clock::timed(|| {
            let dealt = Dealt::new(&batch.spans, shards);
            let work = self.intake.work(batch, dealt, &Rejections::default(), Some(at));
            for (i, shard) in (0u32..).zip(&mut self.shards) {
                if work.concerns(i, shards) {
                    shard.take(&work);
                }
            }
        });
        meter.record += took;
    }

    /// Takes all that comes until `until`; gives back the windows that closed.
    pub fn run(
        &mut self,
        traffic: &mut Traffic,
        until: Timestamp,
        meter: &mut Meter,
    ) -> Vec<WindowSummary> {
        let mut done = Vec::new();
        for (at, batch) in traffic.until(until) {
            done.extend(self.advance(at, meter));
            self.record(at, batch, meter);
        }
        done
    }
}
