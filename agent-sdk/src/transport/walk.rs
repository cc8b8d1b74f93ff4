//! Protobuf read where it lies: the fields of a message as ranges of its bytes. Knows no schema.

/// One field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its number.
    pub number: u32,
    /// Where tag and length begin.
    pub begin: usize,
    /// Where the value begins.
    pub start: usize,
    /// The first byte behind it.
    pub end: usize,
    /// Whether it is text, bytes or a message.
    pub delimited: bool,
}

/// The fields between two places of `bytes`. Ends early, without a word, where the bytes are no
/// protobuf: they are our own, and a receiver will say so.
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

/// Walks a whole message.
pub(crate) fn fields(bytes: &[u8], start: usize, end: usize) -> Fields<'_> {
    Fields { bytes, at: start, end: end.min(bytes.len()) }
}

impl Fields<'_> {
    fn varint(&mut self) -> Option<u64> {
        let mut out = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes[..self.end].get(self.at)?;
            self.at += 1;
            out |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(out);
            }
        }
        None
    }
}

impl Iterator for Fields<'_> {
    type Item = Field;

    fn next(&mut self) -> Option<Field> {
        let begin = self.at;
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok()?;
        let (start, bytes, delimited) = match tag & 7 {
            0 => {
                let start = self.at;
                self.varint()?;
                (start, self.at - start, false)
            }
            1 => (self.at, 8, false),
            2 => {
                let bytes = usize::try_from(self.varint()?).ok()?;
                (self.at, bytes, true)
            }
            5 => (self.at, 4, false),
            _ => return None,
        };
        let end = start.checked_add(bytes).filter(|e| *e <= self.end)?;
        self.at = end;
        Some(Field { number, begin, start, end, delimited })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drain::wire::{varint, varint_len};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_walked_without_a_panic(bytes: Vec<u8>, start in 0usize..40, end in 0usize..80) {
            for f in fields(&bytes, start, end) {
                prop_assert!(f.begin < f.start && f.start <= f.end && f.end <= bytes.len());
            }
        }

        #[test]
        fn varints_come_back(value: u32) {
            let mut out = vec![0x08];
            varint(&mut out, value.into());
            prop_assert_eq!(out.len() - 1, varint_len(value.into()));
            let field = fields(&out, 0, out.len()).next().expect("one field");
            prop_assert_eq!((field.number, field.end), (1, out.len()));
        }
    }
}
