//! A record as an OTLP `Span`: from the ring's words straight to protobuf's bytes.
//!
//! What a call site says is encoded once and copied from then on. Limits are held here, where nobody waits.

use super::wire;
use crate::clock::Scale;
use crate::record::flag;
use crate::record::read::{Item, Items, Key, Record, Text, Value, same_key};
use crate::sampler::states;
use crate::site::{self, Fixed, Site};

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
const EVENT_ATTRIBUTES: u32 = 3;

/// Turns records into spans.
#[derive(Debug)]
pub(crate) struct Encoder {
    limits: Limits,
    /// By number less one.
    sites: Vec<Prepared>,
    nameless: Prepared,
}

/// What is known of a call site, encoded.
#[derive(Debug)]
struct Prepared {
    site: Option<&'static Site>,
    /// Name and kind.
    head: Vec<u8>,
    /// Names and `KeyValue`s of what is the same every time.
    fixed: Vec<(&'static str, Vec<u8>)>,
    /// Where in the program it is.
    place: Vec<u8>,
    /// Keys as `KeyValue`s have them.
    keys: Vec<Vec<u8>>,
}

impl Prepared {
    fn new(site: Option<&'static Site>) -> Self {
        let mut head = Vec::new();
        wire::bytes(&mut head, 5, site.map_or("", |s| s.name).as_bytes());
        wire::number(&mut head, 6, site.map_or(1, |s| s.kind as u64));
        let mut place = Vec::new();
        if let Some((site, file)) = site.and_then(|s| Some((s, s.file?))) {
            wire::text(&mut place, ATTRIBUTES, "code.file.path", file);
            wire::integer(&mut place, ATTRIBUTES, "code.line.number", i64::from(site.line));
        }
        let fixed = site.map_or(&[][..], |s| s.fixed).iter().map(|f| (f.key, literal(f))).collect();
        let keys = site.map_or(&[][..], |s| s.keys).iter().map(|k| wire::key_bytes(k)).collect();
        Self { site, head, fixed, place, keys }
    }

    fn key(&self, index: usize) -> &[u8] {
        self.keys.get(index).map_or(b"\x0a\x01?", |k| k)
    }

    fn names(&self) -> &'static [&'static str] {
        self.site.map_or(&[], |s| s.keys)
    }
}

/// A literal of the program, typed as it is there.
fn literal(f: &Fixed) -> Vec<u8> {
    let mut out = Vec::new();
    let key = wire::key_bytes(f.key);
    let quoted = f.source.contains('"') || f.source.starts_with('\'');
    match f.text {
        "true" | "false" if !quoted => {
            wire::pair(&mut out, ATTRIBUTES, &key, 2);
            wire::number(&mut out, 2, u64::from(f.text == "true"));
        }
        text if !quoted && text.parse::<i64>().is_ok() => {
            wire::integer(&mut out, ATTRIBUTES, f.key, text.parse().unwrap_or_default());
        }
        text if !quoted && text.parse::<f64>().is_ok() => {
            wire::pair(&mut out, ATTRIBUTES, &key, 9);
            wire::fixed64(&mut out, 4, text.parse::<f64>().unwrap_or_default().to_bits());
        }
        text => wire::text(&mut out, ATTRIBUTES, f.key, text),
    }
    out
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

/// Name and kind of a span that may have been renamed.
fn named(site: &Prepared, items: Items<'_>, out: &mut Vec<u8>) {
    let (mut name, mut kind) = (None, None);
    for item in items {
        match item {
            Item::Name(text) => name = Some(text),
            Item::Kind(number) => kind = Some(number),
            _ => {}
        }
    }
    if name.is_none() && kind.is_none() {
        return out.extend_from_slice(&site.head);
    }
    match name {
        Some(name) => text(out, 5, &name),
        None => wire::bytes(out, 5, site.site.map_or("", |s| s.name).as_bytes()),
    }
    let kind = kind.map_or_else(|| site.site.map_or(1, |s| s.kind as u64), u64::from);
    wire::number(out, 6, kind);
}

/// The keys of a span's own attributes.
fn keys<'a>(mut items: Items<'a>) -> impl Iterator<Item = Key<'a>> {
    let mut skip = 0;
    std::iter::from_fn(move || {
        loop {
            match items.next()? {
                Item::Event { attributes, .. } => skip = attributes,
                Item::Attribute(..) if skip > 0 => skip -= 1,
                Item::Attribute(key, _) => return Some(key),
                _ => {}
            }
        }
    })
}

