//! The wire form: hdrhistogram's V2 payload of the 16.16 counts, written and read by that crate.

use super::{SKETCH_DIGITS, SKETCH_MAX, Sketch, bucket_low};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};

/// A wire form that is no sketch of this layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSketch;

impl std::fmt::Display for BadSketch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not an hdrhistogram V2 payload with 2 digits up to 24 h")
    }
}

impl std::error::Error for BadSketch {}

impl Sketch {
    /// The same distribution as an hdrhistogram, counts in 16.16.
    pub fn to_hdr(&self) -> Histogram<u64> {
        let mut h = new_hdr();
        // In range by construction: ids come from `bucket_of`, which clamps.
        self.for_each(|id, n| h.saturating_record_n(bucket_low(id), n));
        h
    }

    /// The wire form: hdrhistogram's V2 payload of the 16.16 counts. Canonical.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.is_empty() {
            // Writing to a Vec cannot fail; an empty payload would decode as an empty sketch.
            let _ = V2Serializer::new().serialize(&self.to_hdr(), &mut out);
        }
        out
    }

    /// Reads the wire form.
    ///
    /// # Errors
    /// [`BadSketch`] for anything but hdrhistogram V2 of this layout; input is never trusted.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, BadSketch> {
        let mut out = Self::default();
        if bytes.is_empty() {
            return Ok(out);
        }
        // The header's bounds decide how much the decoder allocates: check them first
        // (cookie 4, payload length 4, normalizing offset 4, digits 4, low 8, high 8).
        let field = |at: usize| {
            bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_be_bytes)
        };
        if field(16) != Some(1) || field(24) != Some(SKETCH_MAX) {
            return Err(BadSketch);
        }
        let h: Histogram<u64> =
            Deserializer::new().deserialize(&mut bytes).map_err(|_| BadSketch)?;
        if h.sigfig() != SKETCH_DIGITS || !bytes.is_empty() {
            return Err(BadSketch);
        }
        for v in h.iter_recorded() {
            out.record(v.value_iterated_to(), v.count_at_value());
        }
        Ok(out)
    }
}

fn new_hdr() -> Histogram<u64> {
    // The constants are valid bounds (1 <= low, 2 * low <= high, digits <= 5).
    Histogram::new_with_bounds(1, SKETCH_MAX, SKETCH_DIGITS).unwrap_or_else(|_| unreachable!())
}
