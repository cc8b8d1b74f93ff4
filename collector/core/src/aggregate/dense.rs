//! Rows one behind the other, in the order in which they came, and an index to find them by.
//!
//! A table of half-empty places takes twice the room, and rows that come together (those of one trace) lie apart in
//! it. Keys are ids that this process gave out itself.

use crate::hash::IdHasher;
use std::hash::{Hash, Hasher};

/// Rows by key.
#[derive(Clone, Debug)]
pub struct Dense<K, V> {
    /// Open addressing with linear probing, at most two thirds full: 1 + place of the row in as many bits as it takes
    /// to tell cells apart, and above them bits of the hash; 0 = free.
    cells: Vec<u32>,
    rows: Vec<(K, V)>,
}

/// Makes room for a quarter more where there is none: of tables that are as large as the one before them, twice the
/// room would mostly stay empty.
pub fn make_room<T>(rows: &mut Vec<T>) {
    if rows.len() == rows.capacity() {
        rows.reserve_exact((rows.len() / 4).max(16));
    }
}

/// The lower half says where to look, the upper what to look for.
#[inline]
fn hash<K: Hash>(key: &K) -> (u32, u32) {
    let mut hasher = IdHasher::default();
    key.hash(&mut hasher);
    let hash = hasher.finish();
    (hash as u32, (hash >> 32) as u32)
}

/// Cells for so many rows.
fn cells(rows: usize) -> Vec<u32> {
    if rows == 0 { Vec::new() } else { vec![0; (rows + rows / 2 + 1).next_power_of_two()] }
}

impl<K: Copy + Eq + Hash, V> Dense<K, V> {
    /// An empty one with room for so many rows.
    pub fn with_room(rows: usize) -> Self {
        Self { cells: cells(rows), rows: Vec::with_capacity(rows) }
    }

    /// Rows in it.
    #[inline]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Bits of a cell that say where its row is.
    #[inline]
    fn mask(&self) -> u32 {
        (self.cells.len() as u32).wrapping_sub(1)
    }

    /// Where the row of a key is in [`Self::rows`].
    #[inline]
    pub fn place(&self, key: &K) -> Option<usize> {
        let ((mut at, tag), mask) = (hash(key), self.mask());
        loop {
            let cell = *self.cells.get((at & mask) as usize)?;
            let place = (cell & mask).checked_sub(1)? as usize;
            if (cell ^ tag) & !mask == 0 && self.rows.get(place).is_some_and(|(k, _)| k == key) {
                return Some(place);
            }
            at = at.wrapping_add(1);
        }
    }

    /// The row of a key.
    #[inline]
    pub fn get(&self, key: &K) -> Option<&V> {
        Some(&self.rows.get(self.place(key)?)?.1)
    }

    /// The row of a key, to be changed.
    #[inline]
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.place(key)?;
        Some(&mut self.rows.get_mut(place)?.1)
    }

    /// The row of a key, to be changed; made where there is none and there is room for one.
    #[inline]
    pub fn row(&mut self, key: K, room: bool) -> Option<&mut V>
    where
        V: Default,
    {
        let place = match self.place(&key) {
            Some(place) => place,
            None if room => {
                self.insert(key, V::default());
                self.rows.len() - 1
            }
            None => return None,
        };
        Some(&mut self.rows.get_mut(place)?.1)
    }

    /// Files a row of a key that has none, as the caller has seen.
    pub fn insert(&mut self, key: K, value: V) {
        make_room(&mut self.rows);
        self.rows.push((key, value));
        if 3 * self.rows.len() > 2 * self.cells.len() {
            self.cells = cells(self.rows.capacity());
            (0..self.rows.len()).for_each(|place| self.index(place));
        } else {
            self.index(self.rows.len() - 1);
        }
    }

    fn index(&mut self, place: usize) {
        let Some((key, _)) = self.rows.get(place) else { return };
        let ((mut at, tag), mask) = (hash(key), self.mask());
        while let Some(cell) = self.cells.get_mut((at & mask) as usize) {
            if *cell == 0 {
                *cell = tag & !mask | (place as u32 + 1);
                return;
            }
            at = at.wrapping_add(1);
        }
    }

    /// All rows, in the order in which they came.
    pub fn rows(&self) -> &[(K, V)] {
        &self.rows
    }

    /// The same, to be kept.
    pub fn into_rows(self) -> Vec<(K, V)> {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_is_a_table(
            adds in prop::collection::vec((0..500u64, any::<u32>()), 0..2_000),
            room in 0..700usize,
        ) {
            let (mut dense, mut plain) = (Dense::with_room(room), BTreeMap::new());
            let mut order = Vec::new();
            for (key, n) in adds {
                match dense.get_mut(&key) {
                    Some(row) => *row += u64::from(n),
                    None => {
                        dense.insert(key, u64::from(n));
                        order.push(key);
                    }
                }
                *plain.entry(key).or_insert(0) += u64::from(n);
                prop_assert_eq!(dense.get(&key), plain.get(&key));
            }
            prop_assert_eq!(dense.row(500, false), None);
            prop_assert_eq!(dense.get(&500), None);
            prop_assert_eq!(dense.len(), plain.len());
            prop_assert!(dense.rows().iter().map(|(key, _)| key).eq(&order));
            prop_assert_eq!(dense.into_rows().into_iter().collect::<BTreeMap<_, _>>(), plain);
        }
    }
}
