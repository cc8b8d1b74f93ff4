//! Random identifiers, one generator a thread: no lock, no system call per id. Not for secrets.

use std::cell::Cell;
use std::hash::{BuildHasher, Hasher, RandomState};

thread_local! {
    static STATE: Cell<u64> = Cell::new(seed());
}

/// From the standard library's random keys, which differ from one state to the next.
fn seed() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(crate::clock::now());
    hasher.write_u32(std::process::id());
    hasher.finish()
}

/// The next number: SplitMix64 (Steele, Lea, Flood 2014).
pub(crate) fn random() -> u64 {
    STATE
        .try_with(|state| {
            let next = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
            state.set(next);
            let mut z = next;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        })
        // The thread is ending.
        .unwrap_or_else(|_| seed())
}

/// A trace id; never zero.
pub(crate) fn trace() -> [u8; 16] {
    ((u128::from(random()) << 64) | u128::from(random().max(1))).to_be_bytes()
}

/// A span id; never zero.
pub(crate) fn span() -> [u8; 8] {
    random().max(1).to_be_bytes()
}
