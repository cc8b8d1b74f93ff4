//! The form of a spill's file: a header, then frames. A frame is a mark, a length, a checksum, a body.
//!
//! ```text
//! 0  8   header: "LPSPIL", format, oldest reader
//!
//! 0  1   LIVE or DONE (not in the checksum: it is overwritten in place)
//! 1  4   bytes of the body, little-endian
//! 5  4   CRC-32 (IEEE) of the body
//! 9  1   signal: 1 traces, 2 metrics          ┐
//! 10 1   1 = has a stamp                      │
//! 11 28  stamp: producer, shard, sequence     │ body
//! 39 4   items                                │
//! 43 ..  OTLP request, gzip                   ┘
//! ```

use crate::transport::Signal;
use crate::transport::parcel::{Body, Parcel, Stamp};
use bytes::Bytes;

/// Format 1, oldest reader 1.
pub(super) const HEADER: &[u8; 8] = b"LPSPIL\x01\x01";
/// To be delivered.
const LIVE: u8 = 0xa5;
/// Delivered, or given up and counted.
pub(super) const DONE: u8 = 0;
const PREFIX: usize = 9;
const FIXED: usize = 34;

/// A request as a live frame.
pub(super) fn frame(parcel: &mut Parcel) -> Vec<u8> {
    let packed = parcel.body.gzip();
    let mut out = Vec::with_capacity(PREFIX + FIXED + packed.len());
    out.extend_from_slice(&[LIVE, 0, 0, 0, 0, 0, 0, 0, 0]);
    out.push(match parcel.signal {
        Signal::Traces => 1,
        Signal::Metrics => 2,
    });
    out.push(u8::from(parcel.stamp.is_some()));
    let none = Stamp { producer: [0; 16], shard: 0, sequence: 0 };
    let stamp = parcel.stamp.unwrap_or(none);
    out.extend_from_slice(&stamp.producer);
    out.extend_from_slice(&stamp.shard.to_le_bytes());
    out.extend_from_slice(&stamp.sequence.to_le_bytes());
    out.extend_from_slice(&parcel.items.to_le_bytes());
    out.extend_from_slice(&packed);
    let (long, sum) = ((out.len() - PREFIX) as u32, crc32fast::hash(&out[PREFIX..]));
    out[1..5].copy_from_slice(&long.to_le_bytes());
    out[5..9].copy_from_slice(&sum.to_le_bytes());
    out
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The body of the frame in front, when it is whole and sound.
fn body(bytes: &[u8]) -> Option<&[u8]> {
    let long = u32_at(bytes, 1)? as usize;
    let body = bytes.get(PREFIX..)?.get(..long).filter(|b| b.len() >= FIXED)?;
    (u32_at(bytes, 5)? == crc32fast::hash(body)).then_some(body)
}

/// Reads a frame back.
pub(super) fn read(bytes: &[u8]) -> Option<Parcel> {
    let body = body(bytes)?;
    let signal = match body[0] {
        1 => Signal::Traces,
        2 => Signal::Metrics,
        _ => return None,
    };
    let stamp = Stamp {
        producer: body[2..18].try_into().ok()?,
        shard: u32_at(body, 18)?,
        sequence: u64::from_le_bytes(body[22..30].try_into().ok()?),
    };
    Some(Parcel {
        number: u64::MAX,
        signal,
        items: u32_at(body, 30)?,
        stamp: (body[1] == 1).then_some(stamp),
        body: Body::packed(Bytes::copy_from_slice(&body[FIXED..])),
        place: None,
        oversize: false,
        charge: 0,
    })
}

/// The live frames of a file: offset, bytes, spans; and whether it ends in what is no whole frame.
pub(super) fn scan(file: &[u8]) -> (Vec<(u64, u32, u32)>, bool) {
    let mut out = Vec::new();
    if !file.starts_with(HEADER) {
        return (out, true);
    }
    let mut at = HEADER.len();
    while at < file.len() {
        let Some(parcel) = read(&file[at..]) else { return (out, true) };
        let Some(long) = u32_at(file, at + 1) else { return (out, true) };
        let bytes = PREFIX + long as usize;
        if file[at] != DONE {
            out.push((at as u64, bytes as u32, parcel.spans()));
        }
        at += bytes;
    }
    (out, false)
}
