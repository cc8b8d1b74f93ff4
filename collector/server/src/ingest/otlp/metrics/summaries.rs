//! Summaries: quantiles that someone else computed become gauges, count and sum become counters.

use super::super::wire::{Fault, Fields, Flaw, Value};
use super::series::{Part, RawAttributes};
use super::{Head, Metric, NO_RECORDED_VALUE, Refused, Walk, bad};
use longpole_model::signal::{PointValue, Temporality, Timestamp};

impl<'a> Walk<'a, '_> {
    /// A summary's point.
    pub(super) fn summary(
        &mut self,
        point: &'a [u8],
        metric: &mut Metric<'a, '_>,
    ) -> Result<Result<(), Refused>, Fault> {
        let (mut start, mut time, mut flags, mut count) = (0, 0, 0, 0);
        let mut sum = 0.0;
        let mut quantiles = 0;
        let mut fields = Fields::of(point);
        while let Some(field) = fields.next()? {
            match field {
                (2, Value::Fixed64(t)) => start = t,
                (3, Value::Fixed64(t)) => time = t,
                (4, Value::Fixed64(n)) => count = n,
                (5, Value::Fixed64(bits)) => sum = f64::from_bits(bits),
                (6, Value::Bytes(message)) => {
                    self.budget.item(message)?;
                    let (quantile, _) = read_quantile(message)?;
                    quantiles += 1;
                    if quantiles > self.limits.attributes_per_item {
                        return Ok(Err(bad("has too many quantiles")));
                    }
                    if !(0.0..=1.0).contains(&quantile) {
                        return Ok(Err(bad("has a quantile outside 0 to 1")));
                    }
                }
                (7, Value::Bytes(attribute)) => self.attribute(attribute)?,
                (8, Value::Varint(bits)) => flags = bits,
                (2..=8, _) => return Err(fields.fault(Flaw::WireType)),
                _ => {}
            }
        }
        let head = Head {
            start: Timestamp(start),
            time: Timestamp(time),
            silent: flags & NO_RECORDED_VALUE != 0,
            attributes: RawAttributes { point, number: 7 },
        };
        if head.silent {
            return Ok(Ok(()));
        }
        if let Err(refused) = self.timely(&head) {
            return Ok(Err(refused));
        }
        let counter = (Temporality::Cumulative, true);
        self.push(metric, &head, Part::Count, counter, PointValue::Number(count as f64))?;
        if sum.is_finite() && sum >= 0.0 {
            self.push(metric, &head, Part::Sum, counter, PointValue::Number(sum))?;
        } else {
            self.rejections.not_finite += 1;
        }
        self.quantiles(point, metric, &head)?;
        Ok(Ok(()))
    }

    fn quantiles(
        &mut self,
        point: &'a [u8],
        metric: &mut Metric<'a, '_>,
        head: &Head<'a>,
    ) -> Result<(), Fault> {
        let mut fields = Fields::of(point);
        while let Some(field) = fields.next()? {
            let (6, Value::Bytes(message)) = field else { continue };
            let (quantile, value) = read_quantile(message)?;
            // Its series is found by reading the whole point.
            self.budget.read_again(point)?;
            if value.is_finite() {
                // 0.0 and -0.0 are one quantile.
                let part = Part::Quantile((quantile + 0.0).to_bits());
                let way = (Temporality::Gauge, false);
                self.push(metric, head, part, way, PointValue::Number(value))?;
            } else {
                self.rejections.not_finite += 1;
            }
        }
        Ok(())
    }
}

fn read_quantile(message: &[u8]) -> Result<(f64, f64), Fault> {
    let (mut quantile, mut value) = (0.0, 0.0);
    let mut fields = Fields::of(message);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Fixed64(bits)) => quantile = f64::from_bits(bits),
            (2, Value::Fixed64(bits)) => value = f64::from_bits(bits),
            (1 | 2, _) => return Err(fields.fault(Flaw::WireType)),
            _ => {}
        }
    }
    Ok((quantile, value))
}
