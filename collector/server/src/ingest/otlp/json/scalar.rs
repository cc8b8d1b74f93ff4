//! JSON scalars to protobuf scalars. What cannot be read counts as not sent.
//!
//! Knows nothing of messages; [`super::encode`] calls it for each scalar field.

use super::schema::Scalar;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A JSON value as far as a scalar field cares.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Nothing,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Double(f64),
    Text(String),
}

impl<'de> serde::Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Json;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a scalar")
            }
            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Nothing)
            }
            fn visit_bool<E>(self, b: bool) -> Result<Json, E> {
                Ok(Json::Bool(b))
            }
            fn visit_u64<E>(self, n: u64) -> Result<Json, E> {
                Ok(Json::Unsigned(n))
            }
            fn visit_i64<E>(self, n: i64) -> Result<Json, E> {
                Ok(Json::Signed(n))
            }
            fn visit_f64<E>(self, x: f64) -> Result<Json, E> {
                Ok(Json::Double(x))
            }
            fn visit_str<E>(self, s: &str) -> Result<Json, E> {
                Ok(Json::Text(s.to_owned()))
            }
            // A list or an object where a scalar belongs: passed over.
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Json::Nothing)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Json::Nothing)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl Json {
    fn unsigned(&self) -> Option<u64> {
        match self {
            Self::Unsigned(n) => Some(*n),
            Self::Signed(n) => u64::try_from(*n).ok(),
            Self::Double(x) => whole(*x).and_then(|n| u64::try_from(n).ok()),
            Self::Text(s) => {
                let number = || whole(s.trim().parse().ok()?).and_then(|n| u64::try_from(n).ok());
                s.trim().parse().ok().or_else(number)
            }
            Self::Nothing | Self::Bool(_) => None,
        }
    }

    fn signed(&self) -> Option<i64> {
        match self {
            Self::Signed(n) => Some(*n),
            Self::Unsigned(n) => i64::try_from(*n).ok(),
            Self::Double(x) => whole(*x).and_then(|n| i64::try_from(n).ok()),
            Self::Text(s) => {
                let number = || whole(s.trim().parse().ok()?).and_then(|n| i64::try_from(n).ok());
                s.trim().parse().ok().or_else(number)
            }
            Self::Nothing | Self::Bool(_) => None,
        }
    }

    fn double(&self) -> Option<f64> {
        match self {
            Self::Double(x) => Some(*x),
            Self::Unsigned(n) => Some(*n as f64),
            Self::Signed(n) => Some(*n as f64),
            // "NaN", "Infinity" and "-Infinity" read as what they say.
            Self::Text(s) => s.trim().parse().ok(),
            Self::Nothing | Self::Bool(_) => None,
        }
    }
}

/// A number without fraction, within 2^64.
fn whole(x: f64) -> Option<i128> {
    (x.fract() == 0.0 && x.abs() < 1.9e19).then_some(x as i128)
}

/// A scalar ready to be written.
pub(super) enum Written {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(Vec<u8>),
}

/// What `value` is on the wire; `None` where it counts as not sent.
pub(super) fn write(shape: Scalar, value: Json) -> Option<Written> {
    Some(match shape {
        Scalar::Text => Written::Bytes(match value {
            Json::Text(s) => s.into_bytes(),
            Json::Nothing => return None,
            Json::Bool(b) => b.to_string().into_bytes(),
            Json::Unsigned(n) => n.to_string().into_bytes(),
            Json::Signed(n) => n.to_string().into_bytes(),
            Json::Double(x) => x.to_string().into_bytes(),
        }),
        Scalar::Hex => match value {
            Json::Nothing => return None,
            Json::Text(s) => Written::Bytes(hex(s.as_bytes()).unwrap_or(NO_ID.to_vec())),
            _ => Written::Bytes(NO_ID.to_vec()),
        },
        Scalar::Base64 => match value {
            Json::Text(s) => Written::Bytes(base64(s.as_bytes())),
            _ => return None,
        },
        Scalar::Bool => match value {
            Json::Bool(b) => Written::Varint(u64::from(b)),
            Json::Text(s) if s == "true" => Written::Varint(1),
            Json::Text(s) if s == "false" => Written::Varint(0),
            other => Written::Varint(u64::from(other.unsigned()? != 0)),
        },
        Scalar::Double => Written::Fixed64(value.double()?.to_bits()),
        Scalar::Fixed32 => Written::Fixed32(u32::try_from(value.unsigned()?).ok()?),
        Scalar::Fixed64 => Written::Fixed64(value.unsigned()?),
        Scalar::SignedFixed64 => Written::Fixed64(value.signed()?.cast_unsigned()),
        Scalar::Unsigned => Written::Varint(value.unsigned()?),
        Scalar::Signed => Written::Varint(value.signed()?.cast_unsigned()),
        Scalar::ZigZag => {
            let n = i32::try_from(value.signed()?).ok()?;
            Written::Varint(u64::from((n << 1 ^ n >> 31).cast_unsigned()))
        }
        Scalar::Enum(names) => Written::Varint(match &value {
            Json::Text(s) => match names.iter().position(|n| names_end(s, n)) {
                Some(at) => at as u64,
                None => value.unsigned()?,
            },
            other => other.signed()?.cast_unsigned(),
        }),
    })
}

/// What stands for an id that is none: it has the wrong length, so its span is refused alone.
const NO_ID: [u8; 1] = [0];

/// Whether `said` is `name`, with or without the enum's prefix.
fn names_end(said: &str, name: &str) -> bool {
    said.strip_suffix(name).is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('_'))
}

fn hex(text: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_chunks::<2>();
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let read = pairs.iter().map(|[a, b]| Some(digit(*a)? << 4 | digit(*b)?)).collect();
    if rest.is_empty() { read } else { None }
}

/// Standard or URL alphabet; reads up to the first character that is neither.
fn base64(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0);
    for &c in text {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => break,
        };
        bits = (bits << 6 | u32::from(value)) & 0xff_ffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read() {
        assert_eq!(hex(b"00fFA0"), Some(vec![0, 255, 160]));
        assert_eq!(hex(b"0"), None);
        assert_eq!(hex(b"zz"), None);
        assert_eq!(base64(b"aGVsbG8="), b"hello");
        assert_eq!(base64(b"_-8"), base64(b"/+8="));
    }
}
