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

impl IdHasher {
    fn fold(&mut self, word: u64) {
        let wide = u128::from(self.0 ^ word) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (wide as u64) ^ ((wide >> 64) as u64);
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
            self.fold(u64::from_le_bytes(word));
        }
    }
    fn write_u8(&mut self, n: u8) {
        self.fold(u64::from(n) | 1 << 32);
    }
    fn write_u32(&mut self, n: u32) {
        self.fold(u64::from(n) | 2 << 32);
    }
    fn write_u64(&mut self, n: u64) {
        self.fold(n);
    }
    fn write_usize(&mut self, n: usize) {
        self.fold(n as u64);
    }
    fn write_isize(&mut self, n: isize) {
        self.fold(n as u64);
    }
}
