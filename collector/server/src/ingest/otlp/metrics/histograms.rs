//! Histograms with explicit bounds.

use super::super::wire::{Fault, Fields, Flaw, Value};
use super::series::{Part, RawAttributes};
use super::{Head, Metric, NO_RECORDED_VALUE, Refused, Walk, bad};
use longpole_model::signal::{HistogramPoint, PointValue, Timestamp};

impl<'a> Walk<'a, '_> {
    /// A histogram's point.
    pub(super) fn histogram(
        &mut self,
        point: &'a [u8],
        metric: &mut Metric<'a, '_>,
    ) -> Result<Result<(), Refused>, Fault> {
        let cap = self.limits.buckets;
        let (mut start, mut time, mut flags, mut count) = (0, 0, 0, 0);
        let mut sum = None;
        let mut over = false;
        self.counts.clear();
        self.bounds.clear();
        let mut fields = Fields::of(point);
        while let Some(field) = fields.next()? {
            match field {
                (2, Value::Fixed64(t)) => start = t,
                (3, Value::Fixed64(t)) => time = t,
                (4, Value::Fixed64(n)) => count = n,
                (5, Value::Fixed64(bits)) => sum = Some(f64::from_bits(bits)),
                (6, Value::Fixed64(n)) => over |= !add(&mut self.counts, n, cap),
                (7, Value::Fixed64(b)) => {
                    over |= !add(&mut self.bounds, f64::from_bits(b), cap);
                }
                // Repeated numbers stand packed or one by one.
                (6 | 7, Value::Bytes(packed)) => {
                    let (words, tail) = packed.as_chunks::<8>();
                    if !tail.is_empty() {
                        return Err(fields.fault(Flaw::Truncated));
                    }
                    for word in words.iter().take(cap + 1) {
                        let n = u64::from_le_bytes(*word);
                        over |= match field.0 {
                            6 => !add(&mut self.counts, n, cap),
                            _ => !add(&mut self.bounds, f64::from_bits(n), cap),
                        };
                    }
                }
                (9, Value::Bytes(attribute)) => self.attribute(attribute)?,
                (10, Value::Varint(bits)) => flags = bits,
                (2..=7 | 9 | 10, _) => return Err(fields.fault(Flaw::WireType)),
                _ => {}
            }
        }
        let head = Head {
            start: Timestamp(start),
            time: Timestamp(time),
            silent: flags & NO_RECORDED_VALUE != 0,
            attributes: RawAttributes { point, number: 9 },
        };
        if head.silent {
            return Ok(Ok(()));
        }
        let judged = if over { Err(bad("has too many buckets")) } else { self.timely(&head) };
        if let Err(refused) = judged.and_then(|()| self.coherent(count)) {
            return Ok(Err(refused));
        }
        if self.counts.is_empty() {
            self.counts.push(count);
        }
        self.push_histogram(metric, &head, count, sum)
    }

    fn coherent(&self, count: u64) -> Result<(), Refused> {
        if self.counts.is_empty() && self.bounds.is_empty() {
            return Ok(());
        }
        if self.counts.len() != self.bounds.len() + 1 {
            return Err(bad("has not one bucket more than bounds"));
        }
        let ascending = self.bounds.is_sorted_by(|a, b| a < b);
        if !ascending || !self.bounds.iter().all(|b| b.is_finite()) {
            return Err(bad("has bounds that are not finite and ascending"));
        }
        if total(&self.counts) != Some(count) {
            return Err(bad("has a count that is not the sum of its buckets"));
        }
        Ok(())
    }

    /// Adds the histogram that lies in the scratch space.
    pub(super) fn push_histogram(
        &mut self,
        metric: &mut Metric<'a, '_>,
        head: &Head<'a>,
        count: u64,
        sum: Option<f64>,
    ) -> Result<Result<(), Refused>, Fault> {
        let Some(temporality) = metric.temporality else {
            return Ok(Err(bad("is a histogram without temporality")));
        };
        let size = (self.counts.len() + self.bounds.len()) * size_of::<u64>();
        self.budget.build(size, head.attributes.point)?;
        let index = self.batch.histograms.len() as u32;
        self.batch.histograms.push(HistogramPoint {
            count,
            sum: sum.filter(|s| s.is_finite()),
            bounds: self.bounds.as_slice().to_vec(),
            counts: self.counts.as_slice().to_vec(),
        });
        let way = (temporality, true);
        self.push(metric, head, Part::Whole, way, PointValue::Histogram(index))?;
        Ok(Ok(()))
    }
}

/// The sum, `None` where it does not fit 64 bits.
pub(super) fn total(counts: &[u64]) -> Option<u64> {
    counts.iter().try_fold(0u64, |sum, n| sum.checked_add(*n))
}

/// Adds to a list that may hold `cap`; whether it did.
pub(super) fn add<T>(list: &mut Vec<T>, item: T, cap: usize) -> bool {
    let fits = list.len() < cap;
    if fits {
        list.push(item);
    }
    fits
}
