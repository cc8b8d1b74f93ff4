//! Ids and keys from content: the same log gives the same ones, in every process.
//!
//! Not a defence against forgery: who can write spans can repeat names. The functions are part of
//! the stored form; a change is a migration.

/// FNV-1a over 64 bits (Fowler, Noll, Vo), each part behind its length, finished by SplitMix64 so
/// that near inputs differ in all digits; as 16 hex digits.
pub(super) fn digest(parts: &[&str]) -> String {
    let mut x: u64 = 0xcbf2_9ce4_8422_2325;
    let mut eat = |bytes: &[u8]| {
        for b in bytes {
            x = (x ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for part in parts {
        eat(&(part.len() as u64).to_le_bytes());
        eat(part.as_bytes());
    }
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    format!("{:016x}", x ^ (x >> 31))
}

#[cfg(test)]
mod tests {
    use super::digest;

    /// Golden values: a change here renames every stored investigation.
    #[test]
    fn digests_are_frozen() {
        assert_eq!(digest(&[]), GOLDEN[0]);
        assert_eq!(digest(&["cart", "store", "1767323160000000000"]), GOLDEN[1]);
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
    }
    const GOLDEN: [&str; 2] = ["f52a15e9a9b5e89b", "7236a1516d4ef27e"];
}
