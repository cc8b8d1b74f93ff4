//! The checkpoint: all that the log alone does not say, as of one place in it.
//!
//! Closed windows, detectors, investigations, events to be delivered, what came before, names, and the
//! place from which the log has to be read again. Open windows and open spans are not in it, since reading
//! builds them, but where the log has to be let go of soon (`engine::Mark::open`). One frame with a checksum, two generations, replaced at once ([`Store`]). When one is
//! taken, and what trims the log behind it, is the pipeline's business.

pub mod frame;
pub mod lane;
mod row;
mod state;
mod store;
#[cfg(test)]
mod tests;

pub use row::Row;
pub use state::{Place, Scales, Seen, State, read, write};
pub use store::{Found, Store};

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Cut off, flipped, or no checkpoint.
    #[error("the checkpoint is damaged: {0}")]
    Damaged(&'static str),
    /// A later version wrote it.
    #[error(
        "the checkpoint was written in format {format}, which needs a reader of format \
         {oldest_reader}; this is a reader of format {}: upgrade, or name another folder with --data",
        frame::FORMAT
    )]
    TooNew {
        /// Format of the bytes.
        format: u8,
        /// Oldest reader they allow.
        oldest_reader: u8,
    },
    /// A version before the first that this one can follow wrote it.
    #[error(
        "the checkpoint was written in format {0}, which this version cannot read any more: name another \
         folder with --data; totals and baselines begin anew there"
    )]
    TooOld(u8),
    /// Written under other settings.
    #[error(
        "the data folder was written with a window of {} ns, a lateness of {} ns and a horizon of {} ns. \
         Windows cut otherwise cannot go on from it: start with the same settings, or name another \
         folder with --data", .0.window, .0.lateness, .0.horizon
    )]
    Other(Scales),
    /// It cannot be read.
    #[error(
        "cannot read the checkpoint: {0}. Is the disk whole, and may this user read the folder?"
    )]
    Disk(#[source] std::io::Error),
}

impl CheckpointError {
    /// Whether somebody else can read it: another version, or one that is set up otherwise. Then it is not
    /// done without, and nothing is written over it.
    pub fn is_foreign(&self) -> bool {
        match self {
            Self::TooNew { .. } | Self::TooOld(_) | Self::Other(_) => true,
            Self::Damaged(_) | Self::Disk(_) => false,
        }
    }
}
