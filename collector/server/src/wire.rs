//! The stored and sent form of a `WindowSummary`, version 4: self-contained and canonical.
//!
//! Ids that mean something in one process only are replaced by references into sorted dictionaries of the names
//! in use, so that the same content has the same bytes whoever wrote it. What came out of [`decode`] is given
//! ids of another process by `Interner::adopt`. Knows no file and no socket.

mod decode;
mod encode;
mod pack;
#[cfg(test)]
mod tests;

use longpole_model::signal::Tally;

pub use decode::decode;
pub use encode::encode;
pub use pack::{pack, unpack};

/// Version written. 2 has three more categories of sites, which a reader of 1 does not know; 3 says of an operation
/// whom it addresses and in which language it is written, which a reader of 2 passes over; 4 has one counter more, which
/// a reader of 3 passes over. 1 to 3 can be read: what they do not say is empty.
pub const FORMAT: u32 = 4;
/// Oldest version of a reader that understands what is written.
pub const OLDEST_READER: u32 = 2;

/// Why bytes are no summary that this version can read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The bytes are no message of the format.
    #[error("not a window summary: {0}")]
    Malformed(String),
    /// Written by a later version that older readers cannot follow.
    #[error(
        "written in format {format}, which needs a reader of format {oldest_reader}; this is a \
         reader of format {FORMAT}: upgrade it, or go back to the version that wrote it"
    )]
    TooNew {
        /// Format of the bytes.
        format: u32,
        /// Oldest reader they allow.
        oldest_reader: u32,
    },
    /// Traces were dealt to shards by another hash.
    #[error("traces were dealt to shards by hash version {version}, seed {seed:#x}")]
    OtherShardHash {
        /// Version of the hash.
        version: u32,
        /// Its seed.
        seed: u64,
    },
    /// A reference, code or order that cannot be.
    #[error("not a window summary: bad {0}")]
    Bad(&'static str),
}

/// Counters of a tally in the order of the format; new ones go to the end.
fn counters(t: &mut Tally) -> [&mut u64; 16] {
    [
        &mut t.overflow_spans,
        &mut t.overflow_points,
        &mut t.long,
        &mut t.not_kept,
        &mut t.rootless,
        &mut t.after_close,
        &mut t.duplicate_ids,
        &mut t.traces,
        &mut t.segments,
        &mut t.overflow_rows,
        &mut t.replaced_text,
        &mut t.truncated,
        &mut t.not_finite,
        &mut t.logs,
        &mut t.clock_shifts,
        &mut t.late_segments,
    ]
}
