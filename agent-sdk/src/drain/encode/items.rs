//! A record's items as fields of a `Span`: attributes, events, links, another name; nothing twice, nothing beyond the limits.

use super::prepared::Prepared;
use super::{ATTRIBUTES, EVENTS, LINKS, Limits, Seen};
use crate::clock::Scale;
use crate::drain::wire;
use crate::record::flag;
use crate::record::read::{Item, Items, Key, Record, Text, Value, same_key};

const EVENT_ATTRIBUTES: u32 = 3;

/// Name and kind of a span that may have been renamed.
pub(super) fn named(site: &Prepared, items: Items<'_>, out: &mut Vec<u8>) {
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
pub(super) fn keys<'a>(mut items: Items<'a>) -> impl Iterator<Item = Key<'a>> {
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
pub(super) fn items<'a>(
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
pub(super) fn text(out: &mut Vec<u8>, field: u32, value: &Text<'_>) {
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
