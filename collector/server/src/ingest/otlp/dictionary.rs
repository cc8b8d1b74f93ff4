//! Names and resources as they lie on the wire, filed once and kept between requests, so that what was
//! seen before is neither read nor built again.
//!
//! Two looks: by the raw bytes (every span, no allocation), and by the cleaned row (once per distinct
//! raw key). Full keys are compared, hashes never trusted. What a request adds beyond the caps is
//! given up when it ends; what a request says does not depend on what is kept.

mod store;

use super::DecodeLimits;
use super::naming::Name;
use super::resource::resource;
use super::text::clean;
use super::value::Budget;
use super::wire::Fault;
use crate::secret;
use longpole_core::memo::{Memo, Seed, same};
use longpole_model::signal::{OperationRow, Rejections, Resource, SpanCategory, SpanKind};
use std::hash::Hasher;
use std::sync::Arc;
use store::Store;

/// Bytes of [`DecodeLimits::names`] that a raw key and its row count for at the least.
const ROW: usize = 256;

/// What an operation is told apart by, as raw bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OperationKey<'a> {
    /// From [`Dictionary::sender`].
    pub(crate) sender: u32,
    pub(crate) kind: SpanKind,
    pub(crate) category: SpanCategory,
    pub(crate) name: Name<'a>,
    pub(crate) peer: &'a [u8],
}

/// Texts that were mended while a row was built: told again by each request that uses it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mended {
    replaced: u64,
    truncated: u64,
}

impl Mended {
    /// What `build` mends.
    fn by<T>(rejections: &mut Rejections, build: impl FnOnce(&mut Rejections) -> T) -> (Self, T) {
        let mut own = Rejections::default();
        let built = build(&mut own);
        let mended = Self { replaced: own.replaced_text, truncated: own.truncated };
        rejections.merge(&own);
        (mended, built)
    }

    fn tell(self, rejections: &mut Rejections) {
        rejections.replaced_text += self.replaced;
        rejections.truncated += self.truncated;
    }
}

#[derive(Debug)]
struct RawSender {
    message: Box<[u8]>,
    resource: u32,
    attributes: u32,
    mended: Mended,
    /// The request that used it last.
    seen: u64,
}

/// The raw key of an operation. Its texts are those of the row, unless they had to be mended.
#[derive(Debug)]
struct RawOperation {
    sender: u32,
    kind: SpanKind,
    category: SpanCategory,
    separator: u8,
    /// Bytes of the name's first part.
    head: usize,
    row: u32,
    raw: Option<Box<(Vec<u8>, Vec<u8>)>>,
    mended: Mended,
    seen: u64,
}

/// The dictionary of one decoder.
#[derive(Debug)]
pub(crate) struct Dictionary {
    seed: Seed,
    limits: DecodeLimits,
    /// Number of the request under way.
    request: u64,
    senders: Vec<RawSender>,
    senders_by_raw: Memo,
    resources: Store<Resource>,
    raw: Vec<RawOperation>,
    by_raw: Memo,
    operations: Store<OperationRow>,
    scratch: Vec<u8>,
    bytes: usize,
}

impl Dictionary {
    pub(crate) fn new(limits: &DecodeLimits) -> Self {
        Self {
            // Of each its own, so that nobody learns one.
            seed: secret::seed(),
            limits: *limits,
            request: 0,
            senders: Vec::new(),
            senders_by_raw: Memo::default(),
            resources: Store::default(),
            raw: Vec::new(),
            by_raw: Memo::default(),
            operations: Store::default(),
            scratch: Vec::new(),
            bytes: 0,
        }
    }

    /// The seed of its hashes.
    pub(crate) fn seed(&self) -> Seed {
        self.seed
    }

    /// Begins a request.
    pub(crate) fn begin(&mut self) {
        self.request += 1;
    }

    /// Ends a request: beyond the caps, everything is forgotten. Whether it was.
    pub(crate) fn end(&mut self) -> bool {
        let rows = self.raw.len() + self.senders.len();
        let forgets = self.bytes.max(rows * ROW) > self.limits.names;
        if forgets {
            let request = self.request;
            *self = Self { request, ..Self::new(&self.limits) };
        }
        forgets
    }

