//! Attributes on the wire: keys, scalar values, and the caps that must hold before anything is
//! built from them (how many, how deep, how much).
//!
//! Which keys matter is decided elsewhere; lists and maps are walked for their depth and otherwise
//! left alone.

use super::DecodeLimits;
use super::wire::{Fault, Fields, Flaw, Value, address};

/// A request may become this many times its largest size in memory. Names are shared by the points
/// of a metric on the wire and repeated in each series, and a bucket of one byte becomes sixteen.
const BUILT: usize = 2;
/// The bytes of summaries are read again for each quantile, up to this many times the largest size.
const READ_AGAIN: usize = 16;

/// What a request may still hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    items: u32,
    attributes: u32,
    depth: u32,
    built: usize,
    read_again: usize,
}

impl Budget {
    pub(crate) fn new(limits: &DecodeLimits) -> Self {
        Self {
            items: limits.items,
            attributes: limits.attributes,
            depth: limits.depth,
            built: limits.bytes.saturating_mul(BUILT),
            read_again: limits.bytes.saturating_mul(READ_AGAIN),
        }
    }

    /// Takes one span or point.
    #[inline]
    pub(crate) fn item(&mut self, at: &[u8]) -> Result<(), Fault> {
        match self.items.checked_sub(1) {
            Some(left) => self.items = left,
            None => return Err(Fault { flaw: Flaw::TooManyItems, at: address(at) }),
        }
        Ok(())
    }

    /// Takes `bytes` that are built from the message `at`.
    #[inline]
    pub(crate) fn build(&mut self, bytes: usize, at: &[u8]) -> Result<(), Fault> {
        self.built = less(self.built, bytes, at)?;
        Ok(())
    }

    /// Takes one more reading of the message `at`.
    #[inline]
    pub(crate) fn read_again(&mut self, at: &[u8]) -> Result<(), Fault> {
        self.read_again = less(self.read_again, at.len(), at)?;
        Ok(())
    }

    /// Attributes that may still come.
    pub(crate) fn attributes_left(&self) -> u32 {
        self.attributes
    }

    /// Takes attributes of the message `at`, which were walked before.
    pub(crate) fn attributes(&mut self, n: u32, at: &[u8]) -> Result<(), Fault> {
        match self.attributes.checked_sub(n) {
            Some(left) => self.attributes = left,
            None => return Err(Fault { flaw: Flaw::TooManyAttributes, at: address(at) }),
        }
        Ok(())
    }

    /// Takes one attribute or list element.
    #[inline]
    pub(crate) fn attribute(&mut self, at: &[u8]) -> Result<(), Fault> {
        match self.attributes.checked_sub(1) {
            Some(left) => self.attributes = left,
            None => return Err(Fault { flaw: Flaw::TooManyAttributes, at: address(at) }),
        }
        Ok(())
    }
}

fn less(left: usize, bytes: usize, at: &[u8]) -> Result<usize, Fault> {
    left.checked_sub(bytes).ok_or(Fault { flaw: Flaw::TooMuch, at: address(at) })
}

/// An attribute's value, where it is a scalar. The tag takes a whole word, so that values are copied word by word:
/// behind a tag of a byte they were copied as two words that overlap, and reading that again had to wait until
/// both were written.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(u64)]
pub(crate) enum Scalar<'a> {
    /// Not set.
    #[default]
    Empty,
    /// Text, not yet validated.
    Text(&'a [u8]),
    /// Truth value.
    Bool(bool),
    /// Integer.
    Int(i64),
    /// Number.
    Double(f64),
    /// Bytes, a list or a map.
    Other,
}

impl<'a> Scalar<'a> {
    /// The text, where it is one and not empty.
    pub(crate) fn text(self) -> Option<&'a [u8]> {
        match self {
            Self::Text(t) if !t.is_empty() => Some(t),
            _ => None,
        }
    }
}

/// Reads a `KeyValue` message.
pub(crate) fn key_value<'a>(
    message: &'a [u8],
    budget: &mut Budget,
) -> Result<(&'a [u8], Scalar<'a>), Fault> {
    let Some(read) = plain(message) else { return key_value_closely(message, budget) };
    budget.attribute(message)?;
    Ok(read)
}

