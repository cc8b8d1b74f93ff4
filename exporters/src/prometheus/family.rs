//! A neutral metric family, whatever format it will be written in.

use longpole_model::signal::{Sketch, bucket_high, bucket_low};

/// Metrics of one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Name without suffixes that a format adds; counters carry their `_total`.
    pub name: String,
    /// One sentence.
    pub help: String,
    /// Kind.
    pub kind: Kind,
    /// Samples.
    pub samples: Vec<Sample>,
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

/// One series of a family.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Names are identifiers of ours, values may be anything.
    pub labels: Vec<(&'static str, String)>,
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

/// Upper bounds in seconds: those of OpenTelemetry's span metrics, and four below them, since a
/// millisecond is an age for a cache.
const BOUNDS_NS: [u64; 20] = [
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_000_000,
    4_000_000,
    6_000_000,
    8_000_000,
    10_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    400_000_000,
    800_000_000,
    1_000_000_000,
    1_400_000_000,
    2_000_000_000,
    5_000_000_000,
    10_000_000_000,
    15_000_000_000,
];

/// 16.16 fixed point as a number.
pub(super) fn weight(sum: u64) -> f64 {
    sum as f64 / 65_536.0
}

impl Histogram {
    /// From sketches of nanoseconds with 16.16 weights. A sketch's bucket counts where its middle
    /// lies and its values are taken to stand there: both are off by less than 0.8 %.
    pub fn of_seconds(sketches: &[&Sketch]) -> Self {
        let mut counts = [0u64; BOUNDS_NS.len() + 1];
        let (mut sum, mut count) = (0.0, 0u64);
        for sketch in sketches {
            sketch.for_each(|id, n| {
                let middle = bucket_low(id) / 2 + bucket_high(id).div_ceil(2);
                let at = BOUNDS_NS.partition_point(|b| *b < middle);
                counts[at] = counts[at].saturating_add(n);
                sum += middle as f64 * 1e-9 * weight(n);
                count = count.saturating_add(n);
            });
        }
        let mut below = 0u64;
        let buckets = BOUNDS_NS
            .iter()
            .zip(counts)
            .map(|(bound, n)| {
                below = below.saturating_add(n);
                (*bound as f64 / 1e9, weight(below))
            })
            .collect();
        Self { buckets, sum, count: weight(count) }
    }
}

impl Family {
    /// An empty family.
    pub fn new(name: &str, help: &str, kind: Kind) -> Self {
        Self { name: name.to_owned(), help: help.to_owned(), kind, samples: Vec::new() }
    }

    /// Adds a number.
    pub fn number(&mut self, labels: Vec<(&'static str, String)>, value: f64) {
        self.samples.push(Sample { labels, value: Value::Number(value) });
    }

    /// Adds a distribution.
    pub fn histogram(&mut self, labels: Vec<(&'static str, String)>, value: Histogram) {
        self.samples.push(Sample { labels, value: Value::Histogram(value) });
    }

    /// A family of one number without labels.
    pub fn single(name: &str, help: &str, kind: Kind, value: f64) -> Self {
        let mut family = Self::new(name, help, kind);
        family.number(Vec::new(), value);
        family
    }
}
