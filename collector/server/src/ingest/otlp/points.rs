//! Single metric points: numbers, histograms, exponential histograms, summaries, and what makes one
//! contradict itself.

use super::Refusal;
use super::attributes::Budget;
use super::metrics::{Builder, Metric};
use super::text::clean;
use super::wire::{Fields, Value, zigzag};
use longpole_model::signal::{HistogramPoint, PointValue, Rejections, SeriesRow, Temporality};

/// What all kinds of points have.
#[derive(Debug, Default)]
pub(super) struct Point {
    pub(super) start: u64,
    pub(super) time: u64,
    attributes: Vec<(String, String)>,
    /// OTLP flag "no recorded value": the series has gone stale.
    stale: bool,
}

impl Point {
    fn attribute(
        &mut self,
        key_value: &[u8],
        budget: &mut Budget<'_>,
        rejections: &mut Rejections,
    ) -> Result<(), Refusal> {
        let (key, value) = budget.attribute(key_value)?;
        if self.attributes.len() >= budget.limits.attributes_per_item {
            rejections.truncated += 1;
            return Ok(());
        }
        let limit = budget.limits.text;
        let key = clean(key, limit, rejections);
        if !key.is_empty() {
            self.attributes.push((key, clean(&value.to_text(), limit, rejections)));
        }
        Ok(())
    }

    /// The series of this point. Attributes sorted; of equal keys the last wins.
    fn row(&self, metric: &Metric, extra: Option<(&str, String)>) -> SeriesRow {
        let mut attributes = self.attributes.clone();
        attributes.extend(extra.map(|(k, v)| (k.to_owned(), v)));
        attributes.reverse();
        attributes.sort_by(|a, b| a.0.cmp(&b.0));
        attributes.dedup_by(|a, b| a.0 == b.0);
        SeriesRow {
            resource: metric.resource,
            name: metric.name.clone(),
            unit: metric.unit.clone(),
            attributes,
            temporality: metric.temporality,
            monotonic: metric.monotonic,
        }
    }
}

/// `NumberDataPoint`.
pub(super) fn number(b: &mut Builder<'_>, metric: &Metric, message: &[u8]) -> Result<(), Refusal> {
    let (mut p, mut value) = (Point::default(), None);
    for field in Fields::new(message) {
        match field? {
            (7, v) => p.attribute(v.bytes()?, &mut b.budget, &mut b.rejections)?,
            (2, v) => p.start = v.fixed64()?,
            (3, v) => p.time = v.fixed64()?,
            (4, v) => value = Some(v.double()?),
            (6, v) => value = Some(v.fixed64()? as i64 as f64),
            (8, v) => p.stale = v.varint()? & 1 != 0,
            _ => {}
        }
    }
    if !b.in_time(metric, &p) {
        return Ok(());
    }
    let counter = metric.temporality != Temporality::Gauge;
    match value {
        _ if p.stale => b.rejections.not_finite += 1,
        None => b.reject(metric, "the point has no value"),
        Some(x) if counter && !x.is_finite() => b.reject(metric, "a counter must be finite"),
        Some(x) if counter && metric.monotonic && x < 0.0 => {
            b.reject(metric, "a monotonic counter must not be negative");
        }
        Some(x) if !x.is_finite() => b.rejections.not_finite += 1,
        Some(x) => b.push(p.row(metric, None), &p, PointValue::Number(x)),
    }
    Ok(())
}

