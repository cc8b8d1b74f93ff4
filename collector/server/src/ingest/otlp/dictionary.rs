//! The dictionary of a batch in the making: resources, operations and texts, each filed once.
//!
//! Two looks: by the raw bytes on the wire (every span, no allocation), and by the cleaned row
//! (once per distinct raw key). Full keys are compared, hashes never trusted.

use super::DecodeLimits;
use super::naming::Name;
use super::resource::resource;
use super::text::clean;
use super::value::Budget;
use super::wire::Fault;
use longpole_core::memo::{Memo, Seed, same};
use longpole_model::signal::{Batch, OperationRow, Rejections, Resource, SpanCategory, SpanKind};
use std::hash::{BuildHasher, Hasher, RandomState};

/// What an operation is told apart by, as raw bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OperationKey<'a> {
    pub(crate) resource: u32,
    pub(crate) kind: SpanKind,
    pub(crate) category: SpanCategory,
    pub(crate) name: Name<'a>,
    pub(crate) peer: &'a [u8],
}

impl PartialEq for OperationKey<'_> {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        let small = |k: &Self| (k.resource, k.kind, k.category, k.name.separator);
        small(self) == small(other)
            && same(self.name.head, other.name.head)
            && same(self.name.tail, other.name.tail)
            && same(self.peer, other.peer)
    }
}

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
        seed: &Seed,
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

/// The dictionary over a payload that lives for `'a`.
#[derive(Debug)]
pub(crate) struct Dictionary<'a> {
    seed: Seed,
    limits: DecodeLimits,
    resources: Filed<Vec<u8>>,
    operations: Filed<OperationKey<'a>>,
    texts: Filed<Name<'a>>,
    scratch: Vec<u8>,
}

impl<'a> Dictionary<'a> {
    pub(crate) fn new(limits: &DecodeLimits) -> Self {
        Self {
            // Of each request its own, so that nobody learns one.
            seed: Seed(RandomState::new().hash_one(0u8)),
            limits: *limits,
            resources: Filed::new(),
            operations: Filed::new(),
            texts: Filed::new(),
            scratch: Vec::new(),
        }
    }

    /// The seed of this request's hashes.
    pub(crate) fn seed(&self) -> &Seed {
        &self.seed
    }

    /// Index of the resource that `message` holds.
    pub(crate) fn resource(
        &mut self,
        message: &[u8],
        batch: &mut Batch,
        budget: &mut Budget,
        rejections: &mut Rejections,
    ) -> Result<u32, Fault> {
        let hash = self.seed.begin().bytes(message).finish();
        let known = self.resources.by_raw.find(hash, |i| {
            self.resources.raw.get(i as usize).is_some_and(|(filed, _)| filed == message)
        });
        if let Some((_, row)) = known.and_then(|at| self.resources.raw.get(at as usize)) {
            return Ok(*row);
        }
        let row: Resource = resource(message, &self.limits, budget, rejections)?;
        let key = (hash, message.to_vec());
        Ok(self.resources.file(&self.seed, key, &mut batch.resources, row))
    }

    /// Index of the operation under `key`.
    #[inline]
    pub(crate) fn operation(
        &mut self,
        key: OperationKey<'a>,
        batch: &mut Batch,
        rejections: &mut Rejections,
    ) -> u32 {
        let small = u64::from(key.resource) << 16
            | (key.kind as u64) << 8
            | key.category as u64
            | u64::from(key.name.separator) << 56;
        let mut mix = self.seed.begin().number(small).bytes(key.name.head);
        if key.name.separator != 0 {
            mix = mix.bytes(key.name.tail);
        }
        let hash = mix.bytes(key.peer).finish();
        match self.operations.find(hash, &key) {
            Some(row) => row,
            None => self.new_operation(hash, key, batch, rejections),
        }
    }

    #[cold]
    fn new_operation(
        &mut self,
        hash: u64,
        key: OperationKey<'a>,
        batch: &mut Batch,
        rejections: &mut Rejections,
    ) -> u32 {
        key.name.join(&mut self.scratch);
        let row = OperationRow {
            resource: key.resource,
            kind: key.kind,
            category: key.category,
            name: clean(&self.scratch, self.limits.text, rejections),
            peer: clean(key.peer, self.limits.text, rejections),
        };
        self.operations.file(&self.seed, (hash, key), &mut batch.operations, row)
    }

    /// Index of an attribute text.
    #[inline]
    pub(crate) fn text(
        &mut self,
        text: Name<'a>,
        batch: &mut Batch,
        rejections: &mut Rejections,
    ) -> u32 {
        let mix = self.seed.begin().number(u64::from(text.separator)).bytes(text.head);
        let hash = mix.bytes(text.tail).finish();
        if let Some(row) = self.texts.find(hash, &text) {
            return row;
        }
        text.join(&mut self.scratch);
        let row = clean(&self.scratch, self.limits.text, rejections);
        self.texts.file(&self.seed, (hash, text), &mut batch.texts, row)
    }
}
