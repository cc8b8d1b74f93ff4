//! Histograms: distributions in buckets with given bounds, or in buckets that grow by a constant factor.

use super::bounds::Bounds;
use super::cells::{Series, with};
use super::exemplar::wanted;
use super::exponential::{ZERO, bucket};
use super::labels::{self, Labels};
use super::registry::{Instrument, Shape, registry};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Upper bounds of durations in seconds (semantic conventions' advice for HTTP).
pub(super) const SECONDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// The words of a thread's cells: which exemplars were taken, sum, least, greatest, then the counts.
pub(super) const MASK: usize = 0;
pub(super) const SUM: usize = 1;
pub(super) const LEAST: usize = 2;
pub(super) const GREATEST: usize = 3;
pub(super) const COUNTS: usize = 4;

/// A distribution of values that are not negative.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Instrument>);

impl Histogram {
    /// Registers a histogram in buckets made for durations in seconds.
    pub fn new(name: &str, unit: &str) -> Self {
        Self::with_bounds(name, unit, &SECONDS)
    }

    /// Registers a histogram in buckets with these upper bounds; they are put in order.
    pub fn with_bounds(name: &str, unit: &str, bounds: &[f64]) -> Self {
        Self(registry().instrument(name, unit, Shape::Explicit(Bounds::new(bounds))))
    }

    /// Registers a histogram whose buckets grow by a constant factor, eight to an octave, whatever the
    /// values are.
    pub fn exponential(name: &str, unit: &str) -> Self {
        Self(registry().instrument(name, unit, Shape::Exponential))
    }

    /// Records a value under these labels. Negative values, NaN and infinities are ignored.
    pub fn record(&self, value: f64, labels: Labels<'_>) {
        labels::with(&self.0, labels, |series| record(series, value));
    }

    /// The histogram under fixed labels: the fastest way to record.
    pub fn bind(&self, labels: Labels<'_>) -> BoundHistogram {
        BoundHistogram(self.0.series(labels))
    }
}

/// A histogram under fixed labels.
#[derive(Clone, Debug)]
pub struct BoundHistogram(Arc<Series>);

impl BoundHistogram {
    /// Records a value. Negative values, NaN and infinities are ignored.
    #[inline]
    pub fn record(&self, value: f64) {
        record(&self.0, value);
    }
}

#[inline]
fn record(series: &Arc<Series>, value: f64) {
    if !(0.0..f64::INFINITY).contains(&value) {
        return;
    }
    with(series, |cell| {
        let place = match &series.shape {
            Shape::Explicit(bounds) => bounds.below(value),
            _ => grown(value),
        };
        let Some((head, counts)) = cell.split_first_chunk::<COUNTS>() else { return };
        let Some(count) = counts.get(place) else { return };
        let before = count.load(Relaxed);
        count.store(before + 1, Relaxed);
        change(&head[SUM], |sum| sum + value);
        if value < f64::from_bits(head[LEAST].load(Relaxed)) {
            head[LEAST].store(value.to_bits(), Relaxed);
        }
        if value > f64::from_bits(head[GREATEST].load(Relaxed)) {
            head[GREATEST].store(value.to_bits(), Relaxed);
        }
        if before & 15 == 0 && wanted() {
            series.offer_exemplar(&head[MASK], place, value);
        }
    });
}

/// The place of a value in buckets that grow.
#[inline(never)]
fn grown(value: f64) -> usize {
    if value <= ZERO { 0 } else { 1 + bucket(value) }
}

#[inline]
fn change(word: &AtomicU64, with: impl Fn(f64) -> f64) {
    word.store(with(f64::from_bits(word.load(Relaxed))).to_bits(), Relaxed);
}

/// A distribution added up over all threads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Merged {
    pub count: u64,
    pub sum: f64,
    pub least: f64,
    pub greatest: f64,
    pub counts: Vec<u64>,
}

/// Adds up the cells of all threads; `None` when nothing was recorded.
pub(super) fn merged(series: &Series) -> Option<Merged> {
    let (least, greatest) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut out = Merged { count: 0, sum: 0.0, least, greatest, counts: Vec::new() };
    series.each(|cell| {
        let float = |word: usize| f64::from_bits(cell[word].load(Relaxed));
        out.sum += float(SUM);
        out.least = out.least.min(float(LEAST));
        out.greatest = out.greatest.max(float(GREATEST));
        out.counts.resize(cell.len() - COUNTS, 0);
        for (sum, word) in out.counts.iter_mut().zip(&cell[COUNTS..]) {
            *sum += word.load(Relaxed);
        }
    });
    out.count = out.counts.iter().sum();
    (out.count > 0).then_some(out)
}
