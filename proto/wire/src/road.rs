//! The names of the road from a producer to a collector: keys and fields in Redis, headers of OTLP.
//! Read and written by both sides; what they carry is told in ARCHITECTURE (*The roads into a collector*).

use std::fmt::Write;

/// Version of the form of a stream entry, and the oldest reader that may read it: `version.oldest`.
pub const ENTRY_FORMAT: &str = "1.1";

/// The hash that says how traces are dealt. Written once, by whoever creates the streams.
pub const META_KEY: &str = "lp:meta";
/// Field of [`META_KEY`]: the number of shards.
pub const META_SHARDS: &str = "shards";
/// Field of [`META_KEY`]: the version of the shard hash ([`crate::shard::SHARD_HASH_VERSION`]).
pub const META_HASH_VERSION: &str = "shard_hash_version";
/// Field of [`META_KEY`]: its seed in decimal ([`crate::shard::SHARD_HASH_SEED`]).
pub const META_HASH_SEED: &str = "shard_hash_seed";

/// Field of an entry: [`ENTRY_FORMAT`]. First, so that a reader may stop there.
pub const FIELD_FORMAT: &str = "format";
/// Field of an entry: the producer's instance id, 32 hex digits.
pub const FIELD_PRODUCER: &str = "producer";
/// Field of an entry: the batch's number within producer and shard, decimal, from 1 on.
pub const FIELD_SEQUENCE: &str = "sequence";
/// Field of an entry: [`SIGNAL_TRACES`] or [`SIGNAL_METRICS`].
pub const FIELD_SIGNAL: &str = "signal";
/// Field of an entry: spans or points in it, decimal.
pub const FIELD_ITEMS: &str = "items";
/// Field of an entry: how [`FIELD_OTLP`] is packed: [`ENCODING_GZIP`] or [`ENCODING_IDENTITY`].
pub const FIELD_ENCODING: &str = "encoding";
/// Field of an entry: one OTLP export request as protobuf. Last.
pub const FIELD_OTLP: &str = "otlp";

/// Field of an entry that a collector's door wrote: who sent it to the door, as
/// `producer shard sequence part`, or nothing where the sender did not say. Absent where the producer wrote
/// the entry itself. A reader recognises what was sent twice by it.
pub const FIELD_SENDER: &str = "sender";

/// An `ExportTraceServiceRequest`.
pub const SIGNAL_TRACES: &str = "traces";
/// An `ExportMetricsServiceRequest`.
pub const SIGNAL_METRICS: &str = "metrics";
/// Packed by gzip.
pub const ENCODING_GZIP: &str = "gzip";
/// Not packed.
pub const ENCODING_IDENTITY: &str = "identity";

/// Most bytes of [`FIELD_OTLP`] as it is stored.
pub const ENTRY_BYTES: usize = 256 << 10;

/// Header (HTTP) and metadata key (gRPC) of an OTLP request: the producer's instance id, 32 hex digits.
pub const HEADER_PRODUCER: &str = "longpole-producer";
/// Header of an OTLP request: the shard that the batch was cut for; absent when it was not cut
/// ([`UNSHARDED`]).
pub const HEADER_SHARD: &str = "longpole-shard";
/// Header of an OTLP request: the batch's number within producer and shard, decimal, from 1 on.
pub const HEADER_SEQUENCE: &str = "longpole-sequence";

/// The shard of a batch that was never cut for one; such batches are counted in a sequence of their own.
pub const UNSHARDED: u32 = u32::MAX;

/// Attribute of a consumer span: seconds its message waited between being put and being taken.
pub const ATTRIBUTE_QUEUE_WAIT: &str = "longpole.queue_wait";

/// The stream of a shard. In a cluster each shard is a slot of its own.
pub fn stream_key(shard: u32) -> String {
    format!("lp:{{{shard}}}")
}

/// A producer's instance id as it is written.
pub fn producer_hex(id: [u8; 16]) -> String {
    id.iter().fold(String::with_capacity(32), |mut out, b| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{b:02x}");
        out
    })
}

/// Reads what [`producer_hex`] wrote.
pub fn producer_id(text: &str) -> Option<[u8; 16]> {
    let whole = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let id = whole.then(|| u128::from_str_radix(text, 16).ok()).flatten()?;
    Some(id.to_be_bytes())
}

/// Reads a number as it is written on the roads: decimal digits alone, where `parse` also takes a sign.
pub fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_ids_are_spelt_as_agreed() {
        assert_eq!(stream_key(3), "lp:{3}");
        assert_eq!(producer_hex([0xa5; 16]), "a5".repeat(16));
    }
}
