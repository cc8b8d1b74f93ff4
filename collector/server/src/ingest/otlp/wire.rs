//! The protobuf wire format over borrowed bytes: tags, varints, lengths, and how they can be broken.
//!
//! Knows no message of OTLP and builds nothing; every read is checked, none can panic.

/// What was found wrong with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The bytes end inside a field.
    Truncated,
    /// A length runs past the end of the message around it.
    LyingLength,
    /// Field number 0, or one beyond 2^29 - 1.
    FieldNumber,
    /// A wire type that does not exist, or that a known field never has.
    WireType,
    /// A varint longer than ten bytes or 64 bits.
    Varint,
    /// A group that is not closed, or closed by another number.
    Group,
    /// More spans or points than one request may hold.
    TooManyItems,
    /// More attributes than one request may hold.
    TooManyAttributes,
    /// Values or groups nested too deeply.
    TooDeep,
    /// What is built from the request outgrows it.
    TooMuch,
}

/// A flaw and the address of the byte where it showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// What is wrong.
    pub(crate) flaw: Flaw,
    /// Address of the byte; only its distance from the payload's first byte means anything.
    pub(crate) at: usize,
}

/// One field's value, as the wire says it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2.
    Bytes(&'a [u8]),
    /// Wire types 3 and 4: a whole group, skipped.
    Group,
    /// Wire type 5.
    Fixed32(u32),
}

/// Groups nested deeper than this are refused.
const GROUP_DEPTH: usize = 32;

/// Walks the fields of one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

/// Address of the first byte of `bytes`.
pub(crate) fn address(bytes: &[u8]) -> usize {
    bytes.as_ptr().addr()
}

impl<'a> Fields<'a> {
    /// The fields of `message`.
    #[inline]
    pub(crate) fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// Address of the next unread byte.
    #[inline]
    pub(crate) fn at(&self) -> usize {
        address(self.rest)
    }

    /// Whether all bytes were read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// A fault at the next unread byte.
    #[cold]
    pub(crate) fn fault(&self, flaw: Flaw) -> Fault {
        Fault { flaw, at: self.at() }
    }

