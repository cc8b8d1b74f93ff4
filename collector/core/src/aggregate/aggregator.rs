//! One shard: records spans and points, visits partitions, closes windows.
//!
//! Single owner, no lock, no clock. Which span goes to which shard is decided by its caller.

use super::clock::{Clock, Slot};
use super::open::{OpenSpan, Partition};
use super::segment::{Call, Evaluator, Rows};
use super::series::SeriesTable;
use super::tables::{OpenWindow, RedTable};
use crate::catalog::{Catalog, MappedSeries, RedId};
use crate::limits::Limits;
use longpole_model::signal::{
    EdgeKey, EntryKey, EntryValue, Exemplar, HistogramPoint, MetricPoint, PARTITIONS, PathValue,
    RedSummary, SiteKey, SpanRecord, StatusCode, Tally, Temporality, Timestamp, Window,
    WindowSummary,
};

/// The open windows of a shard, by start; few at a time.
#[derive(Debug)]
struct Windows {
    rows_cap: usize,
    open: Vec<OpenWindow>,
    overflow_rows: u64,
}

impl Windows {
    fn at(&mut self, window: Window) -> &mut OpenWindow {
        let i = match self.open.binary_search_by_key(&window.start, |w| w.window.start) {
            Ok(i) => i,
            Err(i) => {
                self.open.insert(i, OpenWindow::new(window));
                i
            }
        };
        &mut self.open[i]
    }
}

/// Sends rows of an evaluated trace to the window of their entry's end, or to the oldest open one.
struct Sink<'a> {
    windows: &'a mut Windows,
    clock: &'a Clock,
}

impl Sink<'_> {
    fn window(&self, end: Timestamp) -> Window {
        let window = self.clock.window_of(end.min(self.clock.now()));
        if self.clock.is_closed(window) { self.clock.oldest_open() } else { window }
    }

    fn count(&mut self, kept: bool) {
        self.windows.overflow_rows += u64::from(!kept);
    }
}

impl Rows for Sink<'_> {
    fn entry(&mut self, end: Timestamp, key: EntryKey, value: EntryValue) {
        let window = self.window(end);
        let cap = self.windows.rows_cap;
        let kept = self.windows.at(window).entry(cap, key, value);
        self.count(kept);
    }

    fn path(&mut self, end: Timestamp, key: EntryKey, site: SiteKey, value: PathValue) {
        let window = self.window(end);
        let cap = self.windows.rows_cap;
        let kept = self.windows.at(window).path(cap, key, site, value);
        self.count(kept);
    }

    fn site(&mut self, end: Timestamp, key: SiteKey, nanos: u64, weight: u64, failed: bool) {
        let window = self.window(end);
        let cap = self.windows.rows_cap;
        let kept = self.windows.at(window).site(cap, key, nanos, weight, failed);
        self.count(kept);
    }

    fn edge(&mut self, end: Timestamp, key: EdgeKey, call: Call) {
        let window = self.window(end);
        let cap = self.windows.rows_cap;
        let kept = self.windows.at(window).edge(cap, key, call);
        self.count(kept);
    }
}

/// One shard of the traces and series.
#[derive(Debug)]
pub struct Aggregator {
    limits: Limits,
    /// Open spans that one partition of this shard may hold.
    budget: usize,
    partitions: Vec<Partition>,
    windows: Windows,
    late: RedTable,
    series: SeriesTable,
    evaluator: Evaluator,
    tally: Tally,
}

impl Aggregator {
    /// One of `shards` shards.
    pub fn new(limits: &Limits, shards: u32) -> Self {
        Self {
            budget: limits.open_spans / PARTITIONS / shards.max(1) as usize,
            partitions: (0..PARTITIONS).map(|_| Partition::default()).collect(),
            windows: Windows {
                rows_cap: limits.rows_per_window,
                open: Vec::new(),
                overflow_rows: 0,
            },
            late: RedTable::default(),
            series: SeriesTable::default(),
            evaluator: Evaluator::default(),
            tally: Tally::default(),
            limits: limits.clone(),
        }
    }

