//! Exponential histograms, brought to explicit bounds.
//!
//! Bucket `i` of scale `s` holds what lies in `(b^i, b^(i+1)]` with `b = 2^(2^-s)`. Runs of empty
//! buckets become one.

use super::super::wire::{Fault, Fields, Flaw, Value};
use super::histograms::{add, total};
use super::series::RawAttributes;
use super::{Head, Metric, NO_RECORDED_VALUE, Refused, Walk, bad};
use longpole_model::signal::Timestamp;

/// One side's buckets.
#[derive(Default)]
struct Side {
    offset: i32,
    counts: Vec<u64>,
    over: bool,
}

impl<'a> Walk<'a, '_> {
    /// An exponential histogram's point.
    pub(super) fn exponential(
        &mut self,
        point: &'a [u8],
        metric: &mut Metric<'a, '_>,
    ) -> Result<Result<(), Refused>, Fault> {
        let (mut start, mut time, mut flags, mut count, mut zeros) = (0, 0, 0, 0, 0);
        let (mut scale, mut threshold, mut sum) = (0, 0.0, None);
        let (mut positive, mut negative) = (Side::default(), Side::default());
        let cap = self.limits.buckets;
        let mut fields = Fields::of(point);
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Bytes(attribute)) => self.attribute(attribute)?,
                (2, Value::Fixed64(t)) => start = t,
                (3, Value::Fixed64(t)) => time = t,
                (4, Value::Fixed64(n)) => count = n,
                (5, Value::Fixed64(bits)) => sum = Some(f64::from_bits(bits)),
                (6, Value::Varint(n)) => scale = zigzag(n),
                (7, Value::Fixed64(n)) => zeros = n,
                (8, Value::Bytes(message)) => positive.read(message, cap)?,
                (9, Value::Bytes(message)) => negative.read(message, cap)?,
                (10, Value::Varint(bits)) => flags = bits,
                (14, Value::Fixed64(bits)) => threshold = f64::from_bits(bits),
                (1..=10 | 14, _) => return Err(fields.fault(Flaw::WireType)),
                _ => {}
            }
        }
        let head = Head {
            start: Timestamp(start),
            time: Timestamp(time),
            silent: flags & NO_RECORDED_VALUE != 0,
            attributes: RawAttributes { point, number: 1 },
        };
        if head.silent {
            return Ok(Ok(()));
        }
        let sides = [&positive, &negative];
        let judged = self.timely(&head).and_then(|()| {
            if sides.iter().any(|s| s.over) || positive.counts.len() + negative.counts.len() > cap {
                return Err(bad("has too many buckets"));
            }
            if !(-10..=20).contains(&scale) {
                return Err(bad("has a scale outside -10 to 20"));
            }
            let all = total(&positive.counts).zip(total(&negative.counts));
            let all = all.and_then(|(p, n)| p.checked_add(n)?.checked_add(zeros));
            if all != Some(count) {
                return Err(bad("has a count that is not the sum of its buckets"));
            }
            self.counts.clear();
            self.bounds.clear();
            let mut explicit = Explicit { bounds: &mut self.bounds, counts: &mut self.counts };
            explicit.build(scale, (zeros, threshold), &positive, &negative)
        });
        match judged {
            Ok(()) => self.push_histogram(metric, &head, count, sum),
            Err(refused) => Ok(Err(refused)),
        }
    }
}

impl Side {
    fn read(&mut self, message: &[u8], cap: usize) -> Result<(), Fault> {
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Varint(n)) => self.offset = zigzag(n),
                (2, Value::Varint(n)) => self.over |= !add(&mut self.counts, n, cap),
                (2, Value::Bytes(packed)) => {
                    let mut numbers = Fields::of(packed);
                    while !numbers.is_at_end() {
                        self.over |= !add(&mut self.counts, numbers.varint()?, cap);
                    }
                }
                (1 | 2, _) => return Err(fields.fault(Flaw::WireType)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Index and count of the buckets that hold something.
    fn filled(&self) -> impl DoubleEndedIterator<Item = (i64, u64)> + '_ {
        let counts = self.counts.iter().enumerate();
        counts.map(|(i, n)| (i64::from(self.offset) + i as i64, *n)).filter(|(_, n)| *n > 0)
    }
}

/// Explicit buckets in the making, in ascending order.
struct Explicit<'s> {
    bounds: &'s mut Vec<f64>,
    counts: &'s mut Vec<u64>,
}

impl Explicit<'_> {
    fn build(
        &mut self,
        scale: i32,
        (zeros, threshold): (u64, f64),
        positive: &Side,
        negative: &Side,
    ) -> Result<(), Refused> {
        let power = |i: i64| (i as f64 * f64::from(-scale).exp2()).exp2();
        for side in [positive, negative] {
            let last = i64::from(side.offset) + side.counts.len() as i64;
            if i32::try_from(last).is_err() {
                return Err(bad("has a bucket offset that overflows"));
            }
        }
        for (i, n) in negative.filled().rev() {
            // Only the outermost bucket may reach to infinity.
            let (lower, upper) = (-power(i + 1), -power(i));
            if lower.is_finite() {
                self.bucket(lower, 0)?;
            } else if !self.bounds.is_empty() {
                return Err(bad("has a bucket offset that overflows"));
            }
            self.bucket(upper, n)?;
        }
        if zeros > 0 {
            let threshold = if threshold.is_finite() { threshold.abs() } else { 0.0 };
            let lower = self.bounds.last().copied().unwrap_or(f64::NEG_INFINITY);
            let highest = positive.filled().next().map_or(f64::INFINITY, |(i, _)| power(i));
            // The zero bucket ends at its threshold, where its neighbours leave it room.
            self.bucket(threshold.min(highest).max(lower), zeros)?;
        }
        for (i, n) in positive.filled() {
            self.bucket(power(i), 0)?;
            let upper = power(i + 1);
            if upper.is_infinite() {
                self.counts.push(n);
                // Nothing can lie above: any further bucket is a contradiction.
                let more = positive.filled().any(|(j, _)| j > i);
                return if more { Err(bad("has a bucket offset that overflows")) } else { Ok(()) };
            }
            self.bucket(upper, n)?;
        }
        self.counts.push(0);
        Ok(())
    }

    /// Adds a bucket up to `upper`. Bounds too close together to be told apart become one.
    fn bucket(&mut self, upper: f64, n: u64) -> Result<(), Refused> {
        if !upper.is_finite() {
            return Err(bad("has a bucket offset that overflows"));
        }
        match (self.bounds.last(), self.counts.last_mut()) {
            // The total fits 64 bits, so does any part of it.
            (Some(last), Some(count)) if *last >= upper => *count = count.saturating_add(n),
            _ => {
                self.bounds.push(upper);
                self.counts.push(n);
            }
        }
        Ok(())
    }
}

fn zigzag(n: u64) -> i32 {
    let n = n as u32;
    ((n >> 1) ^ (n & 1).wrapping_neg()).cast_signed()
}
