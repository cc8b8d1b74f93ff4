//! A record as an OTLP `Span`: from the ring's words straight to protobuf's bytes.
//!
//! What a call site says is encoded once and copied from then on. Limits are held here, where nobody waits.

mod items;
mod prepared;

use super::wire;
use crate::clock::Scale;
use crate::record::flag;
use crate::record::read::{Items, Key, Record};
use crate::sampler::states;
use crate::site;
use items::{items, keys, named, text};
use prepared::Prepared;

/// Caps of one span (`OTEL_SPAN_*`, `OTEL_ATTRIBUTE_*`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Attributes of a span or event.
    pub(crate) attributes: usize,
    pub(crate) events: usize,
    pub(crate) links: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { attributes: 128, events: 128, links: 128 }
    }
}

/// Fields of `Span`, `Event`, `Link` and `Status`.
const ATTRIBUTES: u32 = 9;
const EVENTS: u32 = 11;
const LINKS: u32 = 13;
const STATUS: u32 = 15;

/// Turns records into spans.
#[derive(Debug)]
pub(crate) struct Encoder {
    limits: Limits,
    /// By number less one.
    sites: Vec<Prepared>,
    nameless: Prepared,
}

impl Encoder {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, sites: Vec::new(), nameless: Prepared::new(None) }
    }

    /// Learns the call sites up to a number.
    #[cold]
    fn learn(&mut self, id: u32) {
        while self.sites.len() < id as usize {
            let next = u32::try_from(self.sites.len() + 1).unwrap_or(u32::MAX);
            let Some(site) = site::get(next) else { return };
            self.sites.push(Prepared::new(Some(site)));
        }
    }

    /// Adds the span to a `ScopeSpans`.
    pub(crate) fn span(&mut self, record: &Record<'_>, scale: &Scale, out: &mut Vec<u8>) {
        let id = record.site();
        if id as usize > self.sites.len() {
            self.learn(id);
        }
        let known = (id as usize).checked_sub(1).and_then(|at| self.sites.get(at));
        let prepared = known.unwrap_or(&self.nameless);
        wire::message(out, 2, |out| one(prepared, &self.limits, record, scale, out));
    }
}

/// What is counted while a span's items are read.
#[derive(Debug, Default)]
struct Seen {
    attributes: usize,
    lost_attributes: usize,
    events: usize,
    links: usize,
}

fn one(site: &Prepared, limits: &Limits, record: &Record<'_>, scale: &Scale, out: &mut Vec<u8>) {
    let flags = record.flags();
    let later = flags & flag::LATER != 0;
    wire::bytes(out, 1, &record.trace().to_be_bytes());
    wire::bytes(out, 2, &record.span().to_be_bytes());
    // Bit 8: it is known whether the parent is remote; bit 9: it is.
    let mut w3c = 1;
    if record.parent() != 0 {
        wire::bytes(out, 4, &record.parent().to_be_bytes());
        w3c |= if flags & flag::REMOTE != 0 { 0x300 } else { 0x100 };
    }
    wire::fixed32(out, 16, w3c);
    let state = (flags & flag::STATE) >> flag::STATE.trailing_zeros();
    if let (Some(state), 0) = (states::text(state).filter(|_| state > 0), flags & flag::TEXT) {
        wire::bytes(out, 3, state.as_bytes());
    }
    match later || site.site.is_none_or(|s| s.renamed) {
        true => named(site, record.items(), out),
        false => out.extend_from_slice(&site.head),
    }
    let start = scale.nanos(record.start());
    wire::fixed64(out, 7, start);
    wire::fixed64(out, 8, scale.nanos(record.end()).max(start));
    let mut seen = Seen::default();
    let overwritten = |name: &str, items: Items<'_>| {
        keys(items).any(|key| matches!(key, Key::Text(text) if text.says(name)))
    };
    for (name, fixed) in &site.fixed {
        if later && overwritten(name, record.items()) {
            continue;
        }
        if seen.attributes < limits.attributes {
            out.extend_from_slice(fixed);
            seen.attributes += 1;
        } else {
            seen.lost_attributes += 1;
        }
    }
    let why = items(site, limits, record, scale, &mut seen, out);
    out.extend_from_slice(&site.place);
    if seen.lost_attributes > 0 {
        wire::number(out, 10, seen.lost_attributes as u64);
    }
    if seen.events > limits.events {
        wire::number(out, 12, (seen.events - limits.events) as u64);
    }
    if seen.links > limits.links {
        wire::number(out, 14, (seen.links - limits.links) as u64);
    }
    if flags & flag::ERROR != 0 {
        let length = why.map_or(0, |w| 1 + wire::varint_len(w.len() as u64) + w.len());
        wire::begin(out, STATUS, length + 2);
        if let Some(why) = why {
            text(out, 2, &why);
        }
        wire::number(out, 3, 2);
    } else if flags & flag::OK != 0 {
        wire::begin(out, STATUS, 2);
        wire::number(out, 3, 1);
    }
}