    /// Records one span that arrived at `stamp`: RED at once, the rest when its trace is settled.
    /// `errors` are its error types.
    pub fn record<'a>(
        &mut self,
        span: &SpanRecord,
        (red, overflow): (RedId, bool),
        errors: impl Iterator<Item = &'a str>,
        catalog: &Catalog,
        clock: &Clock,
        stamp: Timestamp,
    ) {
        self.tally.overflow_spans += u64::from(overflow);
        let hash = span.trace.hash();
        let weight = u64::from(span.weight.0);
        let failed = span.status == StatusCode::Error;
        let slot = clock.slot(span.end, stamp);
        let summary = match slot {
            Slot::Window(w) => {
                self.tally.spans.window += 1;
                self.windows.at(w).red.at(red)
            }
            Slot::Skewed(w) => {
                self.tally.spans.skewed += 1;
                self.windows.at(w).red.at(red)
            }
            Slot::Late => {
                self.tally.spans.late += 1;
                self.late.at(red)
            }
        };
        add(summary, span, weight, failed, hash);
        if let Slot::Window(w) | Slot::Skewed(w) = slot {
            let operation = catalog.red_key(red).operation;
            for error in errors {
                let kept = self.windows.at(w).fault(
                    self.limits.faults_per_window,
                    operation,
                    error,
                    weight,
                );
                self.windows.overflow_rows += u64::from(!kept);
            }
        }
        if span.duration() > self.limits.horizon {
            self.tally.long += 1;
            return;
        }
        let open = OpenSpan::new(span, red, stamp);
        let given_up = self.partitions[hash.partition()].push(open, self.budget);
        self.tally.not_kept += given_up;
    }

    /// Records one metric point that arrived at `stamp`.
    pub fn point(
        &mut self,
        point: &MetricPoint,
        series: MappedSeries,
        temporality: Temporality,
        histograms: &[HistogramPoint],
        clock: &Clock,
        stamp: Timestamp,
    ) {
        self.tally.overflow_points += u64::from(series.overflow);
        let window = match clock.slot(point.time, stamp) {
            Slot::Window(w) => w,
            Slot::Skewed(w) => {
                let Some(seen) = self.series.take(point, series, temporality, histograms) else {
                    self.tally.points.duplicate += 1;
                    return;
                };
                self.tally.points.skewed += 1;
                return self.observe(w, series, seen);
            }
            Slot::Late => {
                self.tally.points.late += 1;
                return;
            }
        };
        match self.series.take(point, series, temporality, histograms) {
            None => self.tally.points.duplicate += 1,
            Some(seen) => {
                self.tally.points.window += 1;
                self.observe(window, series, seen);
            }
        }
    }

    fn observe(&mut self, window: Window, series: MappedSeries, seen: super::series::Observed) {
        if series.overflow {
            return; // numbers of different series make no sum
        }
        let window = self.windows.at(window);
        for (id, summary) in seen {
            window.series(id, summary);
        }
    }

    /// Evaluates the settled traces of one partition, all of them when `flush`.
    pub fn visit(&mut self, partition: usize, catalog: &Catalog, clock: &Clock, flush: bool) {
        let Some(p) = self.partitions.get_mut(partition) else { return };
        let mut sink = Sink { windows: &mut self.windows, clock };
        let (evaluator, tally) = (&mut self.evaluator, &mut self.tally);
        let times = (self.limits.settle, self.limits.horizon);
        p.visit(clock.now(), times, flush, |trace| {
            evaluator.evaluate(trace, catalog, tally, &mut sink);
        });
    }

    /// The oldest window that has anything in it.
    pub fn first_open(&self) -> Option<Window> {
        self.windows.open.first().map(|w| w.window)
    }

    /// Closes a window; an empty summary says that this shard saw nothing.
    pub fn close(&mut self, window: Window, catalog: &Catalog) -> WindowSummary {
        let found = self.windows.open.binary_search_by_key(&window.start, |w| w.window.start);
        let open = match found {
            Ok(i) => self.windows.open.remove(i),
            Err(_) => OpenWindow::new(window),
        };
        let mut tally = std::mem::take(&mut self.tally);
        tally.overflow_rows += std::mem::take(&mut self.windows.overflow_rows);
        open.close(std::mem::take(&mut self.late), tally, catalog)
    }

    /// What is not closed yet of what totals are made of, with the counters so far.
    pub fn peek(&self, catalog: &Catalog) -> WindowSummary {
        let mut out = WindowSummary { late: self.late.rows(catalog), ..WindowSummary::default() };
        for window in &self.windows.open {
            out.merge(&window.peek(catalog));
        }
        out.tally.merge(&self.tally);
        out.tally.overflow_rows += self.windows.overflow_rows;
        out
    }

    /// Open spans held now.
    pub fn open_spans(&self) -> usize {
        self.partitions.iter().map(Partition::len).sum()
    }
}

fn add(
    summary: &mut RedSummary,
    span: &SpanRecord,
    weight: u64,
    failed: bool,
    hash: longpole_model::signal::TraceHash,
) {
    summary.spans += 1;
    summary.weight = summary.weight.saturating_add(weight);
    if failed {
        summary.failed += 1;
        summary.failed_weight = summary.failed_weight.saturating_add(weight);
    }
    summary.halves[hash.half()].record(span.duration(), weight);
    summary.offer(Exemplar { hash: hash.0, trace: span.trace, duration_ns: span.duration() });
}