/// `HistogramDataPoint`.
pub(super) fn histogram(
    b: &mut Builder<'_>,
    metric: &Metric,
    message: &[u8],
) -> Result<(), Refusal> {
    let (mut p, mut h) = (Point::default(), HistogramPoint::default());
    let cap = b.budget.limits.buckets;
    for field in Fields::new(message) {
        match field? {
            (9, v) => p.attribute(v.bytes()?, &mut b.budget, &mut b.rejections)?,
            (2, v) => p.start = v.fixed64()?,
            (3, v) => p.time = v.fixed64()?,
            (4, v) => h.count = v.fixed64()?,
            (5, v) => h.sum = Some(v.double()?).filter(|s| s.is_finite()),
            (6, v) => v.packed64(&mut |n| {
                if h.counts.len() < cap + 1 {
                    h.counts.push(n);
                }
            })?,
            (7, v) => v.packed64(&mut |n| {
                if h.bounds.len() < cap + 1 {
                    h.bounds.push(f64::from_bits(n));
                }
            })?,
            (10, v) => p.stale = v.varint()? & 1 != 0,
            _ => {}
        }
    }
    if !b.in_time(metric, &p) {
        return Ok(());
    }
    if p.stale {
        b.rejections.not_finite += 1;
        return Ok(());
    }
    if h.counts.is_empty() && h.bounds.is_empty() {
        // A histogram without buckets still says how often.
        h.counts.push(h.count);
    }
    let sum = h.counts.iter().fold(0u64, |a, n| a.saturating_add(*n));
    if h.counts.len() > cap {
        b.reject(metric, "more than 10,000 buckets");
    } else if h.counts.len() != h.bounds.len() + 1 {
        b.reject(metric, "a histogram needs one more bucket count than bounds");
    } else if h.bounds.iter().any(|x| x.is_nan()) || !h.bounds.is_sorted_by(|a, b| a < b) {
        b.reject(metric, "histogram bounds must ascend and be numbers");
    } else if sum != h.count {
        b.reject(metric, "histogram bucket counts do not add up to its count");
    } else {
        b.push_histogram(p.row(metric, None), &p, h);
    }
    Ok(())
}

