//! The log: what was accepted, in one order, with the time of its arrival. Everything behind it is a
//! function of it.
//!
//! `append` gives a position and a stamp; when the caller may acknowledge is the implementor's to say: at
//! once (memory, durability `none`) or when a group is on the disk ([`journal`]). What entries mean is
//! not decided here.

mod entry;
pub mod journal;
mod memory;

pub use entry::{Entry, FrameError, Head, Producer, Record, frame_bytes, read_frame};
pub use memory::MemoryLog;

use longpole_model::signal::Timestamp;

/// Where an entry stands in its log. Later entries have greater positions; positions are never used
/// twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

/// What an append gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Where the entry stands.
    pub position: Position,
    /// Its arrival: never before the stamp of an earlier entry.
    pub stamp: Timestamp,
}

/// Why an entry was not taken; nothing may be acknowledged then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// One entry above what the log holds as a whole.
    #[error("an entry of {bytes} bytes does not fit a log of {cap} bytes")]
    TooLarge {
        /// Bytes of the entry.
        bytes: usize,
        /// Bytes of the log.
        cap: usize,
    },
}

/// Why an entry cannot be read back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It was evicted or trimmed.
    #[error("entry {0:?} is no longer in the log; the oldest is {1:?}")]
    Gone(Position, Position),
    /// No entry begins there.
    #[error("no entry begins at {0:?}")]
    Nowhere(Position),
}

/// An ordered store of accepted requests.
pub trait Log {
    /// Takes an entry; `now` is the clock's reading. A clock that went back does not take the stamps
    /// with it.
    ///
    /// # Errors
    /// [`AppendError`]; the entry is not in the log then.
    fn append(&mut self, record: Record, now: Timestamp) -> Result<Receipt, AppendError>;

    /// The entry at a position.
    ///
    /// # Errors
    /// [`ReadError`].
    fn read(&self, at: Position) -> Result<Entry, ReadError>;

    /// The first position that may still be read; the next append's when the log is empty.
    fn oldest(&self) -> Position;

    /// Where the next entry will stand.
    fn end(&self) -> Position;

    /// Gives up everything before a position.
    fn trim(&mut self, before: Position);
}
