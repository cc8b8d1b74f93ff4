//! An entry, and its frame on disk: length, checksum, format, kind, stamp, producer, payload.
//!
//! ```text
//! 0   4  bytes of the body, little-endian
//! 4   4  CRC-32 (IEEE) of the body
//! 8   1  format                       ┐
//! 9   1  oldest reader                │
//! 10  1  signal                       │
//! 11  1  flags: 1 = has a producer    │ body
//! 12  8  arrival stamp, Unix ns       │
//! 20  16+4+8  producer: id, shard, sequence (when flagged)
//! ..     payload: OTLP protobuf       ┘
//! ```

use super::{Position, Receipt};
use crate::ingest::otlp::Signal;
use bytes::Bytes;
use longpole_model::signal::Timestamp;

/// Version written.
const FORMAT: u8 = 1;
/// Oldest reader that understands it.
const OLDEST_READER: u8 = 1;
/// Bytes before the body.
const PREFIX: usize = 8;
/// Bytes of a body without producer and payload.
const FIXED: usize = 12;
/// Bytes of a producer.
const PRODUCER: usize = 16 + 4 + 8;
/// Greatest body: a request of 64 MiB and some.
const MAX_BODY: usize = (64 << 20) + 4096;

/// Who sent a batch and which one it was: the key by which a second arrival is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Producer {
    /// Instance of the producing process.
    pub id: [u8; 16],
    /// Shard it dealt the batch to.
    pub shard: u32,
    /// Number of the batch within producer and shard.
    pub sequence: u64,
}

/// What is appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What the payload carries.
    pub signal: Signal,
    /// Who sent it, where it says so.
    pub producer: Option<Producer>,
    /// The request as OTLP protobuf.
    pub payload: Bytes,
}

/// What is read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands and when it came.
    pub receipt: Receipt,
    /// What it holds.
    pub record: Record,
}

/// Why bytes are no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The bytes end before the entry does: the tail of a write that was cut off.
    #[error("the entry is cut off")]
    Torn,
    /// Length or checksum do not fit the bytes.
    #[error("the entry is damaged")]
    Damaged,
    /// A later version wrote it.
    #[error("the entry needs a reader of format {0}; this one reads format 1")]
    TooNew(u8),
}

/// Bytes of an entry's frame.
pub fn frame_bytes(record: &Record) -> usize {
    let producer = if record.producer.is_some() { PRODUCER } else { 0 };
    PREFIX + FIXED + producer + record.payload.len()
}

/// All of an entry's frame but its payload, which follows it.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    bytes: [u8; PREFIX + FIXED + PRODUCER],
    length: usize,
}

impl Head {
    /// Of an entry.
    pub fn of(record: &Record, stamp: Timestamp) -> Self {
        let mut head = Self { bytes: [0; PREFIX + FIXED + PRODUCER], length: PREFIX };
        let signal = match record.signal {
            Signal::Traces => 1,
            Signal::Metrics => 2,
            Signal::Logs => 3,
        };
        head.put(&[FORMAT, OLDEST_READER, signal, u8::from(record.producer.is_some())]);
        head.put(&stamp.0.to_le_bytes());
        if let Some(p) = record.producer {
            head.put(&p.id);
            head.put(&p.shard.to_le_bytes());
            head.put(&p.sequence.to_le_bytes());
        }
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&head.bytes[PREFIX..head.length]);
        checksum.update(&record.payload);
        let body = (head.length - PREFIX + record.payload.len()) as u32;
        head.bytes[..4].copy_from_slice(&body.to_le_bytes());
        head.bytes[4..PREFIX].copy_from_slice(&checksum.finalize().to_le_bytes());
        head
    }

    fn put(&mut self, part: &[u8]) {
        self.bytes[self.length..][..part.len()].copy_from_slice(part);
        self.length += part.len();
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Reads the entry that begins `bytes` and gives its frame's length. Its position is the caller's to
/// say.
///
/// # Errors
/// [`FrameError`].
pub fn read_frame(bytes: &Bytes, position: Position) -> Result<(Entry, usize), FrameError> {
    let word = |at: usize| -> Result<[u8; 4], FrameError> {
        bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).ok_or(FrameError::Torn)
    };
    let length = u32::from_le_bytes(word(0)?) as usize;
    let checksum = u32::from_le_bytes(word(4)?);
    if !(FIXED..=MAX_BODY).contains(&length) {
        return Err(FrameError::Damaged);
    }
    let end = PREFIX + length;
    let body = bytes.get(PREFIX..end).ok_or(FrameError::Torn)?;
    if crc32fast::hash(body) != checksum {
        return Err(FrameError::Damaged);
    }
    let &[format, oldest, signal, flags, ref rest @ ..] = body else {
        return Err(FrameError::Damaged);
    };
    if oldest > FORMAT || format == 0 {
        return Err(FrameError::TooNew(oldest));
    }
    let (stamp, rest) = rest.split_first_chunk().ok_or(FrameError::Damaged)?;
    let (producer, rest) = match flags & 1 {
        0 => (None, rest),
        _ => producer(rest)?,
    };
    let signal = match signal {
        1 => Signal::Traces,
        2 => Signal::Metrics,
        3 => Signal::Logs,
        _ => return Err(FrameError::Damaged),
    };
    let record = Record { signal, producer, payload: bytes.slice(end - rest.len()..end) };
    let stamp = Timestamp(u64::from_le_bytes(*stamp));
    Ok((Entry { receipt: Receipt { position, stamp }, record }, end))
}

