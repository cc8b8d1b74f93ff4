//! Instruments: counters, up-down counters, gauges, histograms, and values that are asked for when
//! metrics are sent. Cumulative since the start of the process.
//!
//! Recording touches only cells of the own thread (`metrics/cells`); collection adds them up. Labels come
//! bound, once, or with each recording (`metrics/labels`). How a reading looks as OTLP is `metrics/encode`.

mod bounds;
mod cells;
pub(crate) mod encode;
mod exemplar;
mod exponential;
mod histogram;
mod labels;
mod registry;

pub(crate) use exemplar::{Filter, set_filter};
pub use histogram::{BoundHistogram, Histogram};
pub(crate) use registry::{Shape, observe_sums, registry};

use cells::Series;
use labels::Labels;
use registry::Instrument;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// A sum that only grows.
#[derive(Clone, Debug)]
pub struct Counter(Arc<Instrument>);

impl Counter {
    /// Registers a counter. The unit is UCUM's: `By`, `s`, `{request}`.
    pub fn new(name: &str, unit: &str) -> Self {
        Self(registry().instrument(name, unit, Shape::Counter))
    }

    /// Adds under these labels. Beyond 2,000 sets of labels all further ones share one that is labelled
    /// `otel.metric.overflow`.
    pub fn add(&self, amount: u64, labels: Labels<'_>) {
        labels::with(&self.0, labels, |series| add(series, amount));
    }

    /// The counter under fixed labels: the fastest way to add.
    pub fn bind(&self, labels: Labels<'_>) -> BoundCounter {
        BoundCounter(self.0.series(labels))
    }
}

/// A counter under fixed labels.
#[derive(Clone, Debug)]
pub struct BoundCounter(Arc<Series>);

impl BoundCounter {
    /// Adds.
    #[inline]
    pub fn add(&self, amount: u64) {
        add(&self.0, amount);
    }
}

#[inline]
fn add(series: &Arc<Series>, amount: u64) {
    cells::with(series, |cell| {
        // The only writer of this cell is this thread: no need to lock the bus.
        let now = cell[0].load(Relaxed);
        cell[0].store(now.wrapping_add(amount), Relaxed);
        if now & 15 == 0 && exemplar::wanted() {
            series.offer_exemplar(&cell[1], 0, amount as f64);
        }
    });
}

/// A sum that grows and falls.
#[derive(Clone, Debug)]
pub struct UpDownCounter(Arc<Instrument>);

impl UpDownCounter {
    /// Registers an up-down counter.
    pub fn new(name: &str, unit: &str) -> Self {
        Self(registry().instrument(name, unit, Shape::UpDown))
    }

    /// Adds, or takes away, under these labels.
    pub fn add(&self, amount: i64, labels: Labels<'_>) {
        labels::with(&self.0, labels, |series| up_down(series, amount));
    }

    /// The counter under fixed labels.
    pub fn bind(&self, labels: Labels<'_>) -> BoundUpDownCounter {
        BoundUpDownCounter(self.0.series(labels))
    }
}

/// An up-down counter under fixed labels.
#[derive(Clone, Debug)]
pub struct BoundUpDownCounter(Arc<Series>);

impl BoundUpDownCounter {
    /// Adds, or takes away.
    #[inline]
    pub fn add(&self, amount: i64) {
        up_down(&self.0, amount);
    }
}

/// Threads may each be below zero; their sum, in two's complement, is right all the same.
#[inline]
fn up_down(series: &Arc<Series>, amount: i64) {
    cells::with(series, |cell| {
        cell[0].store(cell[0].load(Relaxed).wrapping_add_signed(amount), Relaxed);
    });
}

/// A value of which the last one counts.
#[derive(Clone, Debug)]
pub struct Gauge(Arc<Instrument>);

impl Gauge {
    /// Registers a gauge.
    pub fn new(name: &str, unit: &str) -> Self {
        Self(registry().instrument(name, unit, Shape::Gauge))
    }

    /// Sets the value under these labels; NaN and infinities are ignored.
    pub fn set(&self, value: f64, labels: Labels<'_>) {
        labels::with(&self.0, labels, |series| series.set(value));
    }
}

/// Registers a gauge that is asked whenever metrics are sent: caches, ages, ratios. NaN = nothing to say
/// now. A callback that panics says nothing.
pub fn observe(
    name: &str,
    unit: &str,
    labels: Labels<'_>,
    ask: impl Fn() -> f64 + Send + Sync + 'static,
) {
    let labels = labels::sorted(labels);
    registry().observe(name, unit, Shape::Gauge, move |tell| tell(ask(), &borrowed(&labels)));
}

/// Registers a gauge of many label sets: the callback tells each with its labels.
pub fn observe_many(
    name: &str,
    unit: &str,
    ask: impl Fn(&mut dyn FnMut(f64, Labels<'_>)) + Send + Sync + 'static,
) {
    registry().observe(name, unit, Shape::Gauge, ask);
}

fn borrowed(labels: &[(String, String)]) -> Vec<(&str, &str)> {
    labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect()
}

#[cfg(test)]
mod tests;
