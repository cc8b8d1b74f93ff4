//! The duration sketch: nanoseconds from 0 to 24 h in hdrhistogram's 2-digit bucket layout.
//!
//! Counts are 16.16 weights. Four buckets stand in the sketch itself, up to 64 in a list, more in pages;
//! how wide a count is stored follows from what is counted. Equality and the wire form look at the
//! content alone. The wire form is hdrhistogram's, and that crate is the judge of it and of quantiles in
//! the tests; the walk over the buckets here gives the same numbers without building its 42 KB array.

mod bucket;
mod few;
mod form;
mod gather;
mod paged;
mod stored;
#[cfg(test)]
mod tests;
mod wire;

pub use bucket::*;
use form::{FEW, Form, INLINE};
pub use gather::Gather;
pub use wire::BadSketch;

/// Bits of a weight behind the point.
const ONE_BITS: u32 = 16;
const FRACTION: u64 = (1 << ONE_BITS) - 1;

/// A mergeable distribution of durations.
#[derive(Clone, Debug, Default)]
pub struct Sketch(Form);

impl PartialEq for Sketch {
    fn eq(&self, other: &Self) -> bool {
        match (self.0.cells(), other.0.cells()) {
            (Some(a), Some(b)) => a == b,
            _ => self.buckets() == other.buckets(),
        }
    }
}

impl Eq for Sketch {}

impl Sketch {
    /// Records a duration that stands for `weight` (16.16) spans.
    #[inline]
    pub fn record(&mut self, nanos: u64, weight: u64) {
        self.add(bucket_of(nanos), weight);
    }

    /// Reads what a record of this duration will change, so that it is then on its way from memory. The value
    /// means nothing.
    #[inline]
    pub fn touch(&self, nanos: u64) -> u64 {
        self.0.touch(bucket_of(nanos))
    }

    /// Reads the first of what lies elsewhere, so that all of it is on its way from memory for who walks over it soon.
    /// The value means nothing.
    #[inline]
    pub fn touch_first(&self) -> u64 {
        self.0.touch_first()
    }

    /// Adds `weight` (16.16) to a bucket.
    #[inline]
    pub fn add(&mut self, id: u16, weight: u64) {
        match &mut self.0 {
            Form::Paged(paged) if weight > 0 => paged.add(id, weight),
            _ if weight > 0 => self.add_small(id, weight),
            _ => {}
        }
    }

    fn add_small(&mut self, id: u16, weight: u64) {
        while !self.0.add(id, weight) {
            self.0.widen(weight);
        }
    }

    /// Adds another sketch.
    pub fn merge(&mut self, other: &Self) {
        if self.is_empty() {
            self.clone_from(other);
        } else if !self.unite(other) {
            other.for_each(|id, n| self.add(id, n));
        }
    }

    /// Adds another sketch and takes its memory where that is the larger one.
    pub fn absorb(&mut self, mut other: Self) {
        let paged = |s: &Self| matches!(s.0, Form::Paged(_));
        if self.is_empty() || paged(&other) && !paged(self) {
            std::mem::swap(self, &mut other);
        }
        if !other.is_empty() {
            self.merge(&other);
        }
    }

