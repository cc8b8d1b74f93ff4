//! A distribution as a scrape shows it: counts between fixed bounds, and a sum. Integers, so that
//! parts add up in any order to the same.
//!
//! Sketches are finer; quantiles and comparisons read those.

use super::{SKETCH_BUCKETS, Sketch, bucket_middle};
use serde::{Deserialize, Serialize};

/// Upper bounds in nanoseconds: those of OpenTelemetry's span metrics, and four below them, since a
/// millisecond is an age for a cache.
pub const CLASSIC_BOUNDS: [u64; 20] = [
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

/// Between which bounds a sketch's bucket counts: where its middle lies.
static PLACES: [u8; SKETCH_BUCKETS] = places();

const fn places() -> [u8; SKETCH_BUCKETS] {
    let mut places = [0; SKETCH_BUCKETS];
    let (mut id, mut place) = (0, 0);
    while id < SKETCH_BUCKETS {
        while place < CLASSIC_BOUNDS.len() && CLASSIC_BOUNDS[place] < bucket_middle(id as u16) {
            place += 1;
        }
        places[id] = place as u8;
        id += 1;
    }
    places
}

/// The first bucket behind each place.
static ENDS: [u16; CLASSIC_BOUNDS.len() + 1] = ends();

const fn ends() -> [u16; CLASSIC_BOUNDS.len() + 1] {
    let (places, mut ends) = (places(), [0; CLASSIC_BOUNDS.len() + 1]);
    let mut id = 0;
    while id < SKETCH_BUCKETS {
        ends[places[id] as usize] = id as u16 + 1;
        id += 1;
    }
    ends
}

/// Counts by [`CLASSIC_BOUNDS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classic {
    /// 16.16 weights: not above the bound of the same place and above the one before; the last one above
    /// all bounds.
    pub counts: [u64; CLASSIC_BOUNDS.len() + 1],
    /// Sum of all values, nanoseconds by 16.16 weight. A value stands in the middle of its sketch's
    /// bucket, less than 0.8 % off.
    pub sum: u128,
}

impl Classic {
    /// Adds what a sketch holds.
    #[inline]
    pub fn add(&mut self, sketch: &Sketch) {
        let place = |id| PLACES.get(usize::from(id)).copied().unwrap_or_default().into();
        let end = |place| ENDS.get(place).copied().unwrap_or_default();
        sketch.between(place, end, |place, weight, sum| {
            if let Some(count) = self.counts.get_mut(place) {
                *count = count.saturating_add(weight);
            }
            self.sum += sum;
        });
    }

    /// Adds another distribution.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine = mine.saturating_add(theirs);
        }
        self.sum += other.sum;
    }

    /// Everything counted, 16.16.
    pub fn weight(&self) -> u64 {
        self.counts.iter().fold(0, |sum: u64, n| sum.saturating_add(*n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Few buckets and many, of one span and of hundreds of thousands, whole ones and parts.
        #[test]
        fn a_distribution_is_the_sum_of_its_buckets(
            powers in 0..44u32,
            values in prop::collection::vec((any::<u64>(), 1..4u64), 0..300),
            weight in prop::sample::select(vec![1u64 << 16, 200 << 16, 70_000 << 16, 3 << 15]),
        ) {
            let (mut sketch, mut classic, mut plain) =
                (Sketch::default(), Classic::default(), Classic::default());
            for (value, n) in values {
                sketch.record(value >> (20 + powers), n * weight);
            }
            classic.add(&sketch);
            sketch.for_each(|id, n| {
                let middle = bucket_middle(id);
                let place = CLASSIC_BOUNDS.iter().take_while(|bound| **bound < middle).count();
                plain.counts[place] += n;
                plain.sum += u128::from(middle) * u128::from(n);
            });
            prop_assert_eq!(classic, plain);
        }
    }

    #[test]
    fn a_value_counts_at_the_bound_of_its_buckets_middle() {
        for ns in (0..42u32).flat_map(|p| [1u64 << p, (3u64 << p) / 2, (1u64 << p) + 1]) {
            let (mut sketch, mut classic) = (Sketch::default(), Classic::default());
            sketch.record(ns, 3 << 15);
            classic.add(&sketch);
            let middle = classic.sum * 2 / (3 << 16);
            assert!(middle.abs_diff(ns.into()) * 1_000 <= 8 * u128::from(ns), "{ns}: {middle}");
            let place = CLASSIC_BOUNDS.iter().take_while(|b| u128::from(**b) < middle).count();
            assert_eq!((classic.counts[place], classic.weight()), (3 << 15, 3 << 15), "{ns}");
        }
    }
}