    /// The next field, `None` at the end of the message.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, Fault> {
        let Some((&first, rest)) = self.rest.split_first() else { return Ok(None) };
        let tag = if first < 0x80 {
            self.rest = rest;
            u64::from(first)
        } else {
            self.varint()?
        };
        if !(8..1 << 32).contains(&tag) {
            return Err(self.fault(Flaw::FieldNumber));
        }
        let number = (tag >> 3) as u32;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(self.fixed64()?),
            2 => Value::Bytes(self.bytes()?),
            3 => self.group(number)?,
            5 => Value::Fixed32(self.fixed32()?),
            4 => return Err(self.fault(Flaw::Group)),
            _ => return Err(self.fault(Flaw::WireType)),
        };
        Ok(Some((number, value)))
    }

    /// The body of the next field where that has the one-byte tag `tag` (of wire type 2) and fewer
    /// than 128 bytes; else nothing is read.
    #[inline(always)]
    pub(crate) fn short(&mut self, tag: u8) -> Option<&'a [u8]> {
        let [first, length, rest @ ..] = self.rest else { return None };
        if *first != tag || *length >= 0x80 {
            return None;
        }
        let (body, rest) = rest.split_at_checked(usize::from(*length))?;
        self.rest = rest;
        Some(body)
    }

    /// The value of the next field where that has the one-byte tag `tag` (of wire type 1); else nothing is read.
    #[inline(always)]
    pub(crate) fn plain_fixed64(&mut self, tag: u8) -> Option<u64> {
        let (first, rest) = self.rest.split_first()?;
        let (head, rest) = rest.split_first_chunk::<8>().filter(|_| *first == tag)?;
        self.rest = rest;
        Some(u64::from_le_bytes(*head))
    }

    /// The value of the next field where that has the one-byte tag `tag` (of wire type 0) and is below 128; else
    /// nothing is read.
    #[inline(always)]
    pub(crate) fn plain_varint(&mut self, tag: u8) -> Option<u64> {
        let [first, n @ 0..0x80, rest @ ..] = self.rest else { return None };
        if *first != tag {
            return None;
        }
        self.rest = rest;
        Some(u64::from(*n))
    }

    #[inline(always)]
    pub(crate) fn varint(&mut self) -> Result<u64, Fault> {
        match self.rest.split_first() {
            Some((&b, rest)) if b < 0x80 => {
                self.rest = rest;
                Ok(u64::from(b))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Fault> {
        let mut value = 0u64;
        for (i, &b) in self.rest.iter().take(10).enumerate() {
            if i == 9 && b > 1 {
                return Err(self.fault(Flaw::Varint));
            }
            value |= u64::from(b & 0x7f) << (7 * i);
            if b < 0x80 {
                self.rest = self.rest.get(i + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        let flaw = if self.rest.len() < 10 { Flaw::Truncated } else { Flaw::Varint };
        Err(self.fault(flaw))
    }

    #[inline(always)]
    pub(crate) fn fixed64(&mut self) -> Result<u64, Fault> {
        let Some((head, rest)) = self.rest.split_first_chunk::<8>() else {
            return Err(self.fault(Flaw::Truncated));
        };
        self.rest = rest;
        Ok(u64::from_le_bytes(*head))
    }

    #[inline(always)]
    fn fixed32(&mut self) -> Result<u32, Fault> {
        let Some((head, rest)) = self.rest.split_first_chunk::<4>() else {
            return Err(self.fault(Flaw::Truncated));
        };
        self.rest = rest;
        Ok(u32::from_le_bytes(*head))
    }

    #[inline(always)]
    fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.varint()?;
        let split = usize::try_from(length).ok().and_then(|n| self.rest.split_at_checked(n));
        let Some((body, rest)) = split else { return Err(self.fault(Flaw::LyingLength)) };
        self.rest = rest;
        Ok(body)
    }

    /// Skips a group up to its own end tag, with a small stack instead of recursion.
    #[cold]
    fn group(&mut self, number: u32) -> Result<Value<'a>, Fault> {
        let mut open = vec![number];
        while let Some(&inner) = open.last() {
            if self.rest.is_empty() {
                return Err(self.fault(Flaw::Group));
            }
            let tag = self.varint()?;
            if !(8..1 << 32).contains(&tag) {
                return Err(self.fault(Flaw::FieldNumber));
            }
            let number = (tag >> 3) as u32;
            match tag & 7 {
                0 => drop(self.varint()?),
                1 => drop(self.fixed64()?),
                2 => drop(self.bytes()?),
                3 if open.len() >= GROUP_DEPTH => return Err(self.fault(Flaw::TooDeep)),
                3 => open.push(number),
                4 if number == inner => drop(open.pop()),
                4 => return Err(self.fault(Flaw::Group)),
                5 => drop(self.fixed32()?),
                _ => return Err(self.fault(Flaw::WireType)),
            }
        }
        Ok(Value::Group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaw(bytes: &[u8]) -> Option<Flaw> {
        let mut fields = Fields::of(bytes);
        loop {
            match fields.next() {
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(fault) => return Some(fault.flaw),
            }
        }
    }

    #[test]
    fn each_flaw_is_named() {
        assert_eq!(flaw(&[]), None);
        assert_eq!(flaw(&[0x08]), Some(Flaw::Truncated));
        assert_eq!(flaw(&[0x0a, 5, 1]), Some(Flaw::LyingLength));
        assert_eq!(flaw(&[0x02, 0]), Some(Flaw::FieldNumber));
        assert_eq!(flaw(&[0x0f, 0]), Some(Flaw::WireType));
        assert_eq!(
            flaw(&[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2]),
            Some(Flaw::Varint)
        );
        assert_eq!(flaw(&[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]), None);
        assert_eq!(flaw(&[0x0c]), Some(Flaw::Group));
        assert_eq!(flaw(&[0x0b, 0x08, 1, 0x14]), Some(Flaw::Group));
        assert_eq!(flaw(&[0x0b, 0x08, 1, 0x0c]), None);
        assert_eq!(flaw(&[0x0b; 10_000]), Some(Flaw::TooDeep));
        assert_eq!(flaw(&[0x09, 1, 2, 3]), Some(Flaw::Truncated));
        assert_eq!(flaw(&[0x0d, 1, 2, 3]), Some(Flaw::Truncated));
    }
}