fn producer(rest: &[u8]) -> Result<(Option<Producer>, &[u8]), FrameError> {
    let (id, rest) = rest.split_first_chunk().ok_or(FrameError::Damaged)?;
    let (shard, rest) = rest.split_first_chunk().ok_or(FrameError::Damaged)?;
    let (sequence, rest) = rest.split_first_chunk().ok_or(FrameError::Damaged)?;
    let producer = Producer {
        id: *id,
        shard: u32::from_le_bytes(*shard),
        sequence: u64::from_le_bytes(*sequence),
    };
    Ok((Some(producer), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Record {
        Record {
            signal: Signal::Traces,
            producer: Some(Producer { id: [7; 16], shard: 3, sequence: 0x0102_0304 }),
            payload: Bytes::from_static(b"\x0a\x02\x12\x00"),
        }
    }

    fn framed(record: &Record) -> Bytes {
        framed_at(record, Timestamp(0x1122_3344_5566_7788))
    }

    fn framed_at(record: &Record, stamp: Timestamp) -> Bytes {
        Bytes::from([Head::of(record, stamp).bytes(), &record.payload].concat())
    }

    /// Golden bytes: a change here makes every stored log unreadable.
    #[test]
    fn the_frame_is_frozen() {
        let hex: String = framed(&sample()).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, GOLDEN);
    }
    const GOLDEN: &str = "2c0000009c1ed6cf010101018877665544332211070707070707070707070707\
        070707070300000004030201000000000a021200";

    #[test]
    fn the_length_is_known_before() {
        let plain = Record { producer: None, ..sample() };
        for record in [sample(), plain] {
            assert_eq!(framed(&record).len(), frame_bytes(&record));
        }
    }

    #[test]
    fn frames_come_back_one_after_the_other() {
        let plain = Record { producer: None, signal: Signal::Metrics, ..sample() };
        let (first, second) = (framed_at(&sample(), Timestamp(5)), framed_at(&plain, Timestamp(6)));
        let bytes = Bytes::from([first, second].concat());
        let (first, used) = read_frame(&bytes, Position(0)).expect("own frame");
        assert_eq!((first.record, first.receipt.stamp), (sample(), Timestamp(5)));
        let (second, rest) = read_frame(&bytes.slice(used..), Position(1)).expect("own frame");
        assert_eq!((second.record, used + rest), (plain, bytes.len()));
    }

    #[test]
    fn every_torn_tail_is_seen() {
        let bytes = framed(&sample());
        for cut in 0..bytes.len() {
            assert_eq!(read_frame(&bytes.slice(..cut), Position(0)), Err(FrameError::Torn));
        }
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let good = framed(&sample());
        for bit in 0..good.len() * 8 {
            let mut bad = good.to_vec();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(read_frame(&Bytes::from(bad), Position(0)).is_err(), "bit {bit}");
        }
    }
}
