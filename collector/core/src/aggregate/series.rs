//! Metric points become gains and values per window: temporality, resets and histograms.
//!
//! A cumulative counter shows what it gained since its last point; a reset starts again from what
//! it shows. A histogram becomes a count series and two quantile series, estimated from its buckets.

use crate::catalog::MappedSeries;
use crate::hash::IdHash;
use longpole_model::signal::{
    Fixed, HistogramPoint, MetricPoint, PointValue, SeriesId, SeriesSummary, Temporality, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// What is remembered of a counter or histogram between points.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Last {
    time: Timestamp,
    start: Timestamp,
    value: f64,
    counts: Vec<u64>,
    bounds: Vec<f64>,
}

/// State of all series of a shard.
#[derive(Debug, Default)]
pub struct SeriesTable {
    last: HashMap<SeriesId, Last, IdHash>,
}

/// What one point says about its window: (series, summary) pairs.
pub type Observed = Vec<(SeriesId, SeriesSummary)>;

/// A series and what is remembered of it between points.
pub type Shown = (SeriesId, Last);

impl SeriesTable {
    /// All that is remembered, by id.
    pub fn capture(&self) -> Vec<Shown> {
        let mut all: Vec<Shown> = self.last.iter().map(|(id, last)| (*id, last.clone())).collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all
    }

    /// A table that remembers this.
    pub fn resume<'a>(shown: impl Iterator<Item = &'a Shown>) -> Self {
        Self { last: shown.cloned().collect() }
    }

    /// Takes a point. `None`: a counter's point that is not newer than its last one (a resend).
    pub fn take(
        &mut self,
        point: &MetricPoint,
        series: MappedSeries,
        temporality: Temporality,
        histograms: &[HistogramPoint],
    ) -> Option<Observed> {
        match point.value {
            PointValue::Number(x) => match temporality {
                Temporality::Gauge => Some(vec![(series.id, gauge(x))]),
                Temporality::Delta | Temporality::Cumulative => {
                    self.counter(point, series.id, x, temporality)
                }
            },
            PointValue::Histogram(i) => match histograms.get(i as usize) {
                Some(h) => self.histogram(point, series, temporality, h),
                None => Some(Vec::new()),
            },
        }
    }

    fn counter(
        &mut self,
        point: &MetricPoint,
        id: SeriesId,
        x: f64,
        temporality: Temporality,
    ) -> Option<Observed> {
        let last = self.last.get(&id);
        if last.is_some_and(|l| point.time <= l.time) {
            return None;
        }
        let since = last.map(|l| l.time).or((point.start.0 > 0).then_some(point.start));
        let gain = match (temporality, last) {
            (Temporality::Delta | Temporality::Gauge, _) => Some(x),
            // A later start or a fall is a reset: all it shows was gained since.
            (Temporality::Cumulative, Some(l)) if x < l.value || point.start > l.start => Some(x),
            (Temporality::Cumulative, Some(l)) => Some(x - l.value),
            (Temporality::Cumulative, None) => None,
        };
        let seen = Last { time: point.time, start: point.start, value: x, ..Last::default() };
        self.last.insert(id, seen);
        Some(gain.map(|g| (id, gained(g, since, point.time))).into_iter().collect())
    }

    fn histogram(
        &mut self,
        point: &MetricPoint,
        series: MappedSeries,
        temporality: Temporality,
        h: &HistogramPoint,
    ) -> Option<Observed> {
        let last = self.last.get(&series.id);
        if last.is_some_and(|l| point.time <= l.time) {
            return None;
        }
        let since = last.map(|l| l.time).or((point.start.0 > 0).then_some(point.start));
        let gained_counts: Option<Vec<u64>> = match (temporality, last) {
            (Temporality::Delta | Temporality::Gauge, _) => Some(h.counts.clone()),
            (Temporality::Cumulative, None) => None,
            (Temporality::Cumulative, Some(l)) => {
                let fell = || h.counts.iter().zip(&l.counts).any(|(now, then)| now < then);
                if l.bounds != h.bounds || point.start > l.start || fell() {
                    Some(h.counts.clone())
                } else {
                    Some(h.counts.iter().zip(&l.counts).map(|(now, then)| now - then).collect())
                }
            }
        };
        let seen = Last {
            time: point.time,
            start: point.start,
            value: 0.0,
            counts: h.counts.clone(),
            bounds: h.bounds.clone(),
        };
        self.last.insert(series.id, seen);
        let Some(counts) = gained_counts else { return Some(Vec::new()) };
        let total: u64 = counts.iter().fold(0, |a, b| a.saturating_add(*b));
        let mut out = vec![(series.id, gained(total as f64, since, point.time))];
        if series.quantiles[0] != series.id {
            for (id, q) in series.quantiles.into_iter().zip([0.5, 0.99]) {
                if let Some(x) = quantile(&h.bounds, &counts, q) {
                    out.push((id, gauge(x)));
                }
            }
        }
        Some(out)
    }
}

