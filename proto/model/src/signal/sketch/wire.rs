//! The wire form: hdrhistogram's V2 payload of the 16.16 counts, written from the buckets and read into them.
//!
//! That crate is the judge of both in the tests. Its own writer and reader build and walk an array of 42 KB for each
//! sketch, of which a window has fifty thousand, and the reader believes a length that the sender wrote.

use super::{SKETCH_BUCKETS, SKETCH_DIGITS, SKETCH_MAX, Sketch, bucket_low, bucket_of};
use hdrhistogram::Histogram;

/// First bytes of a V2 payload.
const COOKIE: u32 = 0x1c84_9313;
/// Cookie 4, length of what follows the header 4, normalizing offset 4, digits 4, low 8, high 8, ratio 8.
const HEADER: usize = 40;
/// Greatest count that the form can hold; weights stop there.
const MOST: u64 = i64::MAX as u64;

/// A wire form that is no sketch of this layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSketch;

impl std::fmt::Display for BadSketch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not an hdrhistogram V2 payload with 2 digits up to 24 h")
    }
}

impl std::error::Error for BadSketch {}

/// What stands before the counts, but for their length.
fn header() -> [u8; HEADER] {
    let mut out = [0; HEADER];
    out[..4].copy_from_slice(&COOKIE.to_be_bytes());
    out[12..16].copy_from_slice(&u32::from(SKETCH_DIGITS).to_be_bytes());
    out[16..24].copy_from_slice(&1u64.to_be_bytes());
    out[24..32].copy_from_slice(&SKETCH_MAX.to_be_bytes());
    out[32..].copy_from_slice(&1f64.to_be_bytes());
    out
}

impl Sketch {
    /// The same distribution as an hdrhistogram, counts in 16.16.
    pub fn to_hdr(&self) -> Histogram<u64> {
        // The constants are valid bounds (1 <= low, 2 * low <= high, digits <= 5).
        let mut h = Histogram::new_with_bounds(1, SKETCH_MAX, SKETCH_DIGITS)
            .unwrap_or_else(|_| unreachable!());
        // In range by construction: ids come from `bucket_of`, which clamps.
        self.for_each(|id, n| h.saturating_record_n(bucket_low(id), n));
        h
    }

    /// The wire form: hdrhistogram's V2 payload of the 16.16 counts, empty when nothing was recorded. Canonical.
    pub fn encode(&self) -> Vec<u8> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut out = Vec::with_capacity(HEADER + 24);
        out.extend_from_slice(&header());
        let mut next = 0;
        self.for_each(|id, n| {
            match i64::from(id) - next {
                0 => {}
                // One free bucket is a count of zero, several are their number below zero.
                1 => write(&mut out, 0),
                free => write(&mut out, -free),
            }
            write(&mut out, n.min(MOST) as i64);
            next = i64::from(id) + 1;
        });
        let counts = (out.len() - HEADER) as u32;
        out[4..8].copy_from_slice(&counts.to_be_bytes());
        out
    }

    /// Reads the wire form.
    ///
    /// # Errors
    /// [`BadSketch`] for anything but hdrhistogram V2 of this layout; input is never trusted.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadSketch> {
        let mut out = Self::default();
        if bytes.is_empty() {
            return Ok(out);
        }
        let (head, mut counts) = bytes.split_first_chunk::<HEADER>().ok_or(BadSketch)?;
        let mut want = header();
        want[4..8]
            .copy_from_slice(&u32::try_from(counts.len()).map_err(|_| BadSketch)?.to_be_bytes());
        if *head != want {
            return Err(BadSketch);
        }
        let mut id = 0usize;
        while !counts.is_empty() {
            let number = read(&mut counts).ok_or(BadSketch)?;
            let free = match u64::try_from(number) {
                Ok(count) if count > 0 => {
                    if id > usize::from(bucket_of(SKETCH_MAX)) {
                        return Err(BadSketch);
                    }
                    out.add(id as u16, count);
                    1
                }
                Ok(_) => 1,
                Err(_) => usize::try_from(number.unsigned_abs()).map_err(|_| BadSketch)?,
            };
            id = id.checked_add(free).ok_or(BadSketch)?;
        }
        Ok(out)
    }
}

const _: () = assert!(SKETCH_BUCKETS <= 1 << 16);

/// A payload of any numbers, for tests.
#[cfg(test)]
pub(super) fn payload(numbers: &[i64]) -> Vec<u8> {
    let mut out = header().to_vec();
    numbers.iter().for_each(|n| write(&mut out, *n));
    let counts = (out.len() - HEADER) as u32;
    out[4..8].copy_from_slice(&counts.to_be_bytes());
    out
}

/// Appends a number: its sign moved to the lowest bit, then seven bits a byte, lowest first; a ninth byte has eight.
fn write(out: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    for _ in 0..8 {
        if rest < 0x80 {
            break;
        }
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Takes such a number off the front; `None` where it is cut off.
fn read(bytes: &mut &[u8]) -> Option<i64> {
    let mut sum = 0u64;
    for at in 0..9 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let last = at == 8 || *byte < 0x80;
        let bits = if at == 8 { *byte } else { byte & 0x7f };
        sum |= u64::from(bits) << (7 * at);
        if last {
            break;
        }
    }
    Some((sum >> 1) as i64 ^ -((sum & 1) as i64))
}
