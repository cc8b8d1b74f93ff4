//! All instruments of the process, their series, and the cap on them.

use super::bounds::Bounds;
use super::cells::{Cells, Series, lock};
use super::exponential::BUCKETS;
use super::histogram::COUNTS;
use super::labels::{Labels, sorted};
use crate::clock::now;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};

/// Sets of labels of one instrument; further ones share a series (CONVENTIONS 2.4, DESIGN 3).
const SETS: usize = 2_000;

/// What an instrument is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    Counter,
    UpDown,
    Gauge,
    /// Upper bounds of the buckets.
    Explicit(Bounds),
    Exponential,
}

impl Shape {
    /// The words of one thread. A counter's second word is its exemplar's.
    pub fn fresh(&self) -> Cells {
        let words = match self {
            Shape::Counter | Shape::UpDown | Shape::Gauge => 2,
            Shape::Explicit(bounds) => COUNTS + bounds.all().len() + 1,
            Shape::Exponential => COUNTS + 1 + BUCKETS,
        };
        let cells: Cells = (0..words).map(|_| AtomicU64::new(0)).collect::<Vec<_>>().leak();
        if matches!(self, Shape::Explicit(_) | Shape::Exponential) {
            cells[super::histogram::LEAST].store(f64::INFINITY.to_bits(), Relaxed);
            cells[super::histogram::GREATEST].store(f64::NEG_INFINITY.to_bits(), Relaxed);
        }
        cells
    }
}

/// Series by their labels, sorted.
type BySet = HashMap<Vec<(String, String)>, Arc<Series>>;

/// A registered instrument.
#[derive(Debug)]
pub(crate) struct Instrument {
    pub id: usize,
    pub name: String,
    pub unit: String,
    pub shape: Shape,
    series: Mutex<BySet>,
}

impl Instrument {
    /// The series of these labels, or the one that all beyond the cap share.
    pub fn series(&self, labels: Labels<'_>) -> Arc<Series> {
        let mut key = sorted(labels);
        let mut all = lock(&self.series);
        if all.len() >= SETS && !all.contains_key(&key) {
            key = vec![("otel.metric.overflow".to_owned(), "true".to_owned())];
        }
        let fresh = || Arc::new(Series::new(key.clone(), self.shape.clone()));
        Arc::clone(all.entry(key.clone()).or_insert_with(fresh))
    }

    /// All series, in the order of their labels.
    pub fn all(&self) -> Vec<Arc<Series>> {
        let mut out: Vec<Arc<Series>> = lock(&self.series).values().cloned().collect();
        out.sort_by(|a, b| a.labels.cmp(&b.labels));
        out
    }
}

type Callback = dyn Fn(&mut dyn FnMut(f64, Labels<'_>)) + Send + Sync;

/// An instrument that is asked.
#[derive(Clone)]
pub(crate) struct Observed {
    pub name: String,
    pub unit: String,
    pub shape: Shape,
    pub ask: Arc<Callback>,
}

/// Everything there is to send.
pub(crate) struct Registry {
    /// Since when cumulative values count.
    pub start: u64,
    instruments: Mutex<Vec<Arc<Instrument>>>,
    observed: Mutex<Vec<Observed>>,
}

/// The one registry of the process.
pub(crate) fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| Registry {
        start: now(),
        instruments: Mutex::default(),
        observed: Mutex::default(),
    })
}

impl Registry {
    /// Registers an instrument, or finds the same one again.
    pub fn instrument(&self, name: &str, unit: &str, shape: Shape) -> Arc<Instrument> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let mut all = lock(&self.instruments);
        let same = all.iter().find(|i| i.name == name && i.unit == unit && i.shape == shape);
        if let Some(same) = same {
            return Arc::clone(same);
        }
        if all.iter().any(|i| i.name == name) {
            crate::env::warn(&format!("the metric {name} is registered twice and differently"));
        }
        let made = Arc::new(Instrument {
            id: NEXT.fetch_add(1, Relaxed),
            name: name.to_owned(),
            unit: unit.to_owned(),
            shape,
            series: Mutex::default(),
        });
        all.push(Arc::clone(&made));
        made
    }

    /// Registers a callback.
    pub fn observe(
        &self,
        name: &str,
        unit: &str,
        shape: Shape,
        ask: impl Fn(&mut dyn FnMut(f64, Labels<'_>)) + Send + Sync + 'static,
    ) {
        let (name, unit) = (name.to_owned(), unit.to_owned());
        lock(&self.observed).push(Observed { name, unit, shape, ask: Arc::new(ask) });
    }

    /// What is registered now.
    pub fn read(&self) -> (Vec<Arc<Instrument>>, Vec<Observed>) {
        (lock(&self.instruments).clone(), lock(&self.observed).clone())
    }
}

/// Registers sums that others keep, such as the kernel: cumulative, growing only when `grows`.
pub(crate) fn observe_sums(
    name: &str,
    unit: &str,
    grows: bool,
    ask: impl Fn(&mut dyn FnMut(f64, Labels<'_>)) + Send + Sync + 'static,
) {
    let shape = if grows { Shape::Counter } else { Shape::UpDown };
    registry().observe(name, unit, shape, ask);
}