/// `ExponentialHistogramDataPoint`, brought to explicit bounds: bucket i of scale s ends at
/// 2^((i + 1) / 2^s) (OpenTelemetry data model, *ExponentialHistogram*).
pub(super) fn exponential(
    b: &mut Builder<'_>,
    metric: &Metric,
    message: &[u8],
) -> Result<(), Refusal> {
    let mut p = Point::default();
    let (mut count, mut scale, mut zero, mut sum) = (0u64, 0i64, 0u64, None);
    let (mut positive, mut negative) = (Buckets::default(), Buckets::default());
    let cap = b.budget.limits.buckets;
    for field in Fields::new(message) {
        match field? {
            (1, v) => p.attribute(v.bytes()?, &mut b.budget, &mut b.rejections)?,
            (2, v) => p.start = v.fixed64()?,
            (3, v) => p.time = v.fixed64()?,
            (4, v) => count = v.fixed64()?,
            (5, v) => sum = Some(v.double()?).filter(|s| s.is_finite()),
            (6, v) => scale = zigzag(v.varint()?),
            (7, v) => zero = v.fixed64()?,
            (8, v) => positive = Buckets::read(v.bytes()?, cap)?,
            (9, v) => negative = Buckets::read(v.bytes()?, cap)?,
            (10, v) => p.stale = v.varint()? & 1 != 0,
            _ => {}
        }
    }
    if !b.in_time(metric, &p) {
        return Ok(());
    }
    if p.stale {
        b.rejections.not_finite += 1;
        return Ok(());
    }
    let total =
        [zero, positive.total(), negative.total()].iter().fold(0u64, |a, n| a.saturating_add(*n));
    if !(-10..=20).contains(&scale) {
        b.reject(metric, "exponential histogram scale outside -10 to 20");
    } else if positive.counts.len() > cap || negative.counts.len() > cap {
        b.reject(metric, "more than 10,000 buckets");
    } else if positive.overflows() || negative.overflows() {
        b.reject(metric, "exponential histogram offset overflows");
    } else if total != count {
        b.reject(metric, "exponential histogram bucket counts do not add up to its count");
    } else {
        let h = explicit(count, sum, scale as i32, zero, &positive, &negative);
        b.push_histogram(p.row(metric, None), &p, h);
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Buckets {
    offset: i64,
    counts: Vec<u64>,
}

impl Buckets {
    fn read(message: &[u8], cap: usize) -> Result<Self, Refusal> {
        let mut out = Self::default();
        for field in Fields::new(message) {
            match field? {
                (1, Value::Varint(n)) => out.offset = zigzag(n),
                (2, v) => v.packed_varint(&mut |n| {
                    if out.counts.len() <= cap {
                        out.counts.push(n);
                    }
                })?,
                _ => {}
            }
        }
        Ok(out)
    }

    fn total(&self) -> u64 {
        self.counts.iter().fold(0, |a, n| a.saturating_add(*n))
    }

    fn overflows(&self) -> bool {
        i32::try_from(self.offset).is_err()
            || i32::try_from(self.offset + self.counts.len() as i64).is_err()
    }
}

fn explicit(
    count: u64,
    sum: Option<f64>,
    scale: i32,
    zero: u64,
    positive: &Buckets,
    negative: &Buckets,
) -> HistogramPoint {
    let base = 2f64.powf(2f64.powi(-scale));
    let edge = |i: i64| base.powf(i as f64);
    let mut rows: Vec<(f64, u64)> = Vec::new();
    for (i, n) in negative.counts.iter().enumerate().rev() {
        rows.push((-edge(negative.offset + i as i64), *n));
    }
    // All that is not below the first positive bucket's lower edge.
    rows.push((if positive.counts.is_empty() { 0.0 } else { edge(positive.offset) }, zero));
    for (i, n) in positive.counts.iter().enumerate() {
        rows.push((edge(positive.offset + i as i64 + 1), *n));
    }
    // Edges beyond the range of numbers, or too close to tell apart, share a bucket.
    let mut h = HistogramPoint { count, sum, ..HistogramPoint::default() };
    let mut open = 0u64;
    for (bound, n) in rows {
        open = open.saturating_add(n);
        if bound.is_finite() && h.bounds.last().is_none_or(|last| bound > *last) {
            h.bounds.push(bound);
            h.counts.push(std::mem::take(&mut open));
        }
    }
    h.counts.push(open);
    h
}

/// `SummaryDataPoint`: each quantile is a gauge series of its own, count and sum are counters.
pub(super) fn summary(b: &mut Builder<'_>, metric: &Metric, message: &[u8]) -> Result<(), Refusal> {
    let mut p = Point::default();
    let (mut count, mut sum, mut quantiles) = (0, 0.0, Vec::new());
    for field in Fields::new(message) {
        match field? {
            (7, v) => p.attribute(v.bytes()?, &mut b.budget, &mut b.rejections)?,
            (2, v) => p.start = v.fixed64()?,
            (3, v) => p.time = v.fixed64()?,
            (4, v) => count = v.fixed64()?,
            (5, v) => sum = v.double()?,
            (6, v) => {
                let (mut q, mut x) = (0.0, 0.0);
                for field in Fields::new(v.bytes()?) {
                    match field? {
                        (1, v) => q = v.double()?,
                        (2, v) => x = v.double()?,
                        _ => {}
                    }
                }
                if quantiles.len() < b.budget.limits.attributes_per_item {
                    quantiles.push((q, x));
                }
            }
            (8, v) => p.stale = v.varint()? & 1 != 0,
            _ => {}
        }
    }
    if !b.in_time(metric, &p) {
        return Ok(());
    }
    if p.stale {
        b.rejections.not_finite += 1;
        return Ok(());
    }
    let gauge = Metric { temporality: Temporality::Gauge, monotonic: false, ..metric.clone() };
    for (q, x) in quantiles {
        if (0.0..=1.0).contains(&q) && x.is_finite() {
            b.push(p.row(&gauge, Some(("quantile", q.to_string()))), &p, PointValue::Number(x));
        } else {
            b.rejections.not_finite += 1;
        }
    }
    let counter = |stat: &str, unit: &str| Metric {
        name: format!("{}.{stat}", metric.name),
        unit: unit.to_owned(),
        temporality: Temporality::Cumulative,
        monotonic: true,
        ..metric.clone()
    };
    b.push(p.row(&counter("count", "1"), None), &p, PointValue::Number(count as f64));
    if sum.is_finite() {
        b.push(p.row(&counter("sum", &metric.unit), None), &p, PointValue::Number(sum));
    }
    Ok(())
}
