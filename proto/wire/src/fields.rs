//! Protobuf read where it lies: the fields of a message as ranges of its bytes; and the little writing
//! that putting such ranges together again takes. Knows no schema.

/// One field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its number.
    pub number: u32,
    /// Where tag and length begin.
    pub begin: usize,
    /// Where the value begins.
    pub start: usize,
    /// The first byte behind it.
    pub end: usize,
    /// Whether it is text, bytes or a message; numbers and groups are not.
    pub delimited: bool,
}

/// The fields between two places of `bytes`. Ends early, without a word, where the bytes are no protobuf:
/// whoever does not know them to be sound asks a reader that tells.
pub struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

/// Groups nested deeper than this are no protobuf for us.
const GROUPS: usize = 32;

/// Walks a whole message.
pub fn fields(bytes: &[u8], start: usize, end: usize) -> Fields<'_> {
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

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.at = self.at.checked_add(bytes).filter(|end| *end <= self.end)?;
        Some(())
    }

    /// A tag: number and wire type.
    fn tag(&mut self) -> Option<(u32, u64)> {
        let tag = self.varint()?;
        Some((u32::try_from(tag >> 3).ok()?, tag & 7))
    }

    /// The value behind a tag: where it begins, and whether it is delimited.
    fn value(&mut self, (number, wire): (u32, u64)) -> Option<(usize, bool)> {
        let start = self.at;
        match wire {
            0 => drop(self.varint()?),
            1 => self.skip(8)?,
            2 => {
                let bytes = usize::try_from(self.varint()?).ok()?;
                let start = self.at;
                self.skip(bytes)?;
                return Some((start, true));
            }
            3 => self.group(number)?,
            5 => self.skip(4)?,
            _ => return None,
        }
        Some((start, false))
    }

    /// The rest of a group, its end included.
    fn group(&mut self, number: u32) -> Option<()> {
        let mut open = vec![number];
        while let Some(&inner) = open.last() {
            match self.tag()? {
                (number, 4) if number == inner => drop(open.pop()),
                (number, 3) if open.len() < GROUPS => open.push(number),
                (_, 3 | 4) => return None,
                plain => drop(self.value(plain)?),
            }
        }
        Some(())
    }
}

impl Iterator for Fields<'_> {
    type Item = Field;

    fn next(&mut self) -> Option<Field> {
        let begin = self.at;
        let (number, wire) = self.tag()?;
        let (start, delimited) = self.value((number, wire))?;
        Some(Field { number, begin, start, end: self.at, delimited })
    }
}

/// Writes a varint.
#[inline]
pub fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bytes of a varint.
#[inline]
pub fn varint_len(value: u64) -> usize {
    ((64 - (value | 1).leading_zeros() as usize) * 9 + 64) / 64
}

/// The beginning of bytes, text or a message of a known length.
#[inline]
pub fn begin(out: &mut Vec<u8>, field: u32, length: usize) {
    varint(out, u64::from(field << 3 | 2));
    varint(out, length as u64);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_walked_without_a_panic(bytes: Vec<u8>, start in 0usize..40, end in 0usize..80) {
            for f in fields(&bytes, start, end) {
                prop_assert!(f.begin < f.start && f.start <= f.end && f.end <= bytes.len());
            }
        }

        #[test]
        fn varints_come_back(value: u64, shift in 0u32..64) {
            let mut out = vec![0x08];
            varint(&mut out, value >> shift);
            prop_assert_eq!(out.len() - 1, varint_len(value >> shift));
            let field = fields(&out, 0, out.len()).next().expect("one field");
            prop_assert_eq!((field.number, field.end), (1, out.len()));
        }
    }

    #[test]
    fn groups_are_one_field_and_what_follows_is_found() {
        // Field 5, a group that holds field 1 = 7 and another group; then field 2, delimited.
        let bytes = [0x2b, 0x08, 7, 0x33, 0x34, 0x2c, 0x12, 1, b'x'];
        let found: Vec<Field> = fields(&bytes, 0, bytes.len()).collect();
        let told: Vec<_> = found.iter().map(|f| (f.number, f.begin, f.end, f.delimited)).collect();
        assert_eq!(told, [(5, 0, 6, false), (2, 6, 9, true)]);
        for broken in [&[0x2b, 0x34][..], &[0x2b], &[0x2c], &[0x2b; 40]] {
            assert_eq!(fields(broken, 0, broken.len()).count(), 0, "{broken:?}");
        }
    }
}
