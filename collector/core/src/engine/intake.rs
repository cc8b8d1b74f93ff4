//! From batches to closed windows: interning, dealing to shards, log time, visits, closing.
//!
//! What a closed window means is the analyst's business.

use crate::aggregate::{Aggregator, Clock};
use crate::catalog::Catalog;
use crate::limits::Limits;
use longpole_model::signal::{
    AttributeKey, Batch, PARTITIONS, Reason, Rejections, Tally, Timestamp, Window, WindowSummary,
};

/// How an engine is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Caps and times.
    pub limits: Limits,
    /// Aggregators that share the traces.
    pub shards: u32,
    /// A window begins here; the grid follows from it.
    pub origin: Timestamp,
}

impl Default for Settings {
    fn default() -> Self {
        Self { limits: Limits::default(), shards: 1, origin: Timestamp(0) }
    }
}

/// A partition is visited when log time passes its 10 ms slot: all of them within 2.56 s.
const VISIT_EVERY: u64 = 10_000_000;

/// Everything between the doors and the closed windows of one process.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    catalog: Catalog,
    clock: Clock,
    shards: Vec<Aggregator>,
    /// Counters of what never reached a shard.
    tally: Tally,
    /// The last 10 ms slot whose partition was visited.
    visited: u64,
    /// Start of the earliest window that may still be closed.
    next_window: Timestamp,
}

impl Engine {
    /// An engine that has seen nothing.
    pub fn new(settings: Settings) -> Self {
        let shards = settings.shards.max(1);
        Self {
            catalog: Catalog::new(settings.limits.clone()),
            clock: Clock::new(&settings.limits, settings.origin),
            shards: (0..shards).map(|_| Aggregator::new(&settings.limits, shards)).collect(),
            tally: Tally::default(),
            visited: 0,
            next_window: Timestamp(0),
            settings,
        }
    }

    /// The dictionary behind the ids of its summaries.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Counters that no closed window carries: of requests and batches that opened none.
    pub fn pending_tally(&self) -> &Tally {
        &self.tally
    }

    /// What is not closed yet of what totals are made of: totals = closed + open, so that no counter
    /// waits for its window and none goes back when it closes.
    pub fn open_totals(&self) -> WindowSummary {
        let mut out = WindowSummary::default();
        for shard in &self.shards {
            out.merge(&shard.peek(&self.catalog));
        }
        out.tally.merge(&self.tally);
        out
    }

    /// Spans held open until their traces are settled.
    pub fn open_spans(&self) -> usize {
        self.shards.iter().map(Aggregator::open_spans).sum()
    }

    /// Log time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Counts a request that could not be read at all.
    pub fn refuse(&mut self, reason: Reason) {
        self.tally.requests.add(reason, 1);
    }

    /// Takes a decoded request. With a `stamp` (a log's) time moves there first; without one (a
    /// recording) time is the greatest end so far and moves after the whole message. Gives back the
    /// windows that closed.
    pub fn ingest(
        &mut self,
        batch: &Batch,
        rejections: &Rejections,
        stamp: Option<Timestamp>,
    ) -> Vec<WindowSummary> {
        let mut closed = match stamp {
            Some(stamp) => self.advance(stamp),
            None => Vec::new(),
        };
        self.count(batch, rejections);
        let arrival = match (stamp, batch.latest()) {
            (None, Some(latest)) => self.clock.now().max(latest),
            _ => self.clock.now(),
        };
        let mapped = self.catalog.map(batch, arrival);
        let shards = self.shards.len() as u32;
        let mut attributes = batch.attributes.iter().peekable();
        for (i, span) in batch.spans.iter().enumerate() {
            while attributes.next_if(|a| (a.span as usize) < i).is_some() {}
            let own = attributes.clone().take_while(|a| a.span as usize == i);
            let errors = own
                .filter(|a| a.key == AttributeKey::ErrorType)
                .filter_map(|a| batch.texts.get(a.text as usize).map(String::as_str));
            let Some(&red) = mapped.operations.get(span.operation as usize) else { continue };
            let shard = span.trace.hash().shard(shards) as usize;
            self.shards[shard].record(span, red, errors, &self.catalog, &self.clock, arrival);
        }
        for point in &batch.points {
            let known = mapped.series.get(point.series as usize);
            let row = batch.series.get(point.series as usize);
            let (Some(&series), Some(row)) = (known, row) else { continue };
            // A series has one owner, so that its points are taken in log order.
            let shard = (series.id.0 % shards) as usize;
            let (temporality, histograms) = (row.temporality, &batch.histograms);
            self.shards[shard].point(point, series, temporality, histograms, &self.clock, arrival);
        }
        if stamp.is_none() {
            closed.extend(self.advance(arrival));
        }
        closed
    }

    fn count(&mut self, batch: &Batch, rejections: &Rejections) {
        let t = &mut self.tally;
        t.spans.received += batch.spans.len() as u64 + rejections.spans.total();
        t.spans.rejected.merge(&rejections.spans);
        t.points.received +=
            batch.points.len() as u64 + rejections.points.total() + rejections.not_finite;
        t.points.rejected.merge(&rejections.points);
        t.points.dropped += rejections.not_finite;
        t.not_finite += rejections.not_finite;
        t.replaced_text += rejections.replaced_text;
        t.truncated += rejections.truncated;
        t.logs += rejections.logs;
    }

    /// Moves log time forward: visits the partitions whose turn has come, then closes the windows
    /// behind the watermark, oldest first.
    pub fn advance(&mut self, stamp: Timestamp) -> Vec<WindowSummary> {
        self.clock.advance(stamp);
        let slot = self.clock.now().0 / VISIT_EVERY;
        let due = slot.saturating_sub(self.visited).min(PARTITIONS as u64);
        for s in slot + 1 - due..=slot {
            self.visit((s % PARTITIONS as u64) as usize, false);
        }
        self.visited = slot;
        self.close_until(self.clock.watermark())
    }

    /// The end of a recording: every trace is evaluated as it stands and every window closed.
    pub fn finish(&mut self) -> Vec<WindowSummary> {
        for partition in 0..PARTITIONS {
            self.visit(partition, true);
        }
        self.close_until(Timestamp(u64::MAX))
    }

    fn visit(&mut self, partition: usize, flush: bool) {
        for shard in &mut self.shards {
            shard.visit(partition, &self.catalog, &self.clock, flush);
        }
    }

    /// Closes windows that end at or before `until`. Stretches in which no shard saw anything are
    /// stepped over: they close as one empty window at most.
    fn close_until(&mut self, until: Timestamp) -> Vec<WindowSummary> {
        let mut closed = Vec::new();
        while let Some(first) = self.shards.iter().filter_map(Aggregator::first_open).min() {
            // Between two windows with data, empty ones say "nothing came"; after a long silence
            // the count of them is capped.
            let gap = self.clock.window_of(self.next_window);
            let silent = first.start.since(gap.start) / self.settings.limits.window.max(1);
            let window = if self.next_window.0 > 0 && (1..=MAX_SILENT).contains(&silent) {
                gap
            } else {
                first
            };
            if window.end > until {
                break;
            }
            closed.push(self.close(window));
        }
        closed
    }

    fn close(&mut self, window: Window) -> WindowSummary {
        let mut merged = WindowSummary::empty(window);
        for shard in &mut self.shards {
            merged.merge(&shard.close(window, &self.catalog));
        }
        merged.tally.merge(&std::mem::take(&mut self.tally));
        self.next_window = window.end;
        merged
    }
}

/// Empty windows closed in a row before silence is stepped over.
const MAX_SILENT: u64 = 360;
