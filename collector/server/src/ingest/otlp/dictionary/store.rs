//! Distinct rows, each with its place in the request under way.

use longpole_core::memo::{Memo, Seed};
use std::hash::Hash;
use std::sync::Arc;

/// Rows, by number.
#[derive(Debug)]
pub(super) struct Store<R> {
    rows: Vec<Held<R>>,
    by_row: Memo,
}

#[derive(Debug)]
struct Held<R> {
    row: Arc<R>,
    /// The request that used it last, and its index there.
    seen: u64,
    index: u32,
}

impl<R> Default for Store<R> {
    fn default() -> Self {
        Self { rows: Vec::new(), by_row: Memo::default() }
    }
}

impl<R: PartialEq + Hash> Store<R> {
    /// The number of a row, a new one where it has none.
    pub(super) fn file(&mut self, seed: Seed, row: R) -> u32 {
        let hash = seed.of(&row);
        let found = self
            .by_row
            .find(hash, |i| self.rows.get(i as usize).is_some_and(|held| *held.row == row));
        found.unwrap_or_else(|| {
            let new = self.rows.len() as u32;
            self.rows.push(Held { row: Arc::new(row), seen: 0, index: 0 });
            self.by_row.insert(hash, new);
            new
        })
    }

    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<&Arc<R>> {
        self.rows.get(number as usize).map(|held| &held.row)
    }

    /// Index of a row in `rows`, where it is added when the request has not used it yet.
    #[inline]
    pub(super) fn place(&mut self, number: u32, request: u64, rows: &mut Vec<Arc<R>>) -> u32 {
        let Some(held) = self.rows.get_mut(number as usize) else { return u32::MAX };
        if held.seen != request {
            held.seen = request;
            held.index = rows.len() as u32;
            rows.push(Arc::clone(&held.row));
        }
        held.index
    }
}
