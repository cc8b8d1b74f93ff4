//! The duration sketch: nanoseconds from 0 to 24 h in hdrhistogram's 2-digit bucket layout.
//!
//! Counts are 16.16 weights. Sparse until more than [`INLINE`] buckets are hit, then pages that
//! widen on demand. Equality and the wire form look at the content alone. hdrhistogram itself writes and reads the wire form and is the judge of
//! quantiles in the tests; the walk over the buckets here gives the same numbers without building
//! its 42 KB array.

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};

/// Largest recorded duration, nanoseconds (24 h); longer ones are recorded as this.
pub const SKETCH_MAX: u64 = 86_400_000_000_000;
/// Significant decimal digits: buckets are at most 1 % wide.
pub const SKETCH_DIGITS: u8 = 2;
/// Buckets held sparsely before the pages begin.
pub const INLINE: usize = 64;

/// log2 of the sub-buckets per power of two (2 digits need 256, the upper half of which is used).
const SUB_BITS: u32 = 8;
const HALF_BITS: u32 = SUB_BITS - 1;
const PAGE: usize = 64;

/// Bucket id of a value in nanoseconds.
#[inline]
pub fn bucket_of(value: u64) -> u16 {
    let value = value.min(SKETCH_MAX);
    let power = (63 - (value | ((1 << SUB_BITS) - 1)).leading_zeros()) - HALF_BITS;
    let sub = value >> power;
    (((u64::from(power) + 1) << HALF_BITS) + sub - (1 << HALF_BITS)) as u16
}

/// Smallest value of a bucket, nanoseconds.
pub fn bucket_low(id: u16) -> u64 {
    let (id, half) = (u64::from(id), 1 << HALF_BITS);
    if id < 2 * half {
        return id;
    }
    ((id & (half - 1)) + half) << ((id >> HALF_BITS) - 1)
}

/// Greatest value of a bucket, nanoseconds: what quantiles report, as hdrhistogram does.
pub fn bucket_high(id: u16) -> u64 {
    bucket_low(id + 1) - 1
}

/// A mergeable distribution of durations.
#[derive(Clone, Debug, Default)]
pub struct Sketch(Form);

#[derive(Clone, Debug)]
enum Form {
    /// Ascending: bucket id in the upper 16 bits, weight in the lower 48.
    Sparse(Vec<u64>),
    Paged(Box<Paged>),
}

/// Bits of a weight in a sparse row: 4 billion spans.
const WEIGHT_BITS: u32 = 48;
const WEIGHT_MASK: u64 = (1 << WEIGHT_BITS) - 1;
/// Pages that bucket ids up to [`SKETCH_MAX`] need.
const PAGES: usize = 96;
const _: () = assert!(PAGES * PAGE > 42 * 128 && PAGES < 256);

/// Pages of [`PAGE`] buckets, in order of their first use, one behind the other.
#[derive(Clone, Debug)]
struct Paged {
    /// By bucket id / PAGE: 1 + place of the page; 0 = not there.
    places: [u8; PAGES],
    cells: Cells,
}

#[derive(Clone, Debug)]
enum Cells {
    /// Whole spans: every weight so far was a multiple of one.
    Whole(Vec<u32>),
    /// 16.16 weights.
    Weighted(Vec<u64>),
}

const ONE_BITS: u32 = 16;

impl Default for Form {
    fn default() -> Self {
        Self::Sparse(Vec::new())
    }
}

impl Paged {
    fn new() -> Self {
        Self { places: [0; PAGES], cells: Cells::Whole(Vec::new()) }
    }

    #[inline]
    fn add(&mut self, id: u16, weight: u64) {
        let (page, at) = (usize::from(id) / PAGE, usize::from(id) % PAGE);
        let Some(&place) = self.places.get(page) else { return };
        let i = match usize::from(place).checked_sub(1) {
            Some(place) => place * PAGE + at,
            None => self.page(page) + at,
        };
        match &mut self.cells {
            Cells::Whole(cells) => {
                let whole = weight & ((1 << ONE_BITS) - 1) == 0;
                let sum = cells.get(i).map(|n| u64::from(*n) + (weight >> ONE_BITS));
                match (whole, sum.map(u32::try_from), cells.get_mut(i)) {
                    (true, Some(Ok(sum)), Some(cell)) => *cell = sum,
                    _ => self.widen(i, weight),
                }
            }
            Cells::Weighted(cells) => {
                if let Some(cell) = cells.get_mut(i) {
                    *cell = cell.saturating_add(weight);
                }
            }
        }
    }

    /// Makes a page; gives back where its cells begin.
    #[cold]
    fn page(&mut self, page: usize) -> usize {
        let begin = match &mut self.cells {
            Cells::Whole(cells) => {
                cells.reserve_exact(PAGE);
                cells.resize(cells.len() + PAGE, 0);
                cells.len() - PAGE
            }
            Cells::Weighted(cells) => {
                cells.reserve_exact(PAGE);
                cells.resize(cells.len() + PAGE, 0);
                cells.len() - PAGE
            }
        };
        if let Some(place) = self.places.get_mut(page) {
            *place = (begin / PAGE + 1) as u8;
        }
        begin
    }

