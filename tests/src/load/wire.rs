//! A protobuf message as its fields, read in place: just enough for OTLP's wire types, with positions.
//!
//! Written from protobuf's description, not from the collector's reader. Knows no message.

/// Bytes that are no protobuf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Varint.
    Varint(u64),
    /// Eight bytes, little endian.
    Fixed64(u64),
    /// A message, text or bytes.
    Bytes(&'a [u8]),
    /// Four bytes, little endian.
    Fixed32(u32),
}

/// A message that is being read.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Fields<'a> {
    /// From its first byte.
    #[inline(always)]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, length: bytes.len() }
    }

    /// Where the last field ended; its content lies right before.
    pub fn position(&self) -> usize {
        self.length - self.rest.len()
    }

    /// The next field: its number and its content; `None` at the end.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn field(&mut self) -> Result<Option<(u32, Value<'a>)>, Malformed> {
        let Some(tag) = self.tag()? else { return Ok(None) };
        let number = u32::try_from(tag >> 3).map_err(|_| Malformed)?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(self.fixed64()?),
            2 => Value::Bytes(self.bytes()?),
            5 => Value::Fixed32(u32::from_le_bytes(self.take()?)),
            _ => return Err(Malformed),
        };
        Ok(Some((number, value)))
    }

    /// For those in a hurry: the next field's tag (number times 8 plus wire type), after which the
    /// caller takes what the tag says, or [`Fields::skip`]s it. `None` at the end. Always inlined, and
    /// so are the others: a floor that calls for each field is no floor.
    ///
    /// # Errors
    /// [`Malformed`].
    #[inline(always)]
    pub fn tag(&mut self) -> Result<Option<u64>, Malformed> {
        if self.rest.is_empty() { Ok(None) } else { self.varint().map(Some) }
    }

    /// Bytes after their tag.
    ///
    /// # Errors
    /// [`Malformed`].
    #[inline(always)]
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
        let (inner, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(inner)
    }

    /// Eight bytes after their tag.
    ///
    /// # Errors
    /// [`Malformed`].
    #[inline(always)]
    pub fn fixed64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_le_bytes(self.take()?))
    }

    /// Passes over what a tag announced.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn skip(&mut self, tag: u64) -> Result<(), Malformed> {
        match tag & 7 {
            0 => self.varint().map(|_| ()),
            1 => self.fixed64().map(|_| ()),
            2 => self.bytes().map(|_| ()),
            5 => self.take::<4>().map(|_| ()),
            _ => Err(Malformed),
        }
    }

    /// A varint after its tag.
    ///
    /// # Errors
    /// [`Malformed`].
    #[inline(always)]
    pub fn varint(&mut self) -> Result<u64, Malformed> {
        match self.rest {
            [first, rest @ ..] if *first < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*first))
            }
            // Lengths of spans, mostly.
            [first, second, rest @ ..] if *second < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*first & 0x7f) | u64::from(*second) << 7)
            }
            _ => self.long(),
        }
    }

    #[inline(never)]
    fn long(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for (at, shift) in (0..64).step_by(7).enumerate() {
            let byte = *self.rest.get(at).ok_or(Malformed)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                self.rest = &self.rest[at + 1..];
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    #[inline(always)]
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wire_type_and_every_cut() {
        let message = [
            &[0x08, 0xac, 0x02][..],
            &[0x11, 1, 0, 0, 0, 0, 0, 0, 0],
            &[0x1a, 2, b'h', b'i'],
            &[0x25, 7, 0, 0, 0],
        ]
        .concat();
        let mut fields = Fields::new(&message);
        let mut seen = Vec::new();
        while let Some(field) = fields.field().expect("well-formed") {
            seen.push((field, fields.position()));
        }
        let expected = [
            ((1, Value::Varint(300)), 3),
            ((2, Value::Fixed64(1)), 12),
            ((3, Value::Bytes(b"hi")), 16),
            ((4, Value::Fixed32(7)), 21),
        ];
        assert_eq!(seen, expected);
        let mut fields = Fields::new(&message);
        while let Some(tag) = fields.tag().expect("well-formed") {
            fields.skip(tag).expect("well-formed");
        }
        assert_eq!(fields.position(), message.len());
        for cut in [1, 2, 5, 13, 15, 18] {
            let mut fields = Fields::new(&message[..cut]);
            let end = loop {
                match fields.field() {
                    Ok(Some(_)) => {}
                    other => break other,
                }
            };
            assert_eq!(end, Err(Malformed), "cut at {cut}");
        }
        assert_eq!(Fields::new(&[0x0b]).field(), Err(Malformed), "groups");
        assert_eq!(Fields::new(&[0xff; 11]).field(), Err(Malformed), "a varint without end");
    }
}
