//! Protobuf, written by hand: varints, lengths, and the two messages that are everywhere, `KeyValue` and
//! `AnyValue`. Which fields a span has is `encode`'s.

pub(crate) use longpole_proto::fields::{begin, varint, varint_len};

/// Wire types.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const FIXED32: u32 = 5;

#[inline]
fn tag(out: &mut Vec<u8>, field: u32, wire: u32) {
    varint(out, u64::from(field << 3 | wire));
}

#[inline]
pub(super) fn number(out: &mut Vec<u8>, field: u32, value: u64) {
    tag(out, field, VARINT);
    varint(out, value);
}

#[inline]
pub(super) fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    tag(out, field, FIXED64);
    out.extend_from_slice(&value.to_le_bytes());
}

#[inline]
pub(super) fn fixed32(out: &mut Vec<u8>, field: u32, value: u32) {
    tag(out, field, FIXED32);
    out.extend_from_slice(&value.to_le_bytes());
}

#[inline]
pub(super) fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    begin(out, field, value.len());
    out.extend_from_slice(value);
}

/// A message whose length is not known before: two bytes are kept free for it, which fits lengths from
/// 128 to 16,383; others move the message.
#[inline]
pub(super) fn message(out: &mut Vec<u8>, field: u32, fill: impl FnOnce(&mut Vec<u8>)) {
    tag(out, field, BYTES);
    let at = out.len();
    out.extend_from_slice(&[0, 0]);
    fill(out);
    let length = out.len() - at - 2;
    if (0x80..0x4000).contains(&length) {
        out[at] = length as u8 | 0x80;
        out[at + 1] = (length >> 7) as u8;
    } else {
        let mut prefix = Vec::with_capacity(10);
        varint(&mut prefix, length as u64);
        out.splice(at..at + 2, prefix);
    }
}

/// A `KeyValue` whose key is encoded already and whose `AnyValue` is `length` bytes long: all but the
/// value.
#[inline]
pub(super) fn pair(out: &mut Vec<u8>, field: u32, key: &[u8], length: usize) {
    begin(out, field, key.len() + 1 + varint_len(length as u64) + length);
    out.extend_from_slice(key);
    begin(out, 2, length);
}

/// A text attribute.
pub(super) fn text(out: &mut Vec<u8>, field: u32, key: &str, value: &str) {
    let any = 1 + varint_len(value.len() as u64) + value.len();
    pair(out, field, &key_bytes(key), any);
    bytes(out, 1, value.as_bytes());
}

/// An integer attribute.
pub(super) fn integer(out: &mut Vec<u8>, field: u32, key: &str, value: i64) {
    let value = value.cast_unsigned();
    pair(out, field, &key_bytes(key), 1 + varint_len(value));
    number(out, 3, value);
}

/// A `KeyValue`'s key.
pub(super) fn key_bytes(key: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(key.len() + 3);
    bytes(&mut out, 1, key.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn messages_of_any_length_have_the_right_one(length in prop_oneof![0usize..300, 16_000usize..17_000]) {
            let mut out = Vec::new();
            message(&mut out, 3, |out| out.resize(out.len() + length, 7));
            let mut expected = Vec::new();
            bytes(&mut expected, 3, &vec![7; length]);
            prop_assert_eq!(out, expected);
        }
    }
}
