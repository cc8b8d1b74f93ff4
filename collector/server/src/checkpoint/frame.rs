//! The frame of a checkpoint: what it is, who may read it, which generation, and whether it is whole.
//!
//! ```text
//! 0   4  "lpck"
//! 4   1  format           5  1  oldest reader      6  2  zero
//! 8   8  generation, little-endian
//! 16  8  bytes of the body
//! 24  4  CRC-32 (IEEE) of bytes 0 to 24 and of the body
//! 28     body
//! ```

use super::CheckpointError;

const MAGIC: &[u8; 4] = b"lpck";
/// Version written. Numbers in it are told apart by their place alone: an earlier one is another language.
pub const FORMAT: u8 = 4;
/// Oldest version of a reader that understands it.
pub const OLDEST_READER: u8 = 4;
const HEAD: usize = 28;

fn checksum(head: &[u8], body: &[u8]) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    hash.update(head);
    hash.update(body);
    hash.finalize()
}

/// A body in its frame.
pub fn write(generation: u64, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD + body.len());
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&[FORMAT, OLDEST_READER, 0, 0]);
    out.extend_from_slice(&generation.to_le_bytes());
    out.extend_from_slice(&(body.len() as u64).to_le_bytes());
    let sum = checksum(&out, body);
    out.extend_from_slice(&sum.to_le_bytes());
    out.extend_from_slice(body);
    out
}

/// Generation and body of a frame.
///
/// # Errors
/// [`CheckpointError::Damaged`], [`CheckpointError::TooNew`] or [`CheckpointError::TooOld`].
pub fn read(bytes: &[u8]) -> Result<(u64, &[u8]), CheckpointError> {
    let damaged = CheckpointError::Damaged;
    let (head, rest) = bytes.split_first_chunk::<24>().ok_or(damaged("it is cut off"))?;
    let (sum, body) = rest.split_first_chunk::<4>().ok_or(damaged("it is cut off"))?;
    if &head[..4] != MAGIC {
        return Err(damaged("it does not begin as one"));
    }
    let number = |at: usize| {
        let word = head.get(at..at + 8).and_then(|b| b.try_into().ok()).unwrap_or_default();
        u64::from_le_bytes(word)
    };
    if number(16) != body.len() as u64 {
        return Err(damaged("it is cut off"));
    }
    if checksum(head, body) != u32::from_le_bytes(*sum) {
        return Err(damaged("its checksum does not fit"));
    }
    let (format, oldest) = (head[4], head[5]);
    if oldest > FORMAT || format == 0 {
        return Err(CheckpointError::TooNew { format, oldest_reader: oldest });
    }
    if format < FORMAT {
        return Err(CheckpointError::TooOld(format));
    }
    Ok((number(8), body))
}