/// Attributes, events and links; gives the last word about the status.
fn items<'a>(
    site: &Prepared,
    limits: &Limits,
    record: &Record<'a>,
    scale: &Scale,
    seen: &mut Seen,
    out: &mut Vec<u8>,
) -> Option<Text<'a>> {
    let later = record.flags() & flag::LATER != 0;
    let mut why = None;
    let mut items = record.items();
    while let Some(item) = items.next() {
        match item {
            Item::Attribute(key, value) => {
                // Where keys may come twice the last one stays.
                if later && keys(items.clone()).any(|next| same_key(&key, &next, site.names())) {
                    continue;
                }
                if matches!(value, Value::Nothing) {
                } else if seen.attributes < limits.attributes {
                    seen.attributes += 1;
                    attribute(site, ATTRIBUTES, &key, &value, out);
                } else {
                    seen.lost_attributes += 1;
                }
            }
            Item::Event { at, name, attributes } => {
                seen.events += 1;
                let own = items.clone();
                items.skip_attributes(attributes);
                if seen.events <= limits.events {
                    event(site, limits, scale.nanos(at), &name, own.take(attributes), out);
                }
            }
            Item::Link { trace, span, sampled } => {
                seen.links += 1;
                if seen.links <= limits.links {
                    // Tag and length of two ids, tag of a number.
                    wire::begin(out, LINKS, (2 + 16) + (2 + 8) + (1 + 4));
                    wire::bytes(out, 1, &trace.to_be_bytes());
                    wire::bytes(out, 2, &span.to_be_bytes());
                    wire::fixed32(out, 6, u32::from(sampled));
                }
            }
            Item::Status(text) => why = Some(text),
            Item::State(state) => text(out, 3, &state),
            Item::Lost(n) => seen.lost_attributes += n as usize,
            Item::Name(_) | Item::Kind(_) => {}
        }
    }
    why
}

fn event<'a>(
    site: &Prepared,
    limits: &Limits,
    at: u64,
    name: &Text<'_>,
    own: impl Iterator<Item = Item<'a>>,
    out: &mut Vec<u8>,
) {
    wire::message(out, EVENTS, |out| {
        wire::fixed64(out, 1, at);
        text(out, 2, name);
        let mut count = 0;
        for item in own {
            let Item::Attribute(key, value) = item else { break };
            count += 1;
            if count <= limits.attributes && !matches!(value, Value::Nothing) {
                attribute(site, EVENT_ATTRIBUTES, &key, &value, out);
            }
        }
        if count > limits.attributes {
            wire::number(out, 4, (count - limits.attributes) as u64);
        }
    });
}

/// Text of the ring as a field.
#[inline]
fn text(out: &mut Vec<u8>, field: u32, value: &Text<'_>) {
    wire::begin(out, field, value.len());
    value.append(out);
}

#[inline]
fn attribute(site: &Prepared, field: u32, key: &Key<'_>, value: &Value<'_>, out: &mut Vec<u8>) {
    let length = match value {
        Value::I64(v) => 1 + wire::varint_len(v.cast_unsigned()),
        Value::F64(_) => 9,
        Value::Bool(_) => 2,
        Value::Str(t) => 1 + wire::varint_len(t.len() as u64) + t.len(),
        Value::Nothing => 0,
    };
    match key {
        Key::Index(index) => wire::pair(out, field, site.key(*index), length),
        Key::Text(name) => {
            let key = 1 + wire::varint_len(name.len() as u64) + name.len();
            wire::begin(out, field, key + 1 + wire::varint_len(length as u64) + length);
            text(out, 1, name);
            wire::begin(out, 2, length);
        }
    }
    match value {
        Value::I64(v) => wire::number(out, 3, v.cast_unsigned()),
        Value::F64(v) => wire::fixed64(out, 4, v.to_bits()),
        Value::Bool(v) => wire::number(out, 2, u64::from(*v)),
        Value::Str(t) => text(out, 1, t),
        Value::Nothing => {}
    }
}