fn gauge(x: f64) -> SeriesSummary {
    let x = Fixed::from_f64(x);
    SeriesSummary { points: 1, sum: x, covered_ns: 0, min: x, max: x }
}

fn gained(gain: f64, since: Option<Timestamp>, time: Timestamp) -> SeriesSummary {
    // Without a known start the gain covers an unknown stretch; one second keeps it a rate.
    let covered_ns = since.map_or(longpole_model::signal::SECOND, |s| time.since(s)).max(1);
    SeriesSummary { covered_ns, ..gauge(gain) }
}

/// Quantile of bucket counts by linear interpolation inside the bucket, as Prometheus'
/// `histogram_quantile` does; the open last bucket reports its lower bound.
pub fn quantile(bounds: &[f64], counts: &[u64], q: f64) -> Option<f64> {
    let total: u64 = counts.iter().fold(0, |a, b| a.saturating_add(*b));
    if total == 0 || bounds.is_empty() {
        return None;
    }
    let rank = q * total as f64;
    let mut below = 0u64;
    for (i, &n) in counts.iter().enumerate() {
        let reached = below.saturating_add(n);
        if n > 0 && reached as f64 >= rank {
            let Some(&upper) = bounds.get(i) else { return bounds.last().copied() };
            let lower = match i {
                0 if upper > 0.0 => 0.0,
                0 => return Some(upper),
                _ => bounds[i - 1],
            };
            return Some(
                lower + (upper - lower) * ((rank - below as f64) / n as f64).clamp(0.0, 1.0),
            );
        }
        below = reached;
    }
    bounds.last().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: MappedSeries =
        MappedSeries { id: SeriesId(1), quantiles: [SeriesId(2), SeriesId(3)], overflow: false };

    fn at(time: u64, start: u64, value: PointValue) -> MetricPoint {
        MetricPoint { series: 0, start: Timestamp(start), time: Timestamp(time), value }
    }

    #[test]
    fn counters_gain_reset_and_ignore_resends() {
        let mut t = SeriesTable::default();
        let mut gain = |time, start, x| {
            let p = at(time, start, PointValue::Number(x));
            t.take(&p, S, Temporality::Cumulative, &[])
                .map(|o| o.first().map(|(_, s)| (s.sum.to_f64(), s.covered_ns)))
        };
        assert_eq!(gain(10, 1, 100.0), Some(None), "the first point has nothing to gain from");
        assert_eq!(gain(20, 1, 130.0), Some(Some((30.0, 10))));
        assert_eq!(gain(20, 1, 130.0), None);
        assert_eq!(gain(30, 1, 5.0), Some(Some((5.0, 10))), "it fell: a reset");
        assert_eq!(gain(40, 35, 7.0), Some(Some((7.0, 10))), "a new start: a reset");
    }

    #[test]
    fn histograms_show_quantiles_of_what_they_gained() {
        let mut t = SeriesTable::default();
        let h = |counts: [u64; 4]| HistogramPoint {
            count: counts.iter().sum(),
            sum: None,
            bounds: vec![1.0, 2.0, 4.0],
            counts: counts.to_vec(),
        };
        let hs = [h([10, 0, 0, 0]), h([10, 0, 100, 0])];
        let first = at(10, 1, PointValue::Histogram(0));
        assert_eq!(t.take(&first, S, Temporality::Cumulative, &hs), Some(vec![]));
        let second = at(20, 1, PointValue::Histogram(1));
        let got = t.take(&second, S, Temporality::Cumulative, &hs).unwrap();
        let values: Vec<f64> = got.iter().map(|(_, s)| s.sum.to_f64()).collect();
        assert_eq!(values[..2], [100.0, 3.0]);
        assert!((values[2] - 3.98).abs() < 1e-6);
    }
}