    #[cold]
    fn widen(&mut self, i: usize, weight: u64) {
        if let Cells::Whole(cells) = &self.cells {
            let wide = cells.iter().map(|n| u64::from(*n) << ONE_BITS).collect();
            self.cells = Cells::Weighted(wide);
        }
        if let Cells::Weighted(cells) = &mut self.cells
            && let Some(cell) = cells.get_mut(i)
        {
            *cell = cell.saturating_add(weight);
        }
    }

    fn for_each(&self, mut f: impl FnMut(u16, u64)) {
        for (page, place) in self.places.iter().enumerate().filter(|(_, place)| **place > 0) {
            let cells = (usize::from(*place) - 1) * PAGE..usize::from(*place) * PAGE;
            let mut tell = |at: usize, n: u64| {
                if n > 0 {
                    f((page * PAGE + at) as u16, n);
                }
            };
            match &self.cells {
                Cells::Whole(all) => {
                    let page = all.get(cells).unwrap_or_default().iter().enumerate();
                    page.for_each(|(at, n)| tell(at, u64::from(*n) << ONE_BITS));
                }
                Cells::Weighted(all) => {
                    let page = all.get(cells).unwrap_or_default().iter().enumerate();
                    page.for_each(|(at, n)| tell(at, *n));
                }
            }
        }
    }
}

impl PartialEq for Sketch {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Form::Sparse(a), Form::Sparse(b)) => a == b,
            _ => self.buckets() == other.buckets(),
        }
    }
}

impl Eq for Sketch {}

/// A wire form that is no sketch of this layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSketch;

impl std::fmt::Display for BadSketch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not an hdrhistogram V2 payload with 2 digits up to 24 h")
    }
}

impl std::error::Error for BadSketch {}

impl Sketch {
    /// Records a duration that stands for `weight` (16.16) spans.
    #[inline]
    pub fn record(&mut self, nanos: u64, weight: u64) {
        self.add(bucket_of(nanos), weight);
    }

    /// Adds `weight` (16.16) to a bucket.
    #[inline]
    pub fn add(&mut self, id: u16, weight: u64) {
        match &mut self.0 {
            Form::Paged(paged) if weight > 0 => paged.add(id, weight),
            Form::Sparse(_) if weight > 0 => self.add_sparse(id, weight),
            _ => {}
        }
    }

    fn add_sparse(&mut self, id: u16, weight: u64) {
        let Form::Sparse(rows) = &mut self.0 else { return };
        let key = u64::from(id) << WEIGHT_BITS;
        let at = rows.partition_point(|row| *row < key);
        let seen = rows.get(at).filter(|row| *row >> WEIGHT_BITS == u64::from(id));
        let sum = seen.map_or(0, |row| row & WEIGHT_MASK).saturating_add(weight);
        match (seen.is_some(), sum <= WEIGHT_MASK) {
            (true, true) => rows[at] = key | sum,
            (false, true) if rows.len() < INLINE => rows.insert(at, key | sum),
            _ => {
                let mut paged = Box::new(Paged::new());
                for row in rows.iter() {
                    paged.add((row >> WEIGHT_BITS) as u16, row & WEIGHT_MASK);
                }
                paged.add(id, weight);
                self.0 = Form::Paged(paged);
            }
        }
    }

    /// Adds another sketch.
    pub fn merge(&mut self, other: &Self) {
        if self.is_empty() {
            self.clone_from(other);
        } else {
            other.for_each(|id, n| self.add(id, n));
        }
    }

    /// Calls `f` with (bucket id, 16.16 weight) in ascending order of id, non-empty buckets only.
    pub fn for_each(&self, mut f: impl FnMut(u16, u64)) {
        match &self.0 {
            Form::Sparse(rows) => {
                rows.iter().for_each(|row| f((row >> WEIGHT_BITS) as u16, row & WEIGHT_MASK))
            }
            Form::Paged(paged) => paged.for_each(f),
        }
    }

