//! Buckets that grow by a constant factor (OTLP's exponential histogram): eight to an octave, so that a
//! bucket's middle is off by less than 4.5 %. Which bucket a value belongs to is read off its bits.

/// OTLP's scale: the base is 2 to the power of 2^-3.
const SCALE: i32 = 3;
const PER_OCTAVE: i32 = 1 << SCALE;
/// Exponents that are told apart: a nanosecond in seconds to 2^50. Beyond them the last bucket counts.
const LOWEST: i32 = -30;
const HIGHEST: i32 = 49;
/// Buckets a thread keeps.
pub(super) const BUCKETS: usize = ((HIGHEST - LOWEST + 1) * PER_OCTAVE + 1) as usize;
/// Values up to this count as zero.
pub(super) const ZERO: f64 = 1.0 / (1u64 << 30) as f64;
/// Buckets that are sent at most; wider distributions are sent coarser.
const SENT: usize = 160;

/// Mantissas of 2^(j/8), j in 0..8: the upper ends of the sub-buckets, from powers computed with 50 digits.
const ENDS: [u64; 8] = [
    0x0,
    0x172b83c7d517b,
    0x306fe0a31b715,
    0x4bfdad5362a27,
    0x6a09e667f3bcd,
    0x8ace5422aa0db,
    0xae89f995ad3ad,
    0xd5818dcfba487,
];

/// The bucket of a value above [`ZERO`].
#[inline]
pub(super) fn bucket(value: f64) -> usize {
    let bits = value.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i32 - 1023;
    let mantissa = bits & ((1 << 52) - 1);
    // Upper ends belong to the bucket below them, so an exact power of two is the last of its octave.
    let above: i32 = ENDS.iter().map(|end| i32::from(mantissa > *end)).sum();
    let index = (exponent - LOWEST) * PER_OCTAVE + above;
    index.clamp(0, BUCKETS as i32 - 1) as usize
}

/// As OTLP wants it: scale, offset of the first bucket, counts.
pub(super) fn wire(counts: &[u64]) -> (i32, i32, Vec<u64>) {
    let Some(first) = counts.iter().position(|c| *c > 0) else { return (SCALE, 0, Vec::new()) };
    let last = counts.iter().rposition(|c| *c > 0).unwrap_or(first);
    let mut scale = SCALE;
    let mut offset = first as i32 + LOWEST * PER_OCTAVE - 1;
    let mut out = counts[first..=last].to_vec();
    while out.len() > SENT {
        // Two neighbours become one; an odd offset begins with half a pair.
        let mut merged = Vec::with_capacity(out.len() / 2 + 1);
        let lead = (offset & 1) as usize;
        merged.extend((lead == 1).then(|| out[0]));
        merged.extend(out[lead..].chunks(2).map(|pair| pair.iter().sum::<u64>()));
        (out, offset, scale) = (merged, offset >> 1, scale - 1);
    }
    (scale, offset, out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The bounds that a receiver computes of a bucket: (base^i, base^(i+1)].
    fn bounds(scale: i32, index: i32) -> (f64, f64) {
        let base = 2f64.powi(-scale).exp2();
        (base.powi(index), base.powi(index + 1))
    }

    proptest! {
        #[test]
        fn values_lie_within_the_bounds_a_receiver_computes(exponent in -29f64..49.0) {
            let value = exponent.exp2();
            let mut counts = vec![0; BUCKETS];
            counts[bucket(value)] = 1;
            let (scale, offset, sent) = wire(&counts);
            prop_assert_eq!((sent, scale), (vec![1], SCALE));
            let (low, high) = bounds(scale, offset);
            prop_assert!(low * (1.0 - 1e-9) <= value && value <= high * (1.0 + 1e-9), "{} {} {}", low, value, high);
        }

        #[test]
        fn wide_distributions_are_coarser_and_lose_nothing(
            at in proptest::collection::vec(0usize..BUCKETS, 1..60),
        ) {
            let mut counts = vec![0; BUCKETS];
            at.iter().for_each(|i| counts[*i] += 1);
            let (scale, offset, sent) = wire(&counts);
            prop_assert!(sent.len() <= SENT && sent.iter().sum::<u64>() == at.len() as u64);
            for i in at {
                let index = (i as i32 + LOWEST * PER_OCTAVE - 1) >> (SCALE - scale);
                prop_assert!(sent[(index - offset) as usize] > 0);
            }
        }
    }

    #[test]
    fn powers_of_two_are_the_last_of_their_octave() {
        for power in [0.25f64, 1.0, 8.0] {
            assert_eq!(bucket(power) + 1, bucket(power * 1.0001));
        }
        assert_eq!(bucket(f64::MAX), BUCKETS - 1);
        for (j, end) in ENDS.iter().enumerate() {
            let value = f64::from_bits(1023 << 52 | end);
            assert!((value - (j as f64 / 8.0).exp2()).abs() < 1e-15, "{j}");
        }
    }
}
