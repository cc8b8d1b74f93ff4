//! One shard: records spans and points, visits partitions, closes windows.
//!
//! Single owner, no lock, nothing shared: what it needs of the catalog it has a copy of. Time comes to
//! it in steps of five milliseconds, so that what it does depends on the log alone, not on how often
//! it is called. Which span goes to which shard is decided by its caller; what becomes of one is
//! [`record`]'s.

mod held;
mod record;

pub use held::Held;

use super::cells::Shelf;
use super::clock::Clock;
use super::codes::Ranks;
use super::group::Scratch;
use super::partition::Partition;
use super::segment::Evaluator;
use super::series::{SeriesTable, Shown};
use super::tables::{OpenWindow, RedTable, Sizes};
use super::windows::{Ahead, Sink, Windows};
use super::work::Work;
use crate::catalog::RedRow;
use crate::hash::IdHash;
use crate::limits::Limits;
use crate::shed::Typical;
use longpole_model::signal::{
    AttributeKey, Counters, Given, PARTITIONS, QUERY_PLAN, RedCounters, SeriesId, Tally, Timestamp,
    WindowSummary,
};
use std::collections::HashSet;

/// Log time moves in steps of this many nanoseconds; one partition is visited in each: all of them
/// within 2.56 s.
pub const STEP: u64 = 5_000_000;

/// What a shard says when time has passed the end of a window.
#[derive(Debug)]
pub struct Closed {
    /// It has nothing more to say of windows that end before or here.
    pub until: Timestamp,
    /// Windows in which it saw something, oldest first.
    pub summaries: Vec<WindowSummary>,
}

/// One shard of the traces and series.
#[derive(Debug)]
pub struct Aggregator {
    limits: Limits,
    shard: u32,
    shards: u32,
    clock: Clock,
    /// The catalog's RED rows, by id.
    names: Vec<RedRow>,
    /// Their order, as of the last window that was closed.
    ranks: Ranks,
    /// Open spans that one partition of this shard may hold.
    budget: usize,
    partitions: Vec<Partition>,
    shelf: Shelf,
    scratch: Scratch,
    open: usize,
    windows: Windows,
    ahead: Ahead,
    late: RedTable,
    series: SeriesTable,
    evaluator: Evaluator,
    tally: Tally,
    given: Given,
    /// What is typical of operations, by RED id, as far as it was asked.
    typical: Vec<Typical>,
    /// Traces of the request under way that are worth more than others.
    precious: HashSet<u64, IdHash>,
    /// Partitions that keep less than all.
    thinned: usize,
    /// The last step that was taken.
    step: u64,
    /// Everything that ends before or here has been closed.
    closed: Timestamp,
    /// Windows that end before or here were told in an earlier life: what is read of them again has been
    /// counted.
    told: Timestamp,
}

impl Aggregator {
    /// Number `shard` of `shards`. One cell of the window grid starts at `origin`.
    pub fn new(limits: &Limits, origin: Timestamp, shard: u32, shards: u32) -> Self {
        Self {
            shard,
            shards,
            clock: Clock::new(limits, origin),
            names: Vec::new(),
            ranks: Ranks::default(),
            budget: limits.open_spans / PARTITIONS / shards.max(1) as usize,
            partitions: (0..PARTITIONS).map(|_| Partition::default()).collect(),
            shelf: Shelf::default(),
            scratch: Scratch::default(),
            open: 0,
            windows: Windows::new(limits.rows_per_window),
            ahead: Ahead::default(),
            late: RedTable::default(),
            series: SeriesTable::default(),
            evaluator: Evaluator::default(),
            tally: Tally::default(),
            given: Given::default(),
            typical: Vec::new(),
            precious: HashSet::default(),
            thinned: 0,
            step: 0,
            closed: Timestamp(0),
            told: Timestamp(0),
            limits: limits.clone(),
        }
    }