    /// Bytes held beside the sketch itself.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Form::Sparse(rows) => rows.capacity() * size_of::<u64>(),
            Form::Paged(paged) => {
                let cells = match &paged.cells {
                    Cells::Whole(cells) => cells.capacity() * size_of::<u32>(),
                    Cells::Weighted(cells) => cells.capacity() * size_of::<u64>(),
                };
                size_of::<Paged>() + cells
            }
        }
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
        match &self.0 {
            Form::Sparse(rows) => rows.is_empty(),
            Form::Paged(_) => false,
        }
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

    /// The same distribution as an hdrhistogram, counts in 16.16.
    pub fn to_hdr(&self) -> Histogram<u64> {
        let mut h = new_hdr();
        // In range by construction: ids come from `bucket_of`, which clamps.
        self.for_each(|id, n| h.saturating_record_n(bucket_low(id), n));
        h
    }

    /// The wire form: hdrhistogram's V2 payload of the 16.16 counts. Canonical.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.is_empty() {
            // Writing to a Vec cannot fail; an empty payload would decode as an empty sketch.
            let _ = V2Serializer::new().serialize(&self.to_hdr(), &mut out);
        }
        out
    }

    /// Reads the wire form.
    ///
    /// # Errors
    /// [`BadSketch`] for anything but hdrhistogram V2 of this layout; input is never trusted.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, BadSketch> {
        let mut out = Self::default();
        if bytes.is_empty() {
            return Ok(out);
        }
        // The header's bounds decide how much the decoder allocates: check them first
        // (cookie 4, payload length 4, normalizing offset 4, digits 4, low 8, high 8).
        let field = |at: usize| {
            bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_be_bytes)
        };
        if field(16) != Some(1) || field(24) != Some(SKETCH_MAX) {
            return Err(BadSketch);
        }
        let h: Histogram<u64> =
            Deserializer::new().deserialize(&mut bytes).map_err(|_| BadSketch)?;
        if h.sigfig() != SKETCH_DIGITS || !bytes.is_empty() {
            return Err(BadSketch);
        }
        for v in h.iter_recorded() {
            out.record(v.value_iterated_to(), v.count_at_value());
        }
        Ok(out)
    }
}

fn new_hdr() -> Histogram<u64> {
    // The constants are valid bounds (1 <= low, 2 * low <= high, digits <= 5).
    Histogram::new_with_bounds(1, SKETCH_MAX, SKETCH_DIGITS).unwrap_or_else(|_| unreachable!())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ONE: u64 = 1 << 16;

    fn sketch(values: &[u64]) -> Sketch {
        let mut s = Sketch::default();
        values.iter().for_each(|&v| s.record(v, ONE));
        s
    }

    /// Golden bytes of the stored form.
    #[test]
    fn the_wire_form_is_frozen() {
        let bytes = sketch(&[0, 1, 255, 256, 1_000_000, SKETCH_MAX]).encode();
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, GOLDEN);
    }
    const GOLDEN: &str = "1c849313000000180000000000000002000000000000000100004e94914f00003ff0000\
        000000000808008808008f903808008808008e517808008cf34808008";

    #[test]
    fn hostile_wire_forms_are_refused() {
        let good = sketch(&[5, 70_000, 1 << 40]).encode();
        for cut in 1..good.len() {
            assert_eq!(Sketch::decode(&good[..cut]), Err(BadSketch));
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x80;
            let _ = Sketch::decode(&bad); // may be another sketch, must not panic or balloon
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn buckets_hold_their_values(v in 0..=SKETCH_MAX) {
            let id = bucket_of(v);
            prop_assert!(bucket_low(id) <= v && v <= bucket_high(id));
            prop_assert!((bucket_high(id) - bucket_low(id)) as f64 <= 0.01 * v as f64);
            if id > 0 {
                prop_assert_eq!(bucket_high(id - 1) + 1, bucket_low(id));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn quantiles_are_hdrhistograms(
            values in prop::collection::vec((0..46u32, 0..1000u64), 1..200),
            q in 0.0..=1.0f64,
        ) {
            let values: Vec<u64> = values.iter().map(|(p, x)| (1u64 << p) + x).collect();
            let mut h = new_hdr();
            values.iter().for_each(|&v| h.saturating_record(v));
            prop_assert_eq!(sketch(&values).quantile(q), h.value_at_quantile(q).min(SKETCH_MAX));
        }

        #[test]
        fn weights_of_any_size_add_up(
            rows in prop::collection::vec((0..300u64, prop_oneof![
                Just(ONE), 1..5 * ONE, Just(ONE << 40), Just(u64::MAX / 4),
            ]), 1..300),
        ) {
            let (mut fast, mut plain) = (Sketch::default(), std::collections::BTreeMap::new());
            for &(v, w) in &rows {
                fast.record(v * v * 1_000, w);
                let n: &mut u64 = plain.entry(bucket_of(v * v * 1_000)).or_default();
                *n = n.saturating_add(w);
            }
            prop_assert_eq!(fast.buckets(), plain.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn merging_is_recording(
            a in prop::collection::vec(0..SKETCH_MAX, 0..150),
            b in prop::collection::vec(0..SKETCH_MAX, 0..150),
        ) {
            let mut merged = sketch(&a);
            merged.merge(&sketch(&b));
            let mut all = b.clone();
            all.extend(&a);
            prop_assert_eq!(&merged, &sketch(&all));
            prop_assert_eq!(Sketch::decode(&merged.encode()), Ok(merged));
        }
    }
}
