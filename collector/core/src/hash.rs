//! A quick hash for keys made of ids that this process gave out itself.
//!
//! Never for texts from outside: those go through the standard library's keyed hash. Order of
//! iteration is never looked at.

use std::hash::{BuildHasherDefault, Hasher};

/// Multiply-and-fold over the written words.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdHasher(u64);

/// Builder for maps keyed by ids.
pub type IdHash = BuildHasherDefault<IdHasher>;

/// The golden ratio in 64 bits.
pub(crate) const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Both halves of a product, folded onto each other.
#[inline(always)]
pub(crate) fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    (wide as u64) ^ ((wide >> 64) as u64)
}

impl IdHasher {
    #[inline(always)]
    fn word(&mut self, word: u64) {
        self.0 = fold(self.0 ^ word, ODD);
    }
}

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }
    fn write_u8(&mut self, n: u8) {
        self.word(u64::from(n) | 1 << 32);
    }
    fn write_u32(&mut self, n: u32) {
        self.word(u64::from(n) | 2 << 32);
    }
    fn write_u64(&mut self, n: u64) {
        self.word(n);
    }
    fn write_usize(&mut self, n: usize) {
        self.word(n as u64);
    }
    fn write_isize(&mut self, n: isize) {
        self.word(n as u64);
    }
}
