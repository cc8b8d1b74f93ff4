//! The hash that deals traces to shards: part of every stored and sent form.
//!
//! The one text of it. `longpole-model` compiles this very file, since neither crate may use the other
//! and two copies could part ways. Nothing but the numbers lives here; changing one is a migration.

/// Version of `trace_hash`; stands in every stored form that depends on it.
pub const SHARD_HASH_VERSION: u32 = 1;
/// Seed of `trace_hash`; part of the format.
pub const SHARD_HASH_SEED: u64 = 0x6c6f_6e67_706f_6c65; // "longpole"

/// Mixes the low 8 bytes (big-endian) of a trace id with the finaliser of SplitMix64 (Steele, Lea,
/// Flood 2014).
pub const fn trace_hash(id: [u8; 16]) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = id;
    let mut x = u64::from_be_bytes([a, b, c, d, e, f, g, h]) ^ SHARD_HASH_SEED;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The shard of a hash, `0..shards`, from its upper 32 bits (multiply-shift: no modulo bias, no
/// division). No shards count as one.
pub const fn shard_of(hash: u64, shards: u32) -> u32 {
    let shards = if shards == 0 { 1 } else { shards as u64 };
    (((hash >> 32) * shards) >> 32) as u32
}
