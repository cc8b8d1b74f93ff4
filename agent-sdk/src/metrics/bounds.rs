//! Upper bounds of buckets, and which bucket a value belongs to.
//!
//! Which one it is cannot be foreseen, and a branch that guesses wrong costs more than all the rest. So there is none:
//! exponent and leading digits of a value choose a step of a table, in which at most one bound lies, and that one
//! is compared. Bounds that are too many or too close for such a table are all compared.

use std::sync::Arc;

/// Steps of a table, at most.
const STEPS: usize = 512;
/// Digits of the mantissa that tell steps apart, at most: 64 steps to an octave.
const DIGITS: u32 = 6;

/// Upper bounds of buckets, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bounds {
    all: Arc<[f64]>,
    /// By step: how many bounds lie below it, and the one in it, else infinity. Empty = all are compared.
    steps: Arc<[Step]>,
    /// The first step, and what a value's bits are shifted by to get its own.
    first: u64,
    shift: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Step {
    bound: f64,
    below: usize,
}

impl Bounds {
    pub(super) fn new(bounds: &[f64]) -> Self {
        let mut all: Vec<f64> = bounds.iter().copied().filter(|b| b.is_finite()).collect();
        all.sort_by(f64::total_cmp);
        all.dedup();
        let shifts = (0..=DIGITS).map(|digits| 52 - digits);
        let table = shifts.filter_map(|shift| Some((shift, table(&all, shift)?))).next();
        let (shift, (first, steps)) = table.unwrap_or_default();
        Self { all: all.into(), steps: steps.into(), first, shift }
    }

    pub(super) fn all(&self) -> &[f64] {
        &self.all
    }

    /// How many lie below a value that is not negative: the number of its bucket.
    #[inline(always)]
    pub(super) fn below(&self, value: f64) -> usize {
        // Of numbers that are not negative, bits are in the order of values.
        let step = (value.to_bits() >> self.shift).saturating_sub(self.first) as usize;
        match self.steps.get(step.min(self.steps.len().wrapping_sub(1))) {
            Some(step) => step.below + usize::from(value > step.bound),
            None => self.all.iter().map(|b| usize::from(value > *b)).sum(),
        }
    }
}

/// The table for a shift; `None` when two bounds share a step, there would be too many, or bounds are not positive.
/// The first step takes everything below the first bound too, the last everything above the last.
fn table(all: &[f64], shift: u32) -> Option<(u64, Vec<Step>)> {
    let (least, greatest) = (all.first().filter(|b| **b > 0.0)?, all.last()?);
    let (first, last) = (least.to_bits() >> shift, greatest.to_bits() >> shift);
    // One more, in which nothing lies.
    let many = usize::try_from(last - first).ok()?.checked_add(2).filter(|n| *n <= STEPS)?;
    let mut steps = Vec::with_capacity(many);
    let mut below = 0;
    for step in 0..many as u64 {
        let mut inside = all[below..].iter().take_while(|b| b.to_bits() >> shift == first + step);
        let bound = inside.next().copied();
        if inside.next().is_some() {
            return None;
        }
        steps.push(Step { bound: bound.unwrap_or(f64::INFINITY), below });
        below += usize::from(bound.is_some());
    }
    Some((first, steps))
}

#[cfg(test)]
mod tests {
    use super::super::histogram::SECONDS;
    use super::*;
    use proptest::prelude::*;

    fn plainly(bounds: &Bounds, value: f64) -> usize {
        bounds.all().iter().filter(|b| value > **b).count()
    }

    #[test]
    fn bounds_of_durations_have_a_table() {
        let bounds = Bounds::new(&SECONDS);
        assert!(!bounds.steps.is_empty() && bounds.steps.len() <= 64, "{}", bounds.steps.len());
        for bound in SECONDS {
            let next = f64::from_bits(bound.to_bits() + 1);
            let at = [bound, next].map(|v| bounds.below(v));
            assert_eq!(at, [plainly(&bounds, bound), plainly(&bounds, next)]);
        }
        for odd in [&[][..], &[0.0, 1.0], &[-1.0, 5.0], &[1.0, 1.000_000_1], &[1e-300, 1e300]] {
            let bounds = Bounds::new(odd);
            for value in [0.0, 1e-310, 0.5, 1.0, 7.0, f64::MAX] {
                assert_eq!(bounds.below(value), plainly(&bounds, value), "{odd:?} {value}");
            }
        }
    }

    proptest! {
        #[test]
        fn every_value_finds_its_bucket(
            bounds in proptest::collection::vec(-1.0f64..1e6, 0..40),
            values in proptest::collection::vec(0.0f64..2e6, 1..40),
            small in proptest::collection::vec(0.0f64..1e-3, 1..10),
        ) {
            let positive: Vec<f64> = bounds.iter().copied().filter(|b| *b > 0.0).take(8).collect();
            for bounds in [Bounds::new(&bounds), Bounds::new(&positive)] {
                for value in values.iter().chain(&small).chain(bounds.all()).filter(|v| **v >= 0.0) {
                    prop_assert_eq!(bounds.below(*value), plainly(&bounds, *value));
                }
            }
        }
    }
}
