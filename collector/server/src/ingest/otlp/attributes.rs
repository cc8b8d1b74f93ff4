//! Attributes as they lie on the wire: key and value slices, counted, depth-checked.

use super::wire::{Fields, Value, too_many};
use super::{DecodeLimits, Refusal};
use longpole_model::signal::Reason;

/// An attribute value. Arrays, maps and bytes are checked and not looked into.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Scalar<'a> {
    Text(&'a [u8]),
    Int(i64),
    Double(f64),
    Bool(bool),
    #[default]
    Other,
}

impl<'a> Scalar<'a> {
    /// The text, empty for anything else.
    pub(super) fn text(self) -> &'a [u8] {
        match self {
            Self::Text(t) => t,
            _ => &[],
        }
    }

    /// A whole number, also from text.
    pub(super) fn int(self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(n),
            Self::Text(t) => std::str::from_utf8(t).ok()?.parse().ok(),
            _ => None,
        }
    }

    /// Any scalar as text.
    pub(super) fn to_text(self) -> Vec<u8> {
        match self {
            Self::Text(t) => t.to_vec(),
            Self::Int(n) => n.to_string().into_bytes(),
            Self::Double(x) => x.to_string().into_bytes(),
            Self::Bool(b) => b.to_string().into_bytes(),
            Self::Other => Vec::new(),
        }
    }
}

/// Counts attributes over a whole request.
#[derive(Debug)]
pub(super) struct Budget<'l> {
    pub(super) limits: &'l DecodeLimits,
    attributes: usize,
    items: usize,
}

impl<'l> Budget<'l> {
    pub(super) fn new(limits: &'l DecodeLimits) -> Self {
        Self { limits, attributes: 0, items: 0 }
    }

    /// One more span or point.
    pub(super) fn item(&mut self, what: &str) -> Result<(), Refusal> {
        self.items += 1;
        if self.items > self.limits.items {
            return Err(too_many(self.items as u64, self.limits.items, what));
        }
        Ok(())
    }

    /// One more attribute: its key and value.
    #[inline]
    pub(super) fn attribute<'a>(
        &mut self,
        key_value: &'a [u8],
    ) -> Result<(&'a [u8], Scalar<'a>), Refusal> {
        self.attributes += 1;
        if self.attributes > self.limits.attributes {
            return Err(too_many(self.attributes as u64, self.limits.attributes, "attributes"));
        }
        let (mut key, mut value) = (&[][..], Scalar::Other);
        for field in Fields::new(key_value) {
            match field? {
                (1, v) => key = v.bytes()?,
                (2, v) => value = scalar(v.bytes()?, self.limits.depth)?,
                _ => {}
            }
        }
        Ok((key, value))
    }
}

/// An `AnyValue`.
fn scalar(any: &[u8], depth: usize) -> Result<Scalar<'_>, Refusal> {
    let mut out = Scalar::Other;
    for field in Fields::new(any) {
        out = match field? {
            (1, v) => Scalar::Text(v.bytes()?),
            (2, v) => Scalar::Bool(v.varint()? != 0),
            (3, v) => Scalar::Int(v.varint()? as i64),
            (4, v) => Scalar::Double(v.double()?),
            (5 | 6, v) => {
                nested(v.bytes()?, depth)?;
                Scalar::Other
            }
            _ => Scalar::Other,
        };
    }
    Ok(out)
}

/// Walks an `ArrayValue` or `KeyValueList` for its depth alone; recursion ends at the limit.
fn nested(list: &[u8], depth: usize) -> Result<(), Refusal> {
    if depth == 0 {
        return Err(Refusal::new(Reason::TooDeep, "attribute values are nested too deeply"));
    }
    for field in Fields::new(list) {
        let (1, Value::Bytes(element)) = field? else { continue };
        // An element is an AnyValue, or a KeyValue with one in field 2: look for lists in both.
        for inner in Fields::new(element) {
            match inner? {
                (5 | 6, Value::Bytes(list)) => nested(list, depth - 1)?,
                (2, Value::Bytes(value)) => {
                    for v in Fields::new(value) {
                        match v {
                            Ok((5 | 6, Value::Bytes(list))) => nested(list, depth - 1)?,
                            Ok(_) => {}
                            // Field 2 of an AnyValue is a bool: bytes there are somebody's text.
                            Err(_) => break,
                        }
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}
