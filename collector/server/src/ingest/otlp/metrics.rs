//! The walk over an `ExportMetricsServiceRequest`: metrics, their kinds of data, their points.
//!
//! What makes a point bad is decided where its kind is read ([`numbers`], [`histograms`],
//! [`exponential`], [`summaries`]); what a series means is the core's business.

mod exponential;
mod histograms;
mod numbers;
mod series;
mod summaries;

use super::DecodeLimits;
use super::dictionary::Dictionary;
use super::filed::Filed;
use super::sender::Sender;
use super::validity::{horizon, point_times};
use super::value::{Budget, key_value};
use super::wire::{Fault, Fields, Flaw, Value, address};
use longpole_model::signal::{
    Batch, MetricPoint, PointValue, Reason, Rejections, Temporality, Timestamp,
};
use series::{Part, RawAttributes, SeriesKey};

/// `DataPointFlags.NO_RECORDED_VALUE_MASK`.
const NO_RECORDED_VALUE: u64 = 1;

/// Walks `payload` into `batch`.
pub(super) fn walk(
    payload: &[u8],
    limits: &DecodeLimits,
    now: Option<Timestamp>,
    dictionary: &mut Dictionary,
    batch: &mut Batch,
    rejections: &mut Rejections,
) -> Result<(), Fault> {
    let mut walk = Walk {
        base: address(payload),
        limits: *limits,
        horizon: horizon(now),
        budget: Budget::new(limits),
        dictionary,
        series: Filed::new(),
        counts: Vec::new(),
        bounds: Vec::new(),
        batch,
        rejections,
    };
    let mut request = Fields::of(payload);
    while let Some(field) = request.next()? {
        match field {
            (1, Value::Bytes(message)) => walk.resource_metrics(message)?,
            (1, _) => return Err(request.fault(Flaw::WireType)),
            _ => {}
        }
    }
    Ok(())
}

struct Walk<'a, 'b> {
    base: usize,
    limits: DecodeLimits,
    horizon: Timestamp,
    budget: Budget,
    dictionary: &'b mut Dictionary,
    series: Filed<SeriesKey<'a>>,
    /// Scratch for bucket counts and bounds.
    counts: Vec<u64>,
    bounds: Vec<f64>,
    batch: &'b mut Batch,
    rejections: &'b mut Rejections,
}

/// What the points of one metric share.
struct Metric<'a, 's> {
    name: &'a [u8],
    unit: &'a [u8],
    temporality: Option<Temporality>,
    monotonic: bool,
    sender: &'s mut Sender<'a>,
}

/// What all kinds of points share.
#[derive(Clone, Copy)]
struct Head<'a> {
    start: Timestamp,
    time: Timestamp,
    silent: bool,
    attributes: RawAttributes<'a>,
}

