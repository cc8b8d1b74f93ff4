//! A neutral metric family, whatever format it will be written in.

use longpole_model::signal::{CLASSIC_BOUNDS, Classic};
use std::borrow::Cow;

/// Metrics of one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Family<'a> {
    /// Name without suffixes that a format adds; counters carry their `_total`.
    pub name: Cow<'a, str>,
    /// One sentence.
    pub help: Cow<'a, str>,
    /// Kind.
    pub kind: Kind,
    /// Samples.
    pub samples: Vec<Sample<'a>>,
}

/// Kind of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Distribution in classic buckets.
    Histogram,
}

/// Labels of a series, in the order in which they are written.
pub type Labels<'a> = Vec<(&'static str, Cow<'a, str>)>;

/// One series of a family.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<'a> {
    /// Names are identifiers of ours, values may be anything.
    pub labels: Labels<'a>,
    /// Its value.
    pub value: Value,
}

/// The value of a series.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Counter or gauge.
    Number(f64),
    /// Histogram.
    Histogram(Histogram),
}

/// A distribution in classic buckets.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Upper bound and cumulative count, ascending; the count above all bounds is [`Self::count`].
    pub buckets: Vec<(f64, f64)>,
    /// Sum of all values.
    pub sum: f64,
    /// Number of values.
    pub count: f64,
}

/// 16.16 fixed point as a number.
pub(super) fn weight(sum: u64) -> f64 {
    sum as f64 / 65_536.0
}

impl Histogram {
    /// In seconds, of what was counted in nanoseconds with 16.16 weights.
    pub fn of_seconds(counted: &Classic) -> Self {
        let mut below = 0u64;
        let buckets = CLASSIC_BOUNDS.iter().zip(counted.counts).map(|(bound, n)| {
            below = below.saturating_add(n);
            (*bound as f64 / 1e9, weight(below))
        });
        Self {
            buckets: buckets.collect(),
            sum: counted.sum as f64 / 65_536e9,
            count: weight(counted.weight()),
        }
    }
}

impl<'a> Family<'a> {
    /// An empty family.
    pub fn new(name: &'a str, help: &'a str, kind: Kind) -> Self {
        Self { name: name.into(), help: help.into(), kind, samples: Vec::new() }
    }

    /// Adds a number.
    pub fn number(&mut self, labels: Labels<'a>, value: f64) {
        self.samples.push(Sample { labels, value: Value::Number(value) });
    }

    /// Adds a distribution.
    pub fn histogram(&mut self, labels: Labels<'a>, value: Histogram) {
        self.samples.push(Sample { labels, value: Value::Histogram(value) });
    }

    /// A family of one number without labels.
    pub fn single(name: &'a str, help: &'a str, kind: Kind, value: f64) -> Self {
        let mut family = Self::new(name, help, kind);
        family.number(Vec::new(), value);
        family
    }
}