    /// Goes on from a place of the log behind which nothing is open that counts in a window after `told`:
    /// the catalog's rows, the last step of log time, up to where windows had been closed, and what its
    /// series ([`Self::owns`]) had shown there.
    pub fn resume<'a>(
        &mut self,
        rows: &[RedRow],
        (step, closed): (u64, Timestamp),
        shown: impl Iterator<Item = &'a Shown>,
        told: Timestamp,
    ) {
        (self.names, self.ranks) = (rows.to_vec(), Ranks::default());
        (self.step, self.closed, self.told) = (step, closed, told);
        self.clock.advance(Timestamp(step * STEP));
        self.series = SeriesTable::resume(shown);
    }

    /// Whether this shard takes the points of a series, where requests are dealt to several: a series has
    /// one owner, so that its points are taken in log order.
    pub fn owns(&self, series: SeriesId) -> bool {
        series.0 % self.shards.max(1) == self.shard
    }

    /// What its series have shown so far, by id.
    pub fn shown(&self) -> Vec<Shown> {
        self.series.capture()
    }

    /// Takes its part of a request: RED at once, the rest when a trace is settled.
    pub fn take(&mut self, work: &Work) {
        self.names.extend_from_slice(&work.news);
        if work.counts == self.shard {
            self.tally.spans.received += work.batch.spans.len() as u64;
            self.tally.points.received += work.batch.points.len() as u64;
            work.mended.iter().for_each(|mended| self.tally.merge(mended));
        } else if work.alone {
            return;
        }
        if self.step == 0 {
            self.step = work.arrival.0 / STEP;
        }
        self.touch(work);
        self.prize(work);
        let Work { batch, mapped, arrival, .. } = work;
        let mut attributes = batch.attributes.iter().peekable();
        let mut contents = batch.contents.iter().peekable();
        for place in work.dealt.of(self.shard, batch.spans.len()) {
            let i = work.dealt.span(place);
            let Some(span) = batch.spans.get(i) else { continue };
            let Some(&(red, overflow)) = mapped.operations.get(span.operation as usize) else {
                continue;
            };
            self.tally.overflow_spans += u64::from(overflow);
            while contents.next_if(|c| (c.span as usize) < i).is_some() {}
            let content = contents.next_if(|c| c.span as usize == i);
            let query = content.map_or(0, |c| c.query);
            let window = self.record(span, red, query, *arrival, work.step);
            if let (Some(window), Some(amount)) = (window, content.map(|c| c.amount)) {
                self.payload(window, red, amount, u64::from(span.weight.0));
            }
            while attributes.next_if(|a| (a.span as usize) < i).is_some() {}
            while let Some(a) = attributes.next_if(|a| a.span as usize == i) {
                let weight = u64::from(span.weight.0);
                let (Some(window), Some(text)) = (window, batch.texts.get(a.text as usize)) else {
                    continue;
                };
                match a.key {
                    AttributeKey::ErrorType => self.fault(window, red, text, weight),
                    // Seldom: a plan is asked for once in a while.
                    AttributeKey::QueryPlan => {
                        self.fault(window, red, &[QUERY_PLAN, text].concat(), weight);
                    }
                    AttributeKey::CodeFunction | AttributeKey::CodeFile => {}
                }
            }
        }
        for point in &batch.points {
            let known = mapped.series.get(point.series as usize);
            let row = batch.series.get(point.series as usize);
            let (Some(&series), Some(row)) = (known, row) else { continue };
            if work.alone || self.owns(series.id) {
                let seen = |table: &mut SeriesTable| {
                    table.take(point, series, row.temporality, &batch.histograms)
                };
                self.point(point, series, *arrival, seen);
            }
        }
    }

    /// Moves log time forward, step by step: closes the windows behind the watermark and visits the
    /// partition whose turn it is.
    pub fn advance(&mut self, to: Timestamp) -> Option<Closed> {
        let target = to.0 / STEP;
        let (before, mut summaries) = (self.closed, Vec::new());
        while self.step < target {
            // With nothing open there is nothing to visit on the way.
            self.step = if self.open == 0 { target } else { self.step + 1 };
            self.clock.advance(Timestamp(self.step * STEP));
            self.close(&mut summaries);
            self.visit((self.step % PARTITIONS as u64) as usize, false);
        }
        (self.closed > before).then_some(Closed { until: self.closed, summaries })
    }

    /// The end of a recording: every trace is evaluated as it stands and every window closed.
    pub fn finish(&mut self) -> Closed {
        for partition in 0..PARTITIONS {
            self.visit(partition, true);
        }
        let mut summaries = Vec::new();
        self.close_before(Timestamp(u64::MAX), &mut summaries);
        Closed { until: Timestamp(u64::MAX), summaries }
    }

    fn visit(&mut self, partition: usize, flush: bool) {
        let Some(p) = self.partitions.get_mut(partition) else { return };
        let ahead = &mut self.ahead;
        let mut sink = Sink { windows: &mut self.windows, clock: &self.clock, ahead };
        let (evaluator, tally, names) = (&mut self.evaluator, &mut self.tally, &self.names);
        let times = (self.limits.settle, self.limits.horizon);
        let (before, was) = (p.len(), p.is_thinned());
        let room = (&mut self.scratch, &mut self.shelf);
        p.visit(self.clock.now(), times, self.budget, flush, room, |trace| {
            evaluator.evaluate(trace, names, tally, &mut sink);
        });
        sink.write();
        self.open -= before - p.len();
        self.shelf.trim(self.open);
        self.thinned -= usize::from(was) - usize::from(p.is_thinned());
    }

    fn close(&mut self, summaries: &mut Vec<WindowSummary>) {
        let until = self.clock.oldest_open().start;
        if until <= self.closed {
            return;
        }
        let first = self.clock.window_of(self.closed);
        let known = self.closed > Timestamp(0);
        let silent = self.windows.first().is_none_or(|w| w.start > first.start);
        if known && silent && self.tally != Tally::default() {
            // Counters do not wait for a window with spans in it.
            summaries.push(self.summary(OpenWindow::new(first, Sizes::default())));
        }
        self.close_before(until, summaries);
        self.closed = until;
    }

    fn close_before(&mut self, until: Timestamp, summaries: &mut Vec<WindowSummary>) {
        while let Some(window) = self.windows.take_before(until) {
            let summary = self.summary(window);
            summaries.push(summary);
        }
    }

    fn summary(&mut self, window: OpenWindow) -> WindowSummary {
        let mut tally = std::mem::take(&mut self.tally);
        tally.overflow_rows += std::mem::take(&mut self.windows.overflow_rows);
        self.ranks.follow(&self.names);
        window.close(std::mem::take(&mut self.late), tally, &self.ranks)
    }

    /// What is not closed yet of what totals are made of: RED of all open windows and of late spans, what
    /// the service graph is drawn from, and the counters so far. What was told in an earlier life and is read
    /// again is left out: it is in the totals of that life.
    pub fn peek(&self) -> Counters {
        let mut out = Counters { tally: self.pending(), ..Counters::default() };
        let open = || self.windows.iter().filter(|w| w.window.end > self.told);
        open().for_each(|w| w.count_graph(&mut out));
        let late = (!self.is_counted()).then_some(&self.late);
        let tables = || open().map(|w| &w.red).chain(late);
        out.red = Vec::with_capacity(tables().map(RedTable::len).max().unwrap_or_default());
        let mut places = vec![0; self.names.len()];
        for (i, (name, place)) in self.names.iter().zip(&mut places).enumerate() {
            *place = out.red.len();
            if tables().any(|t| t.has(i)) {
                out.red.push((name.key, RedCounters::default()));
            }
        }
        // Rows as they lie, which are most of what is read.
        for table in tables() {
            table.each(|i, row| {
                let place = places.get(i).copied();
                if let Some((_, counters)) = place.and_then(|place| out.red.get_mut(place)) {
                    counters.add(row);
                }
            });
        }
        out
    }

    /// Counters that no closed window carries yet.
    pub fn pending(&self) -> Tally {
        if self.is_counted() { Tally::default() } else { self.counters() }
    }

    /// Whether the window that closes next, which takes counters and late spans along, was told in an
    /// earlier life.
    fn is_counted(&self) -> bool {
        let next = (self.closed > Timestamp(0)).then(|| self.clock.window_of(self.closed));
        let next = self.windows.first().into_iter().chain(next).map(|w| w.end).min();
        next.is_some_and(|end| end <= self.told)
    }

    /// What it has given up under pressure or for want of room.
    pub fn given(&self) -> Given {
        self.given
    }

    /// Open spans held now.
    pub fn open_spans(&self) -> usize {
        self.open
    }
}
