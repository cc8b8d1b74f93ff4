//! What one window saw, in integers, so that summaries merge in any order to the same bytes.
//!
//! A summary holds sorted rows; the aggregator's own working tables are elsewhere, what is added to
//! what in [`merge`].

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

mod merge;
mod rows;
#[cfg(test)]
mod tests;

pub use rows::united as united_rows;

use super::{
    EdgeKey, EdgeSummary, EntryKey, EntryValue, Fixed, Gather, OperationId, PathValue, SeriesId,
    SiteKey, Sketch, Tally, TraceId, VersionId, Window,
};

/// Exemplars kept per operation and window.
pub const EXEMPLARS: usize = 4;

/// What rate, errors and duration are kept by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RedKey {
    /// Operation.
    pub operation: OperationId,
    /// Version.
    pub version: VersionId,
}

/// A trace that a number points at, chosen by lowest trace hash: the same whatever the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Exemplar {
    /// Hash of the trace; the sort key.
    pub hash: u64,
    /// Trace.
    pub trace: TraceId,
    /// Duration of the span in nanoseconds.
    pub duration_ns: u64,
}

impl Exemplar {
    /// The less it is, the sooner it is kept ([`RedSummary::offer`]): band, then the upper bits of the hash. Between
    /// two of the same number a closer look decides.
    #[inline]
    pub fn order(&self) -> u64 {
        u64::from(63 - super::band_of(self.duration_ns)) << 58 | self.hash >> 6
    }

    /// What the kept ones are sorted by.
    #[inline]
    fn rank(&self) -> (u8, u64, TraceId, u64) {
        (63 - super::band_of(self.duration_ns), self.hash, self.trace, self.duration_ns)
    }
}

/// Rate, errors, duration of one operation and version in one window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedSummary {
    /// Spans, counted.
    pub spans: u64,
    /// Failed spans, counted.
    pub failed: u64,
    /// Spans, 16.16 weighted.
    pub weight: u64,
    /// Failed spans, 16.16 weighted.
    pub failed_weight: u64,
    /// Durations by placebo half (see [`super::TraceHash::half`]); their merge is the distribution.
    pub halves: [Sketch; 2],
    /// Up to [`EXEMPLARS`] slowest-band traces by lowest hash.
    pub exemplars: Vec<Exemplar>,
}

impl RedSummary {
    /// The whole distribution of durations.
    pub fn durations(&self) -> Sketch {
        let mut all = self.halves[0].clone();
        all.merge(&self.halves[1]);
        all
    }

    /// Adds another summary.
    pub fn merge(&mut self, other: &Self) {
        self.spans = self.spans.saturating_add(other.spans);
        self.failed = self.failed.saturating_add(other.failed);
        self.weight = self.weight.saturating_add(other.weight);
        self.failed_weight = self.failed_weight.saturating_add(other.failed_weight);
        for (mine, theirs) in self.halves.iter_mut().zip(&other.halves) {
            mine.merge(theirs);
        }
        self.offer_all(&other.exemplars);
    }

    /// The same of summaries that may be taken.
    pub fn join(&mut self, others: &mut [&mut Self], gather: &mut Gather) {
        // What they hold lies all over memory: it is waited for once.
        std::hint::black_box(others.iter().fold(0, |sum, other| sum ^ other.touch_first()));
        for other in others.iter_mut() {
            self.spans = self.spans.saturating_add(other.spans);
            self.failed = self.failed.saturating_add(other.failed);
            self.weight = self.weight.saturating_add(other.weight);
            self.failed_weight = self.failed_weight.saturating_add(other.failed_weight);
            if self.exemplars.is_empty() {
                std::mem::swap(&mut self.exemplars, &mut other.exemplars);
            } else {
                self.offer_all(&other.exemplars);
            }
        }
        for (half, mine) in self.halves.iter_mut().enumerate() {
            mine.join(others.iter_mut().map(|o| &mut o.halves[half]), gather);
        }
    }

    /// Reads the first of what lies elsewhere ([`Sketch::touch_first`]).
    #[inline]
    pub fn touch_first(&self) -> u64 {
        let exemplar = self.exemplars.first().map_or(0, |e| e.hash);
        self.halves.iter().fold(exemplar, |sum, half| sum ^ half.touch_first())
    }

    /// Keeps `candidate` if it belongs to the kept ones: highest duration band first, then lowest
    /// hash. The choice does not depend on the order of offers.
    #[inline]
    pub fn offer(&mut self, candidate: Exemplar) {
        if self.is_late(&candidate) {
            return;
        }
        match self.exemplars.binary_search_by_key(&candidate.rank(), Exemplar::rank) {
            Ok(_) => {}
            Err(at) if at < EXEMPLARS => {
                // First out, then in: so it never has room for more. Many operations see one span a window and shard.
                self.exemplars.truncate(EXEMPLARS - 1);
                if self.exemplars.capacity() == 0 {
                    self.exemplars.reserve_exact(1);
                }
                self.exemplars.insert(at, candidate);
            }
            Err(_) => {}
        }
    }

    /// Offers those that another kept: once one comes too late, so do all behind it.
    fn offer_all(&mut self, kept: &[Exemplar]) {
        for candidate in kept {
            if self.is_late(candidate) {
                break;
            }
            self.offer(*candidate);
        }
    }