/// The same of a message that is not [`plain`].
pub(crate) fn key_value_closely<'a>(
    message: &'a [u8],
    budget: &mut Budget,
) -> Result<(&'a [u8], Scalar<'a>), Fault> {
    budget.attribute(message)?;
    key_value_at(message, budget, 1)
}

/// Tags of a `KeyValue`'s two fields.
const KEY: u8 = 1 << 3 | 2;
const VALUE: u8 = 2 << 3 | 2;

/// A `KeyValue` as by far the most are: a short key, then a short text or a small number, and nothing else; `None`
/// of all others ([`key_value_closely`]). Whoever reads many asks this first, so that what it gives need not be
/// brought together with what the long way gives.
#[inline(always)]
pub(crate) fn plain(message: &[u8]) -> Option<(&[u8], Scalar<'_>)> {
    let mut fields = Fields::of(message);
    let key = fields.short(KEY)?;
    let value = fields.short(VALUE)?;
    if !fields.is_at_end() {
        return None;
    }
    let value = match value {
        [0x0a, length, text @ ..] if usize::from(*length) == text.len() && text.len() < 0x80 => {
            Scalar::Text(text)
        }
        [0x18, n @ 0..0x80] => Scalar::Int(i64::from(*n)),
        [0x18, low @ 0x80..=0xff, high @ 0..0x80] => {
            Scalar::Int(i64::from(*high) << 7 | i64::from(*low & 0x7f))
        }
        _ => return None,
    };
    Some((key, value))
}

fn key_value_at<'a>(
    message: &'a [u8],
    budget: &mut Budget,
    depth: u32,
) -> Result<(&'a [u8], Scalar<'a>), Fault> {
    let mut fields = Fields::of(message);
    let mut key: &[u8] = &[];
    let mut value = Scalar::Empty;
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Bytes(k)) => key = k,
            (2, Value::Bytes(v)) => {
                // A value sent twice is merged; what it says last, it says.
                let said = any_value(v, budget, depth)?;
                if said != Scalar::Empty {
                    value = said;
                }
            }
            (1 | 2, _) => return Err(fields.fault(Flaw::WireType)),
            _ => {}
        }
    }
    Ok((key, value))
}

/// Reads an `AnyValue` message at nesting depth `depth`.
fn any_value<'a>(message: &'a [u8], budget: &mut Budget, depth: u32) -> Result<Scalar<'a>, Fault> {
    let mut fields = Fields::of(message);
    let mut value = Scalar::Empty;
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Bytes(text)) => value = Scalar::Text(text),
            (2, Value::Varint(b)) => value = Scalar::Bool(b != 0),
            (3, Value::Varint(n)) => value = Scalar::Int(n.cast_signed()),
            (4, Value::Fixed64(x)) => value = Scalar::Double(f64::from_bits(x)),
            (5, Value::Bytes(list)) => {
                nested(list, budget, depth, false)?;
                value = Scalar::Other;
            }
            (6, Value::Bytes(map)) => {
                nested(map, budget, depth, true)?;
                value = Scalar::Other;
            }
            (7, Value::Bytes(_)) => value = Scalar::Other,
            (1..=7, _) => return Err(fields.fault(Flaw::WireType)),
            _ => {}
        }
    }
    Ok(value)
}

/// Walks a list or map for its depth and size. The recursion is as deep as the cap allows (32).
fn nested(message: &[u8], budget: &mut Budget, depth: u32, map: bool) -> Result<(), Fault> {
    let mut fields = Fields::of(message);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Bytes(element)) => {
                if depth >= budget.depth {
                    return Err(Fault { flaw: Flaw::TooDeep, at: address(element) });
                }
                budget.attribute(element)?;
                if map {
                    key_value_at(element, budget, depth + 1)?;
                } else {
                    any_value(element, budget, depth + 1)?;
                }
            }
            (1, _) => return Err(fields.fault(Flaw::WireType)),
            _ => {}
        }
    }
    Ok(())
}
