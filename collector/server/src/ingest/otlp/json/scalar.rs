//! Single JSON values as protobuf fields, and the message they are written to.

use super::fields::Form;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A protobuf message under construction, and the first field that had the wrong form: what cannot be
/// written must not be taken for nothing.
#[derive(Default)]
pub(super) struct Out {
    pub(super) bytes: Vec<u8>,
    pub(super) wrong: Option<&'static str>,
    /// Bytes of a whole request.
    pub(super) cap: usize,
}

impl Out {
    pub(super) fn new(cap: usize) -> Self {
        Self { cap, ..Self::default() }
    }

    fn varint(&mut self, mut n: u64) {
        while n > 0x7f {
            self.bytes.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.bytes.push(n as u8);
    }

    fn text(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn message(&mut self, field: u64, inner: Self) {
        self.text(field, &inner.bytes);
        self.wrong = self.wrong.or(inner.wrong);
    }

    fn number(&mut self, field: u64, n: u64) {
        self.varint(field << 3);
        self.varint(n);
    }

    fn fixed(&mut self, field: u64, n: u64) {
        self.varint(field << 3 | 1);
        self.bytes.extend_from_slice(&n.to_le_bytes());
    }
}

/// Writes one value; what does not fit the field's form leaves it unset.
pub(super) fn write<'de, D: Deserializer<'de>>(
    form: Form,
    from: D,
    out: &mut Out,
) -> Result<(), D::Error> {
    let v = from.deserialize_any(Scalar)?;
    match form {
        Form::Text(field) => {
            if let Value::Text(s) = v {
                out.text(field, s.as_bytes());
            }
        }
        // What is no hex keeps a length that no id has, so that the item is refused and counted.
        Form::Id(field) => {
            if let Value::Text(s) = v {
                out.text(field, &hex(&s).unwrap_or_else(|| b"?".to_vec()));
            }
        }
        Form::Bool(field) => {
            if let Value::Bool(b) = v {
                out.number(field, u64::from(b));
            }
        }
        Form::Whole(field) => v.whole().into_iter().for_each(|n| out.number(field, n)),
        Form::Signed(field) => {
            if let Some(n) = v.whole().map(|n| n as i64) {
                out.number(field, ((n << 1) ^ (n >> 63)) as u64);
            }
        }
        Form::Fixed(field) => v.whole().into_iter().for_each(|n| out.fixed(field, n)),
        Form::Fixed32(field) => {
            if let Some(n) = v.whole() {
                out.varint(field << 3 | 5);
                out.bytes.extend_from_slice(&(n as u32).to_le_bytes());
            }
        }
        Form::Real(field) => v.real().into_iter().for_each(|x| out.fixed(field, x.to_bits())),
        Form::Choice(field, names) => {
            let n = match &v {
                Value::Text(s) if s.parse::<u64>().is_err() => {
                    names.iter().position(|n| s.ends_with(n)).map(|i| i as u64)
                }
                v => v.whole(),
            };
            n.into_iter().for_each(|n| out.number(field, n));
        }
        Form::FixedItem(field) => out.fixed(field, v.whole().unwrap_or(u64::MAX)),
        Form::WholeItem(field) => out.number(field, v.whole().unwrap_or(u64::MAX)),
        Form::RealItem(field) => out.fixed(field, v.real().unwrap_or(f64::NAN).to_bits()),
        Form::Message(..) | Form::List(..) | Form::Item(..) | Form::Numbers(..) => {}
    }
    Ok(())
}

fn hex(s: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
    let pairs = s.as_bytes().chunks(2).map(|pair| match pair {
        [a, b] => Some(digit(*a)? << 4 | digit(*b)?),
        _ => None,
    });
    pairs.collect()
}

/// A JSON value that is no container.
enum Value<'de> {
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Real(f64),
    Text(Cow<'de, str>),
    Other,
}

impl Value<'_> {
    /// A whole number from a JSON number or string.
    fn whole(&self) -> Option<u64> {
        match self {
            Self::Unsigned(n) => Some(*n),
            Self::Signed(i) => Some(*i as u64),
            Self::Real(f) => Some(*f as u64),
            Self::Text(s) => s.parse().ok().or_else(|| s.parse::<i64>().ok().map(|i| i as u64)),
            _ => None,
        }
    }

    fn real(&self) -> Option<f64> {
        match self {
            Self::Unsigned(n) => Some(*n as f64),
            Self::Signed(i) => Some(*i as f64),
            Self::Real(f) => Some(*f),
            // Rust also reads the words that protobuf's JSON has: Infinity, -Infinity, NaN.
            Self::Text(s) => s.parse().ok(),
            _ => None,
        }
    }
}

struct Scalar;

impl<'de> Visitor<'de> for Scalar {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_bool<E>(self, b: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(b))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Value<'de>, E> {
        Ok(Value::Unsigned(n))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Value<'de>, E> {
        Ok(Value::Signed(n))
    }

    fn visit_f64<E>(self, x: f64) -> Result<Value<'de>, E> {
        Ok(Value::Real(x))
    }

    fn visit_str<E>(self, s: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(s.to_owned())))
    }

    fn visit_borrowed_str<E>(self, s: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(s)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }
}
