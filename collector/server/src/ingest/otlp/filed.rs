//! Rows of one request by their raw bytes: series and attribute texts.
//!
//! What is kept between requests is [`super::dictionary`].

use super::naming::Name;
use super::text::clean;
use longpole_core::memo::{Memo, Seed};
use longpole_model::signal::{Batch, Rejections};
use std::hash::Hasher;

/// Raw keys seen so far with the row each stands for.
#[derive(Debug)]
pub(super) struct Filed<K> {
    raw: Vec<(K, u32)>,
    by_raw: Memo,
    by_row: Memo,
}

impl<K: PartialEq> Filed<K> {
    pub(super) fn new() -> Self {
        Self { raw: Vec::new(), by_raw: Memo::default(), by_row: Memo::default() }
    }

    /// The row that `key` stands for.
    #[inline]
    pub(super) fn find(&self, hash: u64, key: &K) -> Option<u32> {
        let at = self
            .by_raw
            .find(hash, |i| self.raw.get(i as usize).is_some_and(|(filed, _)| filed == key))?;
        self.raw.get(at as usize).map(|(_, row)| *row)
    }

    /// Files `key` for the row equal to `row`, which is added where it is new.
    pub(super) fn file<R: PartialEq + std::hash::Hash>(
        &mut self,
        seed: Seed,
        (hash, key): (u64, K),
        rows: &mut Vec<R>,
        row: R,
    ) -> u32 {
        let row_hash = seed.of(&row);
        let found = self.by_row.find(row_hash, |i| rows.get(i as usize) == Some(&row));
        let index = found.unwrap_or_else(|| {
            let new = rows.len() as u32;
            rows.push(row);
            self.by_row.insert(row_hash, new);
            new
        });
        self.by_raw.insert(hash, self.raw.len() as u32);
        self.raw.push((key, index));
        index
    }
}

/// Attribute texts of one request.
#[derive(Debug)]
pub(super) struct Texts<'a> {
    filed: Filed<Name<'a>>,
    cap: usize,
    scratch: Vec<u8>,
}

impl<'a> Texts<'a> {
    /// Texts of at most `cap` bytes.
    pub(super) fn new(cap: usize) -> Self {
        Self { filed: Filed::new(), cap, scratch: Vec::new() }
    }

    /// Index of a text.
    #[inline]
    pub(super) fn text(
        &mut self,
        seed: Seed,
        text: Name<'a>,
        batch: &mut Batch,
        rejections: &mut Rejections,
    ) -> u32 {
        let mix = seed.begin().number(u64::from(text.separator)).bytes(text.head);
        let hash = mix.bytes(text.tail).finish();
        if let Some(row) = self.filed.find(hash, &text) {
            return row;
        }
        text.join(&mut self.scratch);
        let row = clean(&self.scratch, self.cap, rejections);
        self.filed.file(seed, (hash, text), &mut batch.texts, row)
    }
}
