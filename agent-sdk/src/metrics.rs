//! Instruments: counters, up-down counters, histograms, observed gauges. Cumulative since the start.

use crate::clock::now;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Attribute sets of one instrument; further ones are folded into `otel.metric.overflow`.
const SETS: usize = 2_000;
/// Upper bounds of durations in seconds (semantic conventions' advice for HTTP).
const BOUNDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

pub(crate) type Attributes = Vec<(String, String)>;
type Observer = Box<dyn Fn() -> f64 + Send + Sync>;

/// What an instrument holds.
pub(crate) enum Held {
    /// Sums; monotonic or not.
    Sum { monotonic: bool, cells: Mutex<BTreeMap<Attributes, f64>> },
    /// Distributions.
    Histogram(Mutex<BTreeMap<Attributes, Cells>>),
    /// Asked when it is collected.
    Observed { monotonic_sum: bool, attributes: Attributes, ask: Observer },
}

/// One distribution.
#[derive(Clone, Debug)]
pub(crate) struct Cells {
    pub(crate) counts: [u64; BOUNDS.len() + 1],
    pub(crate) sum: f64,
    pub(crate) count: u64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// A registered instrument.
pub(crate) struct Instrument {
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) held: Held,
}

/// All instruments of the process, and when they began.
pub(crate) struct Registry {
    pub(crate) start: u64,
    pub(crate) instruments: Mutex<Vec<Arc<Instrument>>>,
}

pub(crate) fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| Registry { start: now(), instruments: Mutex::default() })
}

pub(crate) fn bounds() -> &'static [f64] {
    &BOUNDS
}

fn register(name: &str, unit: &str, held: Held) -> Arc<Instrument> {
    let made = Arc::new(Instrument { name: name.to_owned(), unit: unit.to_owned(), held });
    let mut all = registry().instruments.lock().unwrap_or_else(PoisonError::into_inner);
    all.push(Arc::clone(&made));
    made
}

fn sorted(attributes: &[(&str, &str)]) -> Attributes {
    let mut out: Attributes =
        attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    out.sort();
    out.dedup_by(|a, b| a.0 == b.0);
    out
}

/// The cell of an attribute set, within the cap.
fn cell<'a, T>(
    cells: &'a mut BTreeMap<Attributes, T>,
    attributes: &[(&str, &str)],
    fresh: impl FnOnce() -> T,
) -> &'a mut T {
    let mut key = sorted(attributes);
    if cells.len() >= SETS && !cells.contains_key(&key) {
        key = vec![("otel.metric.overflow".to_owned(), "true".to_owned())];
    }
    cells.entry(key).or_insert_with(fresh)
}

fn add(instrument: &Instrument, value: f64, attributes: &[(&str, &str)]) {
    if let Held::Sum { cells, .. } = &instrument.held
        && value.is_finite()
    {
        let mut cells = cells.lock().unwrap_or_else(PoisonError::into_inner);
        *cell(&mut cells, attributes, || 0.0) += value;
    }
}

/// A sum that only grows.
#[derive(Clone)]
pub struct Counter(Arc<Instrument>);

impl Counter {
    /// Registers a counter.
    pub fn new(name: &str, unit: &str) -> Self {
        Self(register(name, unit, Held::Sum { monotonic: true, cells: Mutex::default() }))
    }

    /// Adds; negative amounts are ignored.
    pub fn add(&self, amount: f64, attributes: &[(&str, &str)]) {
        if amount >= 0.0 {
            add(&self.0, amount, attributes);
        }
    }
}

/// A sum that grows and falls.
#[derive(Clone)]
pub struct UpDownCounter(Arc<Instrument>);

impl UpDownCounter {
    /// Registers an up-down counter.
    pub fn new(name: &str, unit: &str) -> Self {
        Self(register(name, unit, Held::Sum { monotonic: false, cells: Mutex::default() }))
    }

    /// Adds.
    pub fn add(&self, amount: f64, attributes: &[(&str, &str)]) {
        add(&self.0, amount, attributes);
    }
}

/// A distribution, in buckets made for durations in seconds.
#[derive(Clone)]
pub struct Histogram(Arc<Instrument>);

impl Histogram {
    /// Registers a histogram.
    pub fn new(name: &str, unit: &str) -> Self {
        Self(register(name, unit, Held::Histogram(Mutex::default())))
    }

    /// Records a value; NaN and infinities are ignored.
    pub fn record(&self, value: f64, attributes: &[(&str, &str)]) {
        let Held::Histogram(cells) = &self.0.held else { return };
        if !value.is_finite() {
            return;
        }
        let mut cells = cells.lock().unwrap_or_else(PoisonError::into_inner);
        let c = cell(&mut cells, attributes, || Cells {
            counts: [0; BOUNDS.len() + 1],
            sum: 0.0,
            count: 0,
            min: value,
            max: value,
        });
        c.counts[BOUNDS.partition_point(|b| *b < value)] += 1;
        c.sum += value;
        c.count += 1;
        c.min = c.min.min(value);
        c.max = c.max.max(value);
    }
}

/// Registers a gauge that is asked whenever metrics are sent: pools, queues, caches. NaN = nothing to
/// say now.
pub fn observe(
    name: &str,
    unit: &str,
    attributes: &[(&str, &str)],
    ask: impl Fn() -> f64 + Send + Sync + 'static,
) {
    let held =
        Held::Observed { monotonic_sum: false, attributes: sorted(attributes), ask: Box::new(ask) };
    register(name, unit, held);
}

/// As [`observe`], for sums that only grow.
pub(crate) fn observe_sum(
    name: &str,
    unit: &str,
    attributes: &[(&str, &str)],
    ask: impl Fn() -> f64 + Send + Sync + 'static,
) {
    let held =
        Held::Observed { monotonic_sum: true, attributes: sorted(attributes), ask: Box::new(ask) };
    register(name, unit, held);
}
