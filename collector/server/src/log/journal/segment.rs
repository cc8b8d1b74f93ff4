//! A segment: one file of entries, and the 32 bytes that it begins with.
//!
//! ```text
//! 0   4  "lpjl"
//! 4   1  format           5  1  oldest reader      6  2  zero
//! 8   8  position of its first entry, little-endian
//! 16  4  attempt: of two segments that begin at one position the later is right
//! 20  8  arrival stamp when it was begun, Unix ns
//! 28  4  CRC-32 (IEEE) of bytes 0 to 28
//! 32     entries, one behind the other
//! ```
//!
//! A position is the number of entry bytes before it in the whole journal, so that a position says where in
//! which segment an entry stands. A segment ends where the next one begins: what a file holds beyond
//! that was never acknowledged.

use super::OpenError;
use longpole_model::signal::Timestamp;

const MAGIC: &[u8; 4] = b"lpjl";
/// Version written.
const FORMAT: u8 = 1;
/// Oldest version of a reader that understands it.
const OLDEST_READER: u8 = 1;
/// Bytes before the first entry.
pub const HEAD: usize = 32;
const SUFFIX: &str = ".journal";

/// What the head of a segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Head {
    /// Position of its first entry.
    pub base: u64,
    /// Number of the attempt to write from there.
    pub attempt: u32,
    /// When it was begun.
    pub begun: Timestamp,
}

impl Head {
    /// The file's name: sorted by name is sorted by position.
    pub fn name(&self) -> String {
        format!("{:020}-{:06}{SUFFIX}", self.base, self.attempt)
    }

    /// The head's bytes.
    pub fn write(&self) -> [u8; HEAD] {
        let mut out = [0; HEAD];
        out[..4].copy_from_slice(MAGIC);
        (out[4], out[5]) = (FORMAT, OLDEST_READER);
        out[8..16].copy_from_slice(&self.base.to_le_bytes());
        out[16..20].copy_from_slice(&self.attempt.to_le_bytes());
        out[20..28].copy_from_slice(&self.begun.0.to_le_bytes());
        let sum = crc32fast::hash(&out[..28]);
        out[28..].copy_from_slice(&sum.to_le_bytes());
        out
    }

    /// Reads a head; `None` = damaged or cut off.
    ///
    /// # Errors
    /// [`OpenError::TooNew`].
    pub fn read(name: &str, bytes: &[u8]) -> Result<Option<Self>, OpenError> {
        let Some(head) = bytes.first_chunk::<HEAD>() else { return Ok(None) };
        let word =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        if &head[..4] != MAGIC || word(28) != crc32fast::hash(&head[..28]) {
            return Ok(None);
        }
        let (format, oldest_reader) = (head[4], head[5]);
        if oldest_reader > FORMAT || format == 0 {
            return Err(OpenError::TooNew { file: name.to_owned(), format, oldest_reader });
        }
        Ok(Some(Self { base: long(8), attempt: word(16), begun: Timestamp(long(20)) }))
    }
}

/// Whether a file's name is that of a segment.
pub fn is_segment(name: &str) -> bool {
    name.ends_with(SUFFIX)
}

/// A segment that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its head.
    pub head: Head,
    /// Position behind its last entry.
    pub until: u64,
}

impl Segment {
    /// Bytes that it takes on the disk.
    pub fn bytes(&self) -> u64 {
        self.until.saturating_sub(self.head.base) + HEAD as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Head = Head { base: 0x0102, attempt: 3, begun: Timestamp(0x0405) };

    /// Golden bytes: a change here makes every stored journal unreadable.
    #[test]
    fn the_head_is_frozen() {
        let hex: String = ONE.write().iter().map(|b| format!("{b:02x}")).collect();
        assert!(hex.starts_with("6c706a6c0101000002010000000000000300000005040000000000"), "{hex}");
        assert_eq!(ONE.name(), "00000000000000000258-000003.journal");
        assert!(is_segment(&ONE.name()) && !is_segment("lock"));
    }

    #[test]
    fn damage_is_seen_and_later_formats_are_refused() {
        let good = ONE.write();
        assert_eq!(Head::read("x", &good).expect("own"), Some(ONE));
        for at in 0..HEAD {
            let mut bad = good;
            bad[at] ^= 4;
            assert!(matches!(Head::read("x", &bad), Ok(None)), "flipped at {at}");
            assert!(matches!(Head::read("x", &good[..at]), Ok(None)), "cut at {at}");
        }
        let mut later = good;
        (later[4], later[5]) = (7, 6);
        let sum = crc32fast::hash(&later[..28]);
        later[28..].copy_from_slice(&sum.to_le_bytes());
        let refused = Head::read("x", &later).expect_err("too new");
        assert!(refused.to_string().contains("upgrade"), "{refused}");
    }
}