/// Why one point is refused.
type Refused = (Reason, &'static str);

/// A point that contradicts itself.
fn bad(why: &'static str) -> Refused {
    (Reason::BadPoint, why)
}

impl<'a> Walk<'a, '_> {
    fn resource_metrics(&mut self, message: &'a [u8]) -> Result<(), Fault> {
        let mut sender = Sender::of(message)?;
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next()? {
            match field {
                (2, Value::Bytes(scope)) => self.scope_metrics(scope, &mut sender)?,
                (2, _) => return Err(fields.fault(Flaw::WireType)),
                _ => {}
            }
        }
        Ok(())
    }

    fn scope_metrics(&mut self, message: &'a [u8], sender: &mut Sender<'a>) -> Result<(), Fault> {
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next()? {
            match field {
                (2, Value::Bytes(metric)) => self.metric(metric, sender)?,
                (2, _) => return Err(fields.fault(Flaw::WireType)),
                _ => {}
            }
        }
        Ok(())
    }

    fn metric(&mut self, message: &'a [u8], sender: &mut Sender<'a>) -> Result<(), Fault> {
        let (mut name, mut unit): (&[u8], &[u8]) = (&[], &[]);
        let mut kind = 0;
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Bytes(text)) => name = text,
                (3, Value::Bytes(text)) => unit = text,
                (n @ (5 | 7 | 9 | 10 | 11), Value::Bytes(_)) => kind = n,
                (1 | 3 | 5 | 7 | 9 | 10 | 11, _) => return Err(fields.fault(Flaw::WireType)),
                _ => {}
            }
        }
        // Names are read again for each point: no more of them than is kept.
        let most = self.limits.text.saturating_add(5);
        let (name, unit) = (name.get(..most).unwrap_or(name), unit.get(..most).unwrap_or(unit));
        // Of several kinds the last one counts, with all its pieces.
        let mut metric = Metric { name, unit, temporality: None, monotonic: false, sender };
        let mut fields = Fields::of(message);
        while let Some((n, value)) = fields.next()? {
            if let Value::Bytes(data) = value
                && n == kind
            {
                self.data(kind, data, &mut metric)?;
            }
        }
        Ok(())
    }

    fn data(
        &mut self,
        kind: u32,
        message: &'a [u8],
        metric: &mut Metric<'a, '_>,
    ) -> Result<(), Fault> {
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next()? {
            match field {
                (2, Value::Varint(n)) => {
                    metric.temporality = match n & 0xffff_ffff {
                        1 => Some(Temporality::Delta),
                        2 => Some(Temporality::Cumulative),
                        _ => None,
                    }
                }
                (3, Value::Varint(n)) => metric.monotonic = n != 0,
                (2 | 3, _) => return Err(fields.fault(Flaw::WireType)),
                _ => {}
            }
        }
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next()? {
            let point = match field {
                (1, Value::Bytes(point)) => point,
                (1, _) => return Err(fields.fault(Flaw::WireType)),
                _ => continue,
            };
            self.budget.item(point)?;
            let refused = if metric.name.is_empty() {
                Err(bad("has no name"))
            } else {
                match kind {
                    5 => self.gauge(point, metric)?,
                    7 => self.sum(point, metric)?,
                    9 => self.histogram(point, metric)?,
                    10 => self.exponential(point, metric)?,
                    _ => self.summary(point, metric)?,
                }
            };
            if let Err((reason, why)) = refused {
                self.refuse(reason, why, metric.name, point);
            }
        }
        Ok(())
    }

    /// Reads one attribute of a point for its caps; what it says is read when its series is new.
    fn attribute(&mut self, attribute: &'a [u8]) -> Result<(), Fault> {
        key_value(attribute, &mut self.budget).map(drop)
    }

    /// Checks a point's times.
    fn timely(&self, head: &Head<'_>) -> Result<(), Refused> {
        point_times(head.start, head.time, self.horizon).map_or(Ok(()), Err)
    }

    /// Adds a point that was found good.
    fn push(
        &mut self,
        metric: &mut Metric<'a, '_>,
        head: &Head<'a>,
        part: Part,
        (temporality, monotonic): (Temporality, bool),
        value: PointValue,
    ) -> Result<(), Fault> {
        let sender = &mut metric.sender;
        let sender = sender.filed(self.dictionary, &mut self.budget, self.rejections)?;
        let resource = self.dictionary.place_resource(sender.number, &mut self.batch.resources);
        let (name, unit) = (metric.name, metric.unit);
        let attributes = head.attributes;
        let key = SeriesKey { resource, name, unit, part, temporality, monotonic, attributes };
        let series = self.file(key)?;
        let point = MetricPoint { series, start: head.start, time: head.time, value };
        self.batch.points.push(point);
        Ok(())
    }

    fn file(&mut self, key: SeriesKey<'a>) -> Result<u32, Fault> {
        let hash = key.hash(self.dictionary.seed())?;
        if let Some(series) = self.series.find(hash, &key) {
            return Ok(series);
        }
        let row = key.row(&self.limits, self.rejections)?;
        let texts = row.attributes.iter().map(|(k, v)| k.len() + v.len() + 2 * size_of::<String>());
        let size = texts.sum::<usize>() + row.name.len() + row.unit.len();
        self.budget.build(size, key.attributes.point)?;
        let seed = self.dictionary.seed();
        Ok(self.series.file(seed, (hash, key), &mut self.batch.series, row))
    }

    #[cold]
    fn refuse(&mut self, reason: Reason, why: &str, name: &[u8], point: &[u8]) {
        self.rejections.points.add(reason, 1);
        if self.rejections.message.is_none() {
            let name = super::text::clean(name, 100, &mut Rejections::default());
            let at = address(point).saturating_sub(self.base);
            let reason = reason.as_str();
            self.rejections.message =
                Some(format!("{reason}: point of metric {name:?} (byte {at}) {why}"));
        }
    }
}