    /// Whether there are enough that go before it.
    #[inline]
    fn is_late(&self, candidate: &Exemplar) -> bool {
        self.exemplars.get(EXEMPLARS - 1).is_some_and(|last| {
            match last.order().cmp(&candidate.order()) {
                Ordering::Equal => last.rank() <= candidate.rank(),
                order => order.is_lt(),
            }
        })
    }
}

/// How long single visits of a site took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteSummary {
    /// Visits, counted.
    pub visits: u64,
    /// Visits whose span failed, counted.
    pub failed: u64,
    /// Nanoseconds of own time per visit.
    pub durations: Sketch,
}

impl SiteSummary {
    /// Adds another summary.
    pub fn merge(&mut self, other: &Self) {
        self.visits = self.visits.saturating_add(other.visits);
        self.failed = self.failed.saturating_add(other.failed);
        self.durations.merge(&other.durations);
    }

    /// The same of summaries that may be taken.
    pub fn join(&mut self, others: &mut [&mut Self], gather: &mut Gather) {
        let touch = others.iter().map(|other| other.durations.touch_first());
        std::hint::black_box(touch.fold(0, |sum, n| sum ^ n));
        for other in &*others {
            self.visits = self.visits.saturating_add(other.visits);
            self.failed = self.failed.saturating_add(other.failed);
        }
        self.durations.join(others.iter_mut().map(|o| &mut o.durations), gather);
    }
}

/// What one metric series did in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesSummary {
    /// Points.
    pub points: u64,
    /// Sum of gauge values, or of what counters gained.
    pub sum: Fixed,
    /// Nanoseconds that the counters' gains cover; 0 for gauges.
    pub covered_ns: u64,
    /// Smallest value (gauges) or gain.
    pub min: Fixed,
    /// Greatest value (gauges) or gain.
    pub max: Fixed,
}

impl SeriesSummary {
    /// Adds another summary.
    pub fn merge(&mut self, other: &Self) {
        if other.points == 0 {
            return;
        }
        if self.points == 0 {
            *self = *other;
            return;
        }
        self.points = self.points.saturating_add(other.points);
        self.sum = self.sum.plus(other.sum);
        self.covered_ns = self.covered_ns.saturating_add(other.covered_ns);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// The window's value: a gain per second for counters, the mean of the points for gauges.
    /// `None` without points.
    pub fn value(&self) -> Option<f64> {
        match (self.points, self.covered_ns) {
            (0, _) => None,
            (n, 0) => Some(self.sum.to_f64() / n as f64),
            (_, ns) => Some(self.sum.to_f64() / (ns as f64 / super::SECOND as f64)),
        }
    }
}

/// Before what the plan of a query showed, in [`FaultKey::error`].
pub const QUERY_PLAN: &str = "query_plan ";

/// An error type seen at an operation, or with [`QUERY_PLAN`] before it what the plan of a query showed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FaultKey {
    /// Where.
    pub operation: OperationId,
    /// Exception or error type, or a finding.
    pub error: String,
}

/// All that one window saw. Rows are sorted by key and unique.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowSummary {
    /// The window.
    pub window: Window,
    /// Rate, errors, duration.
    pub red: Vec<(RedKey, RedSummary)>,
    /// The same for spans that came behind the watermark while this window was filled: they enter
    /// totals, never a closed window.
    pub late: Vec<(RedKey, RedSummary)>,
    /// Entries of path profiles.
    pub entries: Vec<(EntryKey, EntryValue)>,
    /// Rows of path profiles.
    pub paths: Vec<((EntryKey, SiteKey), PathValue)>,
    /// Distributions of single visits.
    pub sites: Vec<(SiteKey, SiteSummary)>,
    /// Calls between services.
    pub edges: Vec<(EdgeKey, EdgeSummary)>,
    /// Metric series.
    pub series: Vec<(SeriesId, SeriesSummary)>,
    /// Error types, with their weighted (16.16) counts.
    pub faults: Vec<(FaultKey, u64)>,
    /// Counters of what came in while the window was filled.
    pub tally: Tally,
    /// Shards that did not speak in time; rate tests do not run on such a window.
    pub missing_shards: u32,
}

impl WindowSummary {
    /// An empty summary of a window: it says "I saw nothing", which is an answer.
    pub fn empty(window: Window) -> Self {
        Self { window, ..Self::default() }
    }

    /// Bytes held in all: rows, and what hangs on them.
    pub fn heap_bytes(&self) -> usize {
        fn rows<T>(rows: &Vec<T>) -> usize {
            rows.capacity() * size_of::<T>()
        }
        let red = self.red.iter().chain(&self.late).map(|(_, r)| {
            let sketches: usize = r.halves.iter().map(Sketch::heap_bytes).sum();
            sketches + rows(&r.exemplars)
        });
        let sites = self.sites.iter().map(|(_, s)| s.durations.heap_bytes());
        let edges = self.edges.iter().map(|(_, e)| e.caller.heap_bytes() + e.callee.heap_bytes());
        let faults = self.faults.iter().map(|(k, _)| k.error.capacity());
        let tables = rows(&self.red)
            + rows(&self.late)
            + rows(&self.entries)
            + rows(&self.paths)
            + rows(&self.sites)
            + rows(&self.edges)
            + rows(&self.series)
            + rows(&self.faults);
        tables + red.chain(sites).chain(edges).chain(faults).sum::<usize>()
    }
}