    /// Number of the resource that `message` holds.
    pub(crate) fn sender(
        &mut self,
        message: &[u8],
        budget: &mut Budget,
        rejections: &mut Rejections,
    ) -> Result<u32, Fault> {
        let hash = self.seed.begin().bytes(message).finish();
        let known = self.senders_by_raw.find(hash, |i| {
            self.senders.get(i as usize).is_some_and(|filed| *filed.message == *message)
        });
        if let Some(filed) = known.and_then(|i| self.senders.get_mut(i as usize)) {
            if filed.seen != self.request {
                filed.seen = self.request;
                filed.mended.tell(rejections);
                budget.attributes(filed.attributes, message)?;
            }
            return Ok(filed.resource);
        }
        let before = budget.attributes_left();
        let limits = &self.limits;
        let (mended, row) = Mended::by(rejections, |r| resource(message, limits, budget, r));
        let resource = self.resources.file(self.seed, row?);
        self.senders_by_raw.insert(hash, self.senders.len() as u32);
        self.bytes += 2 * message.len();
        self.senders.push(RawSender {
            message: message.into(),
            resource,
            attributes: before - budget.attributes_left(),
            mended,
            seen: self.request,
        });
        Ok(resource)
    }

    /// A resource by its number.
    pub(crate) fn resource(&self, sender: u32) -> Option<&Arc<Resource>> {
        self.resources.get(sender)
    }

    /// Index of a resource in `rows`, where it is added when this request has not used it yet.
    pub(crate) fn place_resource(&mut self, sender: u32, rows: &mut Vec<Arc<Resource>>) -> u32 {
        self.resources.place(sender, self.request, rows)
    }

    /// Index in `rows` of the operation under `key`.
    #[inline]
    pub(crate) fn operation(
        &mut self,
        key: OperationKey<'_>,
        rows: &mut Vec<Arc<OperationRow>>,
        rejections: &mut Rejections,
    ) -> u32 {
        let small = u64::from(key.sender) << 16
            | (key.kind as u64) << 8
            | key.category as u64
            | u64::from(key.name.separator) << 56;
        let mut mix = self.seed.begin().number(small).bytes(key.name.head);
        if key.name.separator != 0 {
            mix = mix.bytes(key.name.tail);
        }
        let hash = mix.bytes(key.peer).finish();
        let Self { raw, by_raw, operations, request, .. } = self;
        let found = by_raw
            .find(hash, |i| raw.get(i as usize).is_some_and(|filed| filed.is(&key, operations)));
        match found.and_then(|i| raw.get_mut(i as usize)) {
            Some(filed) => {
                if filed.seen != *request {
                    filed.seen = *request;
                    filed.mended.tell(rejections);
                }
                operations.place(filed.row, *request, rows)
            }
            None => self.new_operation(hash, key, rows, rejections),
        }
    }

    #[cold]
    fn new_operation(
        &mut self,
        hash: u64,
        key: OperationKey<'_>,
        rows: &mut Vec<Arc<OperationRow>>,
        rejections: &mut Rejections,
    ) -> u32 {
        key.name.join(&mut self.scratch);
        let (cap, scratch) = (self.limits.text, &self.scratch);
        let (mended, (name, peer)) =
            Mended::by(rejections, |r| (clean(scratch, cap, r), clean(key.peer, cap, r)));
        let plain = name.as_bytes() == scratch.as_slice() && peer.as_bytes() == key.peer;
        let raw = (!plain).then(|| Box::new((scratch.clone(), key.peer.to_vec())));
        self.bytes += name.len() + peer.len() + size_of::<(RawOperation, OperationRow)>();
        self.bytes += raw.as_ref().map_or(0, |r| r.0.len() + r.1.len());
        let resource = self.resources.get(key.sender).cloned().unwrap_or_default();
        let (kind, category) = (key.kind, key.category);
        let row = OperationRow { resource, kind, category, name, peer };
        let row = self.operations.file(self.seed, row);
        self.by_raw.insert(hash, self.raw.len() as u32);
        self.raw.push(RawOperation {
            sender: key.sender,
            kind,
            category,
            separator: key.name.separator,
            head: key.name.head.len(),
            row,
            raw,
            mended,
            seen: self.request,
        });
        self.operations.place(row, self.request, rows)
    }
}

impl RawOperation {
    #[inline(always)]
    fn is(&self, key: &OperationKey<'_>, rows: &Store<OperationRow>) -> bool {
        let Some(row) = rows.get(self.row) else { return false };
        let small = (self.sender, self.kind, self.category, self.separator, self.head);
        if small != (key.sender, key.kind, key.category, key.name.separator, key.name.head.len()) {
            return false;
        }
        let (name, peer) = match &self.raw {
            None => (row.name.as_bytes(), row.peer.as_bytes()),
            Some(raw) => (&*raw.0, &*raw.1),
        };
        let Some((head, rest)) = name.split_at_checked(self.head) else { return false };
        let tail = if self.separator == 0 { rest } else { rest.get(1..).unwrap_or_default() };
        same(head, key.name.head) && same(tail, key.name.tail) && same(peer, key.peer)
    }
}
