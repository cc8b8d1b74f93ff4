//! Gauges and sums.

use super::super::wire::{Fault, Fields, Flaw, Value};
use super::series::{Part, RawAttributes};
use super::{Head, Metric, NO_RECORDED_VALUE, Refused, Walk, bad};
use longpole_model::signal::{PointValue, Temporality, Timestamp};

impl<'a> Walk<'a, '_> {
    /// A gauge's point: what is not finite is counted and kept out.
    pub(super) fn gauge(
        &mut self,
        point: &'a [u8],
        metric: &mut Metric<'a, '_>,
    ) -> Result<Result<(), Refused>, Fault> {
        let (head, value) = self.number(point)?;
        if head.silent {
            return Ok(Ok(()));
        }
        if let Err(refused) = self.timely(&head) {
            return Ok(Err(refused));
        }
        match value {
            None => return Ok(Err(bad("has no value"))),
            Some(x) if !x.is_finite() => self.rejections.not_finite += 1,
            Some(x) => {
                let way = (Temporality::Gauge, false);
                self.push(metric, &head, Part::Whole, way, PointValue::Number(x))?;
            }
        }
        Ok(Ok(()))
    }

    /// A sum's point.
    pub(super) fn sum(
        &mut self,
        point: &'a [u8],
        metric: &mut Metric<'a, '_>,
    ) -> Result<Result<(), Refused>, Fault> {
        let (head, value) = self.number(point)?;
        if head.silent {
            return Ok(Ok(()));
        }
        if let Err(refused) = self.timely(&head) {
            return Ok(Err(refused));
        }
        let temporality = match (metric.temporality, metric.monotonic) {
            // What may fall stands for itself.
            (Some(Temporality::Delta), _) => Temporality::Delta,
            (_, false) => Temporality::Gauge,
            (Some(temporality), true) => temporality,
            (None, true) => return Ok(Err(bad("is a sum without temporality"))),
        };
        let x = match value {
            None => return Ok(Err(bad("has no value"))),
            Some(x) if !x.is_finite() => return Ok(Err(bad("is a sum that is not finite"))),
            Some(x) if metric.monotonic && x < 0.0 => {
                return Ok(Err(bad("is a counter below zero")));
            }
            Some(x) => x,
        };
        let way = (temporality, metric.monotonic);
        self.push(metric, &head, Part::Whole, way, PointValue::Number(x))?;
        Ok(Ok(()))
    }

    /// Reads a `NumberDataPoint`.
    fn number(&mut self, point: &'a [u8]) -> Result<(Head<'a>, Option<f64>), Fault> {
        let (mut start, mut time, mut flags) = (0, 0, 0);
        let mut value = None;
        let mut fields = Fields::of(point);
        while let Some(field) = fields.next()? {
            match field {
                (2, Value::Fixed64(t)) => start = t,
                (3, Value::Fixed64(t)) => time = t,
                (4, Value::Fixed64(bits)) => value = Some(f64::from_bits(bits)),
                (6, Value::Fixed64(n)) => value = Some(n.cast_signed() as f64),
                (7, Value::Bytes(attribute)) => self.attribute(attribute)?,
                (8, Value::Varint(bits)) => flags = bits,
                (2 | 3 | 4 | 6 | 7 | 8, _) => return Err(fields.fault(Flaw::WireType)),
                _ => {}
            }
        }
        let head = Head {
            start: Timestamp(start),
            time: Timestamp(time),
            silent: flags & NO_RECORDED_VALUE != 0,
            attributes: RawAttributes { point, number: 7 },
        };
        Ok((head, value))
    }
}
