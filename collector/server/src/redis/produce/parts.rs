//! A request as what goes into streams: cut by shard from slices, each part with the name that it is
//! recognised by, and packed. Pure; numbers of our own are given by [`super::writer`].
//!
//! A batch that its sender cut for a stream goes there whole, under its own name, which it has on every
//! road. All else is cut here: traces by the shard of their id; metrics by the shard of who sent them, or
//! by that of their resource where nobody says who, so that a program's series go one way whichever
//! collector they reach.

use crate::ingest::otlp::Signal;
use crate::log::Producer;
use crate::redis::sender::Sender;
use crate::redis::take::UNPACKED;
use flate2::Compression;
use flate2::write::GzEncoder;
use longpole_proto::cut::{cut, trace_id};
use longpole_proto::road::{ENCODING_GZIP, ENCODING_IDENTITY, ENTRY_BYTES};
use longpole_proto::shard::{shard_of, trace_hash};
use std::io::Write;

/// Payloads below this are not packed: making a packer ready costs more than ten spans all of their road.
const SMALL: usize = 4 << 10;

/// What becomes an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which stream.
    pub stream: u32,
    /// How it is named.
    pub name: Name,
    /// What it carries.
    pub signal: Signal,
    /// Spans or metrics in it.
    pub items: u32,
    /// How `otlp` is packed.
    pub encoding: &'static str,
    /// One export request.
    pub otlp: Vec<u8>,
}

/// The name of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// Its sender's.
    Theirs(Producer),
    /// One of our own, for somebody who may have said who it is.
    Ours(Option<Sender>),
}

/// The parts of a request of so many `items`, and the items that are too large for an entry.
pub fn of(
    signal: Signal,
    payload: &[u8],
    items: u32,
    sender: Option<Producer>,
    streams: u32,
) -> (Vec<Part>, u32) {
    let theirs = sender.filter(|s| s.shard < streams);
    if let Some(name) = theirs
        && let Some((encoding, otlp)) = packed(payload)
    {
        let (stream, name) = (name.shard, Name::Theirs(name));
        return (vec![Part { stream, name, signal, items, encoding, otlp }], 0);
    }
    // Too large for one entry: its number is filled all the same, so that nobody misses it.
    let filler = theirs.map(|name| Part {
        stream: name.shard,
        name: Name::Theirs(name),
        signal,
        items: 0,
        encoding: ENCODING_IDENTITY,
        otlp: Vec::new(),
    });
    let own = sender.map(|s| shard_of(trace_hash(s.id), streams));
    let cut = cut(payload, ENTRY_BYTES, |resource, item| match signal {
        Signal::Traces => shard_of(trace_hash(trace_id(item)), streams),
        Signal::Metrics | Signal::Logs => own.unwrap_or_else(|| shard_of(hash(resource), streams)),
    });
    let mut parts: Vec<Part> = filler.into_iter().collect();
    let mut too_large = 0;
    let (mut last, mut number) = (None, 0);
    for part in cut {
        number = if last == Some(part.shard) { number + 1 } else { 0 };
        last = Some(part.shard);
        match packed(&part.payload) {
            Some((encoding, otlp)) => {
                let name = Name::Ours(sender.map(|batch| Sender { batch, part: number }));
                let (stream, items) = (part.shard, part.items);
                parts.push(Part { stream, name, signal, items, encoding, otlp });
            }
            None => too_large += part.items,
        }
    }
    (parts, too_large)
}

/// A payload as it is stored; `None` = more than an entry may have, packed or not.
fn packed(payload: &[u8]) -> Option<(&'static str, Vec<u8>)> {
    if payload.len() > UNPACKED {
        return None;
    }
    if payload.len() >= SMALL {
        let gzip = gzip(payload);
        if gzip.len() < payload.len() && !gzip.is_empty() {
            return (gzip.len() <= ENTRY_BYTES).then_some((ENCODING_GZIP, gzip));
        }
    }
    (payload.len() <= ENTRY_BYTES).then(|| (ENCODING_IDENTITY, payload.to_vec()))
}

/// Packs bytes, the fastest way.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 3), Compression::fast());
    // Writing to memory cannot fail.
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}

/// FNV-1a (Fowler, Noll, Vo), mixed: where a resource's series go.
fn hash(resource: &[u8]) -> u64 {
    let fold = |h: u64, b: &u8| (h ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3);
    let hash = resource.iter().fold(0xcbf2_9ce4_8422_2325, fold);
    trace_hash(u128::from(hash).to_be_bytes())
}

#[cfg(test)]
mod tests;
