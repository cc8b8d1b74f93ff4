//! Trace and span identifiers, and the hash that deals traces to shards.
//!
//! The hash and its seed are part of the stored format: changing either is a migration.

use serde::{Deserialize, Serialize};

/// A W3C trace id: 16 bytes, never all zero once accepted.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct TraceId(pub [u8; 16]);

/// A W3C span id: 8 bytes, never all zero once accepted; all zero as a parent means "root".
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct SpanId(pub [u8; 8]);

// The same file as in the language of the roads: one text, two crates that do not know each other.
#[path = "../../../wire/src/shard.rs"]
mod shard;
pub use shard::{SHARD_HASH_SEED, SHARD_HASH_VERSION};

/// Number of hash partitions in which open spans lie, whatever the number of shards.
pub const PARTITIONS: usize = 512;

/// The fixed mix of a trace id's low 8 bytes. Shard, partition and placebo half read disjoint bits
/// of it, so that they are independent of one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceHash(pub u64);

impl TraceId {
    /// Whether all bytes are zero, which W3C forbids.
    pub fn is_zero(self) -> bool {
        self.0 == [0; 16]
    }

    /// The frozen mix of the low 8 bytes, by which traces are dealt.
    pub fn hash(self) -> TraceHash {
        TraceHash(shard::trace_hash(self.0))
    }
}

impl TraceHash {
    /// The shard, `0..shards`, from the upper 32 bits.
    pub fn shard(self, shards: u32) -> u32 {
        shard::shard_of(self.0, shards)
    }

    /// The partition of open spans, `0..PARTITIONS`, from the lowest 9 bits.
    pub fn partition(self) -> usize {
        (self.0 % PARTITIONS as u64) as usize
    }

    /// The placebo half, 0 or 1, from bit 9: independent of shard and partition.
    pub fn half(self) -> usize {
        ((self.0 >> 9) & 1) as usize
    }
}

impl SpanId {
    /// Whether all bytes are zero: invalid as a span id, "no parent" as a parent id.
    pub fn is_zero(self) -> bool {
        self.0 == [0; 8]
    }

    /// The id as a number, for sorting.
    pub fn as_u64(self) -> u64 {
        u64::from_be_bytes(self.0)
    }
}

fn hex(bytes: &[u8], f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    bytes.iter().try_for_each(|b| write!(f, "{b:02x}"))
}

impl std::fmt::Display for TraceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        hex(&self.0, f)
    }
}

impl std::fmt::Display for SpanId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        hex(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden values: a change here re-deals every trace of every stored log.
    #[test]
    fn the_hash_is_frozen() {
        let id = |low: u64| {
            let mut b = [7; 16];
            b[8..].copy_from_slice(&low.to_be_bytes());
            TraceId(b)
        };
        let seen: Vec<u64> = [0, 1, 2, u64::MAX].map(|x| id(x).hash().0).to_vec();
        assert_eq!(seen, GOLDEN);
        assert_eq!(id(1).hash().shard(8), (GOLDEN[1] >> 61) as u32);
    }
    const GOLDEN: [u64; 4] = [
        1_752_292_180_560_909_209,
        4_677_971_660_206_636_810,
        1_028_660_570_556_229_093,
        17_561_057_464_030_046_083,
    ];

    #[test]
    fn shards_are_balanced_and_halves_independent() {
        let mut seen = [[0u32; 2]; 8];
        for i in 0..16_000u64 {
            let mut b = [0; 16];
            b[8..].copy_from_slice(&i.to_be_bytes());
            let h = TraceId(b).hash();
            seen[h.shard(8) as usize][h.half()] += 1;
        }
        for cell in seen.iter().flatten() {
            assert!((850..1150).contains(cell), "{seen:?}");
        }
    }
}
