//! `ExportMetricsServiceRequest` to a batch: series and their points.
//!
//! Single points are read in [`super::points`].

use super::attributes::Budget;
use super::points::{Point, exponential, histogram, number, summary};
use super::resource::Resources;
use super::span::plausible;
use super::text::clean;
use super::wire::{Fields, Value};
use super::{DecodeLimits, Refusal};
use longpole_model::signal::{
    Batch, MetricPoint, PointValue, Reason, Rejections, SeriesRow, Temporality, Timestamp,
};
use std::collections::HashMap;

/// A metric without its points.
#[derive(Clone, Debug, Default)]
pub(super) struct Metric {
    pub(super) resource: u32,
    pub(super) name: String,
    pub(super) unit: String,
    pub(super) temporality: Temporality,
    pub(super) monotonic: bool,
}

/// The batch while it is built.
pub(super) struct Builder<'l> {
    pub(super) budget: Budget<'l>,
    now: Option<Timestamp>,
    resources: Resources,
    index: HashMap<SeriesRow, u32>,
    batch: Batch,
    pub(super) rejections: Rejections,
}

/// Walks a metrics request.
///
/// # Errors
/// Only what makes the whole request unreadable or too large; a bad point is refused alone and
/// counted in the [`Rejections`].
pub fn metrics(
    payload: Vec<u8>,
    limits: &DecodeLimits,
    now: Option<Timestamp>,
) -> Result<(Batch, Rejections), Refusal> {
    if payload.len() > limits.bytes {
        let message = format!("{} bytes; at most {} are taken", payload.len(), limits.bytes);
        return Err(Refusal::new(Reason::TooLarge, message));
    }
    let mut b = Builder {
        budget: Budget::new(limits),
        now,
        resources: Resources::default(),
        index: HashMap::new(),
        batch: Batch::default(),
        rejections: Rejections::default(),
    };
    for field in Fields::new(&payload) {
        if let (1, v) = field? {
            b.resource_metrics(v.bytes()?)?;
        }
    }
    b.batch.resources = b.resources.rows;
    b.batch.payload = payload;
    Ok((b.batch, b.rejections))
}

impl Builder<'_> {
    fn resource_metrics(&mut self, message: &[u8]) -> Result<(), Refusal> {
        let mut resource = &[][..];
        for field in Fields::new(message) {
            if let (1, v) = field? {
                resource = v.bytes()?;
            }
        }
        let resource = self.resources.intern(resource, &mut self.budget, &mut self.rejections)?;
        for field in Fields::new(message) {
            let (2, Value::Bytes(scope)) = field? else { continue };
            for field in Fields::new(scope) {
                let (2, v) = field? else { continue };
                self.metric(resource, v.bytes()?)?;
            }
        }
        Ok(())
    }

    fn metric(&mut self, resource: u32, message: &[u8]) -> Result<(), Refusal> {
        let mut metric = Metric { resource, ..Metric::default() };
        let mut data = None;
        let limit = self.budget.limits.text;
        for field in Fields::new(message) {
            match field? {
                (1, v) => metric.name = clean(v.bytes()?, limit, &mut self.rejections),
                (3, v) => metric.unit = clean(v.bytes()?, limit, &mut self.rejections),
                (kind @ (5 | 7 | 9 | 10 | 11), v) => data = Some((kind, v.bytes()?)),
                _ => {}
            }
        }
        let Some((kind, data)) = data else { return Ok(()) };
        self.shape(kind, data, &mut metric)?;
        for field in Fields::new(data) {
            let (1, v) = field? else { continue };
            let point = v.bytes()?;
            self.budget.item("points")?;
            if metric.name.is_empty() {
                self.reject(&metric, "a metric needs a name");
                continue;
            }
            match kind {
                9 => histogram(self, &metric, point)?,
                10 => exponential(self, &metric, point)?,
                11 => summary(self, &metric, point)?,
                _ => number(self, &metric, point)?,
            }
        }
        Ok(())
    }

    /// Temporality and monotonicity: field 2 and 3 of sums and histograms.
    fn shape(&self, kind: u32, data: &[u8], metric: &mut Metric) -> Result<(), Refusal> {
        let mut temporality = 0;
        for field in Fields::new(data) {
            match field? {
                (2, Value::Varint(n)) => temporality = n,
                (3, Value::Varint(n)) => metric.monotonic = n != 0,
                _ => {}
            }
        }
        metric.temporality = match (kind, temporality) {
            (5, _) => Temporality::Gauge,
            (11, _) => Temporality::Cumulative,
            (7, _) if !metric.monotonic && temporality != 1 => Temporality::Gauge,
            (_, 1) => Temporality::Delta,
            _ => Temporality::Cumulative,
        };
        Ok(())
    }

    /// Refuses one point.
    pub(super) fn reject(&mut self, metric: &Metric, why: &str) {
        self.rejections.points.add(Reason::BadPoint, 1);
        if self.rejections.message.is_none() {
            self.rejections.message = Some(format!("metric {:?}: {why}", metric.name));
        }
    }

    /// Whether a point's times can be; refuses it if not.
    pub(super) fn in_time(&mut self, metric: &Metric, point: &Point) -> bool {
        if plausible(point.time, self.now) && point.start <= point.time {
            return true;
        }
        self.rejections.points.add(Reason::BadTime, 1);
        if self.rejections.message.is_none() {
            let (name, start, time) = (&metric.name, point.start, point.time);
            let why =
                "start must not be after time, time within 1980 to 2200 and at most an hour ahead";
            self.rejections.message =
                Some(format!("metric {name:?}: start {start}, time {time}: {why}"));
        }
        false
    }

    /// Adds an accepted point of a series.
    pub(super) fn push(&mut self, row: SeriesRow, point: &Point, value: PointValue) {
        let next = self.batch.series.len() as u32;
        let series = match self.index.get(&row) {
            Some(&at) => at,
            None => {
                self.batch.series.push(row.clone());
                self.index.insert(row, next);
                next
            }
        };
        let (start, time) = (Timestamp(point.start), Timestamp(point.time));
        self.batch.points.push(MetricPoint { series, start, time, value });
    }

    /// Adds a histogram value.
    pub(super) fn push_histogram(
        &mut self,
        row: SeriesRow,
        point: &Point,
        value: longpole_model::signal::HistogramPoint,
    ) {
        let at = self.batch.histograms.len() as u32;
        self.batch.histograms.push(value);
        self.push(row, point, PointValue::Histogram(at));
    }
}
