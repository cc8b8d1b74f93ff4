//! A distribution as detectors read it: the sketch's buckets in one row, in spans.
//!
//! Ten thousand of them are read each window, and several are kept of each series: so they are flat,
//! small, and walked as seldom as possible. How buckets are laid out is the sketch's business.

use longpole_model::signal::{Sketch, bucket_high, bucket_of};
use serde::{Deserialize, Serialize};

/// Spans by bucket.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Ascending by bucket, none empty.
    rows: Vec<(u16, f32)>,
    total: f64,
}

impl Counts {
    /// What a sketch holds.
    pub fn of(sketch: &Sketch) -> Self {
        let mut counts = Self::default();
        counts.read(sketch);
        counts
    }

    /// Becomes what a sketch holds, in the memory that is there.
    pub fn read(&mut self, sketch: &Sketch) {
        self.clear();
        sketch.for_each(|id, weight| {
            let spans = weight as f64 / 65_536.0;
            self.total += spans;
            self.rows.push((id, spans as f32));
        });
    }

    /// Becomes empty; the memory stays.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.total = 0.0;
    }

    /// Spans in all.
    pub fn total(&self) -> f64 {
        self.total
    }

    /// Adds another distribution; memory is asked for only where there are new buckets, and no more than they need.
    pub fn merge(&mut self, other: &Self, scratch: &mut Scratch) {
        let united = scratch.unite(&self.rows, &other.rows);
        self.rows.reserve_exact(united.len() - self.rows.len());
        self.rows.clear();
        self.rows.extend_from_slice(united);
        self.total += other.total;
    }

    /// Lets everything count for less. Buckets below the share `forget` of the whole go.
    pub fn decay(&mut self, factor: f64, forget: f64) {
        let least = (self.total * factor * forget) as f32;
        self.rows.iter_mut().for_each(|(_, spans)| *spans *= factor as f32);
        self.rows.retain(|(_, spans)| *spans > least);
        self.total = self.rows.iter().map(|(_, spans)| f64::from(*spans)).sum();
    }

    /// Nanoseconds at the given quantiles (each in 0..=1, ascending): the greatest value of the bucket
    /// in which the cumulative weight reaches the rank. Zeros when empty.
    pub fn quantiles<const N: usize>(&self, qs: [f64; N]) -> [u64; N] {
        let mut out = [0; N];
        let (mut below, mut next) = (0.0, 0);
        for (id, spans) in &self.rows {
            below += f64::from(*spans);
            while next < N && below >= qs[next] * self.total {
                out[next] = bucket_high(*id);
                next += 1;
            }
        }
        // Sums of roundings may fall short of the last rank.
        let last = self.rows.last().map_or(0, |(id, _)| bucket_high(*id));
        out[next..].fill(last);
        out
    }

    /// Share of the spans that lie in buckets wholly above `nanos`; 0 when empty.
    pub fn share_above(&self, nanos: u64) -> f64 {
        let limit = bucket_of(nanos);
        let edge = self.rows.partition_point(|(id, _)| *id <= limit);
        let above: f64 = self.rows[edge..].iter().map(|(_, spans)| f64::from(*spans)).sum();
        above / self.total.max(1e-12)
    }
}

/// Memory in which distributions are brought together: there is room for all, so one walk over both is enough.
#[derive(Clone, Debug, Default)]
pub struct Scratch(Vec<(u16, f32)>);

impl Scratch {
    /// Both together. Which of them comes next is as good as random: without a branch on it, none is foretold wrongly.
    fn unite(&mut self, mine: &[(u16, f32)], theirs: &[(u16, f32)]) -> &[(u16, f32)] {
        let most = mine.len() + theirs.len();
        if self.0.len() < most {
            self.0.resize(most, (0, 0.0));
        }
        let (mut i, mut j, mut len) = (0, 0, 0);
        while let (Some(a), Some(b), Some(out)) = (mine.get(i), theirs.get(j), self.0.get_mut(len))
        {
            let (left, right) = (a.0 <= b.0, b.0 <= a.0);
            let spans = if left { a.1 } else { 0.0 } + if right { b.1 } else { 0.0 };
            *out = (a.0.min(b.0), spans);
            i += usize::from(left);
            j += usize::from(right);
            len += 1;
        }
        for rest in [mine.get(i..), theirs.get(j..)].into_iter().flatten() {
            if let Some(out) = self.0.get_mut(len..len + rest.len()) {
                out.copy_from_slice(rest);
                len += rest.len();
            }
        }
        self.0.get(..len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sketch(values: &[u64]) -> Sketch {
        let mut sketch = Sketch::default();
        values.iter().for_each(|v| sketch.record(*v, 1 << 16));
        sketch
    }

    proptest! {
        /// Merged and asked, counts say what sketches say.
        #[test]
        fn counts_say_what_sketches_say(
            a in proptest::collection::vec(1u64..5_000_000_000, 0..200),
            b in proptest::collection::vec(1u64..5_000_000_000, 1..200),
            limit in 1u64..5_000_000_000,
        ) {
            let (mut whole, mut counts) = (sketch(&a), Counts::of(&sketch(&a)));
            whole.merge(&sketch(&b));
            counts.merge(&Counts::of(&sketch(&b)), &mut Scratch::default());
            prop_assert_eq!(&counts, &Counts::of(&whole));
            prop_assert_eq!(counts.total(), (a.len() + b.len()) as f64);
            prop_assert_eq!(counts.quantiles([0.5, 0.9, 1.0]), whole.quantiles([0.5, 0.9, 1.0]));
            let above = whole.weight_above(limit) as f64 / whole.weight() as f64;
            prop_assert!((counts.share_above(limit) - above).abs() < 1e-9);
        }
    }

    #[test]
    fn old_buckets_are_forgotten() {
        let (mut counts, mut scratch) = (Counts::of(&sketch(&[1_000])), Scratch::default());
        for _ in 0..100 {
            counts.decay(0.5, 1e-6);
            counts.merge(&Counts::of(&sketch(&[5_000; 10])), &mut scratch);
        }
        let [low, high] = counts.quantiles([0.0, 1.0]);
        assert!(low > 4_900 && high < 5_100, "{low} {high}");
        assert!((counts.total() - 20.0).abs() < 0.01, "{}", counts.total());
    }
}
