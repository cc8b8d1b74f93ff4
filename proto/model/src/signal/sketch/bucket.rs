//! The layout of buckets: hdrhistogram's for two digits, nanoseconds from 0 to 24 h.
//!
//! What is counted in them is the sketch's business.

/// Largest recorded duration, nanoseconds (24 h); longer ones are recorded as this.
pub const SKETCH_MAX: u64 = 86_400_000_000_000;
/// Significant decimal digits: buckets are at most 1 % wide.
pub const SKETCH_DIGITS: u8 = 2;
/// Bucket ids lie below this.
pub const SKETCH_BUCKETS: usize = 96 * 64;
const _: () = assert!(SKETCH_BUCKETS > 42 * 128 && SKETCH_BUCKETS < 1 << 13);

/// log2 of the sub-buckets per power of two (2 digits need 256, the upper half of which is used).
const SUB_BITS: u32 = 8;
const HALF_BITS: u32 = SUB_BITS - 1;

/// Bucket id of a value in nanoseconds.
#[inline]
pub fn bucket_of(value: u64) -> u16 {
    let value = value.min(SKETCH_MAX);
    let power = (63 - (value | ((1 << SUB_BITS) - 1)).leading_zeros()) - HALF_BITS;
    let sub = value >> power;
    (((u64::from(power) + 1) << HALF_BITS) + sub - (1 << HALF_BITS)) as u16
}

/// Smallest value of a bucket, nanoseconds.
pub const fn bucket_low(id: u16) -> u64 {
    let (id, half) = (id as u64, 1 << HALF_BITS);
    if id < 2 * half {
        return id;
    }
    ((id & (half - 1)) + half) << ((id >> HALF_BITS) - 1)
}

/// Greatest value of a bucket, nanoseconds: what quantiles report, as hdrhistogram does.
pub const fn bucket_high(id: u16) -> u64 {
    bucket_low(id + 1) - 1
}

/// The middle of a bucket, nanoseconds: less than 0.8 % from each value in it.
pub const fn bucket_middle(id: u16) -> u64 {
    bucket_low(id) / 2 + bucket_high(id).div_ceil(2)
}
