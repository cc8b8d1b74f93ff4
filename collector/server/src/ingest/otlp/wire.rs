//! The protobuf wire format, read in place: fields of a message as slices of it.
//!
//! Knows nothing of OTLP beyond counting its items. Every length is checked against what is left;
//! nothing is allocated.

use super::{DecodeLimits, Refusal};
use longpole_model::signal::Reason;

/// A field's value as it stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// Iterates over the fields of one message. After an error it ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

/// Groups nest no deeper than this while they are skipped.
const GROUP_DEPTH: u32 = 32;

fn malformed(what: &str) -> Refusal {
    Refusal::new(Reason::Malformed, format!("not an OTLP protobuf message: {what}"))
}

impl<'a> Fields<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], Refusal> {
        let (head, tail) = self
            .rest
            .split_at_checked(n)
            .ok_or_else(|| malformed("a length points past its end"))?;
        self.rest = tail;
        Ok(head)
    }

    fn varint(&mut self) -> Result<u64, Refusal> {
        // One byte is by far the commonest.
        if let [b @ 0..=0x7f, tail @ ..] = self.rest {
            self.rest = tail;
            return Ok(u64::from(*b));
        }
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let [b, tail @ ..] = self.rest else {
                return Err(malformed("it ends inside a number"));
            };
            self.rest = tail;
            value |= u64::from(b & 0x7f).checked_shl(shift).unwrap_or(0);
            if b & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(malformed("a number has more than ten bytes"))
    }

    fn field(&mut self) -> Result<(u32, Value<'a>), Refusal> {
        loop {
            let tag = self.varint()?;
            let number = u32::try_from(tag >> 3).unwrap_or(0);
            if number == 0 || number > 0x1fff_ffff {
                return Err(malformed("field number 0 or too large"));
            }
            let value = match tag & 7 {
                0 => Value::Varint(self.varint()?),
                1 => {
                    let b = self.take(8)?;
                    Value::Fixed64(b.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)))
                }
                2 => {
                    let n = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
                    Value::Bytes(self.take(n)?)
                }
                3 => {
                    // OTLP has no groups; an unknown one is skipped as protobuf says.
                    self.skip_group()?;
                    if self.rest.is_empty() {
                        return Ok((u32::MAX, Value::Varint(0)));
                    }
                    continue;
                }
                5 => {
                    let b = self.take(4)?;
                    Value::Fixed32(b.iter().rev().fold(0, |n, b| n << 8 | u32::from(*b)))
                }
                _ => return Err(malformed("unknown wire type")),
            };
            return Ok((number, value));
        }
    }

    fn skip_group(&mut self) -> Result<(), Refusal> {
        let mut depth = 1;
        while depth > 0 {
            let tag = self.varint()?;
            match tag & 7 {
                0 => drop(self.varint()?),
                1 => drop(self.take(8)?),
                2 => {
                    let n = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
                    self.take(n)?;
                }
                3 if depth < GROUP_DEPTH => depth += 1,
                4 => depth -= 1,
                5 => drop(self.take(4)?),
                _ => return Err(malformed("broken group")),
            }
        }
        Ok(())
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), Refusal>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

impl<'a> Value<'a> {
    /// The bytes of a length-delimited field; another wire type is malformed.
    pub(super) fn bytes(self) -> Result<&'a [u8], Refusal> {
        match self {
            Self::Bytes(b) => Ok(b),
            _ => Err(malformed("a known field has another wire type")),
        }
    }

    /// The number of a varint field.
    pub(super) fn varint(self) -> Result<u64, Refusal> {
        match self {
            Self::Varint(n) => Ok(n),
            _ => Err(malformed("a known field has another wire type")),
        }
    }

    /// The number of a fixed64 field.
    pub(super) fn fixed64(self) -> Result<u64, Refusal> {
        match self {
            Self::Fixed64(n) => Ok(n),
            _ => Err(malformed("a known field has another wire type")),
        }
    }

    /// A double.
    pub(super) fn double(self) -> Result<f64, Refusal> {
        self.fixed64().map(f64::from_bits)
    }

    /// Numbers of a repeated fixed64 field, packed or single.
    pub(super) fn packed64(self, f: &mut impl FnMut(u64)) -> Result<(), Refusal> {
        match self {
            Self::Fixed64(n) => f(n),
            Self::Bytes(b) if b.len() % 8 == 0 => {
                for chunk in b.chunks_exact(8) {
                    f(chunk.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)));
                }
            }
            _ => return Err(malformed("a packed field has a broken length")),
        }
        Ok(())
    }

    /// Numbers of a repeated varint field, packed or single.
    pub(super) fn packed_varint(self, f: &mut impl FnMut(u64)) -> Result<(), Refusal> {
        match self {
            Self::Varint(n) => f(n),
            Self::Bytes(b) => {
                let mut rest = Fields::new(b);
                while !rest.rest.is_empty() {
                    f(rest.varint()?);
                }
            }
            _ => return Err(malformed("a packed field has another wire type")),
        }
        Ok(())
    }
}

/// Zigzag: sint32 and sint64.
pub(super) fn zigzag(n: u64) -> i64 {
    ((n >> 1) as i64) ^ -((n & 1) as i64)
}

/// Counts the items (field 2 of field 2 of field 1) of a request.
pub(super) fn count_items(payload: &[u8], limits: &DecodeLimits) -> Result<u64, Refusal> {
    let mut n = 0u64;
    for resource in Fields::new(payload) {
        let (1, Value::Bytes(resource)) = resource? else { continue };
        for scope in Fields::new(resource) {
            let (2, Value::Bytes(scope)) = scope? else { continue };
            for item in Fields::new(scope) {
                if let (2, Value::Bytes(_)) = item? {
                    n += 1;
                }
            }
        }
    }
    if n > limits.items as u64 {
        return Err(too_many(n, limits.items, "items"));
    }
    Ok(n)
}

pub(super) fn too_many(n: u64, limit: usize, what: &str) -> Refusal {
    let message = format!(
        "at least {n} {what} in one request; at most {limit} are taken. Send smaller batches."
    );
    Refusal::new(Reason::TooManyItems, message)
}
