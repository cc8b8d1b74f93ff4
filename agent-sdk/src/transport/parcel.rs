//! A request on its way: its bytes, plain or packed, and the name it goes by once it was tried.

use super::Signal;
use super::spill::Place;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::io::{Read, Write};

/// No request is larger than what a collector takes (CONVENTIONS 2.1).
const LARGEST: u64 = 64 << 20;

/// Which batch of whom: a receiver counts it once, however often and on whichever road it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub producer: [u8; 16],
    /// [`longpole_proto::road::UNSHARDED`] when it was not cut for a shard.
    pub shard: u32,
    pub sequence: u64,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    /// In the order of offers.
    pub number: u64,
    pub signal: Signal,
    /// Spans, or metrics.
    pub items: u32,
    /// Given at the first try and never changed after it.
    pub stamp: Option<Stamp>,
    pub body: Body,
    /// Where it lies on disk, when it came from there.
    pub place: Option<Place>,
    /// Larger than a stream's entry may be: other roads only.
    pub oversize: bool,
    /// Bytes it counts for in memory.
    pub charge: usize,
}

impl Parcel {
    /// Spans in it; metrics are none.
    pub fn spans(&self) -> u32 {
        match self.signal {
            Signal::Traces => self.items,
            Signal::Metrics => 0,
        }
    }
}

/// The bytes, in one form or both.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    plain: Option<Bytes>,
    gzip: Option<Bytes>,
}

impl Body {
    pub fn plain(bytes: impl Into<Bytes>) -> Self {
        Self { plain: Some(bytes.into()), gzip: None }
    }

    pub fn packed(bytes: impl Into<Bytes>) -> Self {
        Self { plain: None, gzip: Some(bytes.into()) }
    }

    /// By gzip at level 1: a 64-span entry is a quarter of itself, at the least cost.
    pub fn gzip(&mut self) -> Bytes {
        if self.gzip.is_none() {
            let plain = self.plain.as_deref().unwrap_or_default();
            let mut packer =
                GzEncoder::new(Vec::with_capacity(plain.len() / 3 + 64), Compression::fast());
            // Writing to memory cannot fail.
            let _ = packer.write_all(plain);
            self.gzip = Some(packer.finish().unwrap_or_default().into());
            self.plain = None;
        }
        self.gzip.clone().unwrap_or_default()
    }

    /// As it was encoded; `None` when what came back from disk cannot be unpacked.
    pub fn unpacked(&mut self) -> Option<Bytes> {
        if self.plain.is_none() {
            let mut out = Vec::new();
            let packed = self.gzip.as_deref().unwrap_or_default();
            GzDecoder::new(packed).take(LARGEST + 1).read_to_end(&mut out).ok()?;
            if out.len() as u64 > LARGEST {
                return None;
            }
            self.plain = Some(out.into());
            self.gzip = None;
        }
        self.plain.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_only_one_form_is_held() {
        let text = vec![7u8; 10_000];
        let mut body = Body::plain(text.clone());
        let packed = body.gzip();
        assert!(packed.len() < 200 && body.plain.is_none());
        assert_eq!(Body::packed(packed).unpacked().expect("whole"), text);
        assert_eq!(Body::packed(&b"no gzip"[..]).unpacked(), None);
    }
}