    /// Adds others and takes their memory: what is small of all of them in one go, instead of making each sum on the
    /// way.
    pub fn join<'a>(&mut self, others: impl Iterator<Item = &'a mut Self>, gather: &mut Gather) {
        for other in others {
            match other.0.cells() {
                Some(cells) => gather.add(cells),
                None => self.absorb(std::mem::take(other)),
            }
        }
        match self.0.cells() {
            Some(cells) => {
                gather.add(cells);
                self.0 = gather.take();
            }
            None => gather.drain_into(self),
        }
    }

    /// Adds cells to cells in one walk over both, or pages to pages; `false` when that is not what they are.
    fn unite(&mut self, other: &Self) -> bool {
        if let (Form::Paged(mine), Form::Paged(theirs)) = (&mut self.0, &other.0) {
            mine.merge(theirs);
            return true;
        }
        let (Some(mine), Some(theirs)) = (self.0.cells(), other.0.cells()) else { return false };
        let united = if mine.len() + theirs.len() <= 4 * INLINE {
            let united = few::union::<{ 4 * INLINE }>(mine, theirs);
            united.map(|(cells, len)| Form::of(cells.get(..len).unwrap_or_default()))
        } else {
            let united = few::union::<{ 2 * FEW }>(mine, theirs);
            united.map(|(cells, len)| Form::of(cells.get(..len).unwrap_or_default()))
        };
        let Some(united) = united else { return false };
        self.0 = united;
        true
    }

    /// Calls `f` with (bucket id, 16.16 weight) in ascending order of id, non-empty buckets only.
    #[inline]
    pub fn for_each(&self, f: impl FnMut(u16, u64)) {
        self.0.for_each(f);
    }

    /// Sums of buckets between bounds: calls `f` with (place, weight, sum), both 16.16, the sum in nanoseconds, each value
    /// in the middle of its bucket; for a place maybe more than once. `place_of` is the place of a bucket, and never
    /// descends; `end_of` a place's last bucket + 1.
    pub fn between(
        &self,
        place_of: impl Fn(u16) -> usize,
        end_of: impl Fn(usize) -> u16,
        mut f: impl FnMut(usize, u64, u128),
    ) {
        let Some(paged) = self.0.pages() else {
            // Many buckets come one behind the other at the same place.
            let (mut at, mut weight, mut sum) = (0, 0u64, 0u128);
            self.0.for_each(|id, n| {
                let place = place_of(id);
                if place != at {
                    f(at, weight, sum);
                    (at, weight, sum) = (place, 0, 0);
                }
                weight = weight.saturating_add(n);
                sum += u128::from(bucket_middle(id)) * u128::from(n);
            });
            f(at, weight, sum);
            return;
        };
        paged.pages(|page| {
            // Buckets of a page are equally wide.
            let middle = u128::from(bucket_middle(page.first));
            let width = u128::from(bucket_low(page.first + 1) - bucket_low(page.first));
            let mut from = 0;
            while from < paged::PAGE {
                let place = place_of(page.first + from as u16);
                let until = usize::from(end_of(place).saturating_sub(page.first));
                let until = until.clamp(from + 1, paged::PAGE);
                let (weight, places) = page.sums(from..until);
                f(place, weight, middle * u128::from(weight) + width * places);
                from = until;
            }
        });
    }

    /// Bytes held beside the sketch itself.
    pub fn heap_bytes(&self) -> usize {
        self.0.heap_bytes()
    }

    /// Non-empty buckets, ascending: (bucket id, 16.16 weight).
    pub fn buckets(&self) -> Vec<(u16, u64)> {
        let mut rows = Vec::new();
        self.for_each(|id, n| rows.push((id, n)));
        rows
    }

    /// Sum of all weights, 16.16.
    pub fn weight(&self) -> u64 {
        let mut total = 0u64;
        self.for_each(|_, n| total = total.saturating_add(n));
        total
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        matches!(self.0, Form::Inline([0, ..]))
    }

    /// Values in nanoseconds at the given quantiles (each in 0..=1, ascending). As hdrhistogram:
    /// the greatest value of the bucket in which the cumulative weight reaches the rank.
    /// Zeros when empty.
    pub fn quantiles<const N: usize>(&self, qs: [f64; N]) -> [u64; N] {
        let total = self.weight();
        let mut out = [0; N];
        if total == 0 {
            return out;
        }
        let ranks = qs.map(|q| ((q.clamp(0.0, 1.0) * total as f64).ceil() as u64).clamp(1, total));
        let (mut seen, mut next) = (0u64, 0);
        self.for_each(|id, n| {
            seen = seen.saturating_add(n);
            while next < N && seen >= ranks[next] {
                out[next] = bucket_high(id).min(SKETCH_MAX);
                next += 1;
            }
        });
        out
    }

    /// One quantile, nanoseconds.
    pub fn quantile(&self, q: f64) -> u64 {
        self.quantiles([q])[0]
    }

    /// Weight (16.16) of all buckets that lie wholly above `nanos`.
    pub fn weight_above(&self, nanos: u64) -> u64 {
        let limit = bucket_of(nanos);
        let mut sum = 0u64;
        self.for_each(|id, n| {
            if id > limit {
                sum = sum.saturating_add(n);
            }
        });
        sum
    }
}
