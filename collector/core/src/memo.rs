//! A small look-up table from hashed keys to indices, and the hash over borrowed bytes.
//!
//! The table holds hashes only; whoever asks compares the full key itself. The seed comes from
//! outside and is secret, so that strangers cannot choose names that collide; no output depends on it.

use crate::hash::{ODD, fold};
use std::hash::{Hash, Hasher};

/// Where hashes begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// A hash in the making.
    #[inline]
    pub fn begin(&self) -> Mix {
        Mix(self.0)
    }

    /// The hash of a dictionary row.
    pub fn of<T: Hash + ?Sized>(&self, value: &T) -> u64 {
        let mut mix = self.begin();
        value.hash(&mut mix);
        mix.finish()
    }
}

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        *self = self.bytes(bytes);
    }
    fn write_u8(&mut self, n: u8) {
        *self = self.number(u64::from(n));
    }
    fn write_u32(&mut self, n: u32) {
        *self = self.number(u64::from(n));
    }
    fn write_usize(&mut self, n: usize) {
        *self = self.number(n as u64);
    }
    fn write_isize(&mut self, n: isize) {
        *self = self.number(n as u64);
    }
    fn finish(&self) -> u64 {
        fold(self.0, ODDER)
    }
}

/// A hash in the making: folded multiplication of eight bytes at a time.
#[derive(Clone, Copy, Debug)]
pub struct Mix(u64);

const ODDER: u64 = 0xd6e8_feb8_6659_fd93;

impl Mix {
    /// Mixes a number in.
    #[inline(always)]
    pub fn number(self, n: u64) -> Self {
        Self(fold(self.0 ^ n, ODD))
    }

    /// Mixes bytes and their length in.
    #[inline(always)]
    pub fn bytes(self, bytes: &[u8]) -> Self {
        let mut h = self.0;
        let (words, tail) = bytes.as_chunks::<8>();
        for word in words {
            h = fold(h ^ u64::from_le_bytes(*word), ODD);
        }
        let last = match bytes.last_chunk::<8>() {
            Some(word) => u64::from_le_bytes(*word),
            None => tail.iter().fold(0, |acc, b| acc << 8 | u64::from(*b)),
        };
        Self(fold(h ^ last, ODDER ^ bytes.len() as u64))
    }
}

/// Whether two short texts are equal, eight bytes at a time: names are too short for a call.
#[inline(always)]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let ((words, tail), (others, rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let differ = words
        .iter()
        .zip(others)
        .fold(0, |acc, (x, y)| acc | (u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y)));
    let last = match (a.last_chunk::<8>(), b.last_chunk::<8>()) {
        (Some(x), Some(y)) => u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y),
        _ => tail.iter().zip(rest).fold(0, |acc, (x, y)| acc | u64::from(x ^ y)),
    };
    differ | last == 0
}

/// Open addressing with linear probing, at most half full.
#[derive(Clone, Debug, Default)]
pub struct Memo {
    /// Hash and index + 1; index 0 = free.
    cells: Vec<(u32, u32)>,
    taken: usize,
}

impl Memo {
    /// The index filed under `hash` for which `same` holds.
    #[inline]
    pub fn find(&self, hash: u64, same: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = self.cells.len().wrapping_sub(1);
        let hash = hash as u32;
        let mut at = hash as usize & mask;
        loop {
            let &(filed, index) = self.cells.get(at)?;
            let index = index.checked_sub(1)?;
            if filed == hash && same(index) {
                return Some(index);
            }
            at = (at + 1) & mask;
        }
    }

    /// Files `index` under `hash`; the caller has seen that it is not there.
    pub fn insert(&mut self, hash: u64, index: u32) {
        if self.taken * 2 >= self.cells.len() {
            let double = (self.cells.len() * 2).max(64);
            let old = std::mem::replace(&mut self.cells, vec![(0, 0); double]);
            for cell in old.into_iter().filter(|c| c.1 != 0) {
                self.place(cell);
            }
        }
        self.place((hash as u32, index + 1));
        self.taken += 1;
    }

    fn place(&mut self, cell: (u32, u32)) {
        let mask = self.cells.len().wrapping_sub(1);
        let mut at = cell.0 as usize & mask;
        while let Some(slot) = self.cells.get_mut(at) {
            if slot.1 == 0 {
                *slot = cell;
                return;
            }
            at = (at + 1) & mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_filed_is_found() {
        let seed = Seed(7);
        let keys: Vec<Vec<u8>> = (0..5_000u32).map(|i| format!("key {i}").into_bytes()).collect();
        let mut memo = Memo::default();
        let hash = |k: &[u8]| seed.begin().bytes(k).finish();
        assert_eq!(memo.find(hash(b"x"), |_| true), None);
        for (i, k) in (0..).zip(&keys) {
            assert_eq!(memo.find(hash(k), |j| keys.get(j as usize) == Some(k)), None);
            memo.insert(hash(k), i);
        }
        for (i, k) in (0..).zip(&keys) {
            assert_eq!(memo.find(hash(k), |j| keys.get(j as usize) == Some(k)), Some(i));
        }
    }
}
