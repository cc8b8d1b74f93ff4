//! Identifiers: random seeds for threads, and what one thread makes of them without asking anybody.
//!
//! A thread's state is in `local`; here is the arithmetic. Not for secrets.

use std::hash::{BuildHasher, Hasher, RandomState};

/// The multiplier of a permutation of 64 bits: odd, so that it can be undone (SplitMix64's increment).
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Random bits from the standard library's keys, which a thread draws from the system when it first needs
/// them. A system call and slow; once a thread.
pub(crate) fn seed() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(crate::clock::ticks());
    hasher.write_u32(std::process::id());
    hasher.finish()
}

/// A span's id from a thread's odd counter: a multiplication and a fold, both of which can be undone, so
/// two counters never give the same id. Not zero, since an odd number times an odd one is odd, and the
/// fold gives zero for zero only. Threads begin at random places of the 2^63: two that make a billion ids
/// each meet with a probability below 10^-9.
#[inline(always)]
pub(crate) fn span(counter: u64) -> u64 {
    let spread = counter.wrapping_mul(ODD);
    spread ^ (spread >> 32)
}

/// The next number of a generator: SplitMix64 (Steele, Lea, Flood 2014).
#[inline]
pub(crate) fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(ODD);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn ids_of_a_thread_are_distinct_and_not_zero(start: u64) {
            let ids: BTreeSet<u64> =
                (0..2_000).map(|i| span((start | 1).wrapping_add(2 * i))).collect();
            prop_assert_eq!(ids.len(), 2_000);
            prop_assert!(!ids.contains(&0));
        }
    }

    #[test]
    fn seeds_differ() {
        let seeds: BTreeSet<u64> = (0..1_000).map(|_| seed()).collect();
        assert_eq!(seeds.len(), 1_000);
    }
}
