//! The log in files: segments of frozen frames, appended in groups and made durable before anything of
//! a group is acknowledged.
//!
//! An entry is *appended* under the lock that orders requests ([`Journal`]: a few numbers and a place in a
//! list) and *committed* outside of it ([`Committer`]: framed, written, synced). Until then it may be
//! taken back. Whoever opens the journal after a crash finds every committed entry, and possibly some
//! that were not; torn ends are told and stepped over, never repaired in place.
//!
//! Bounded by [`Caps`]; segments go as a whole once nothing needs them ([`Log::trim`]).

mod commit;
mod open;
mod replay;
mod segment;
#[cfg(test)]
mod tests;

pub use commit::{CommitError, Committer};
pub use replay::Replay;

use super::{AppendError, Entry, Log, Position, ReadError, Receipt, Record, frame_bytes};
use crate::disk::Disk;
use longpole_model::signal::Timestamp;
use segment::{HEAD, Segment};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Greatest sizes, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Of the journal on the disk.
    pub bytes: u64,
    /// Of a segment; one entry may be larger.
    pub segment: u64,
}

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A later version wrote it.
    #[error(
        "the journal ({file}) was written in format {format}, which needs a reader of format \
         {oldest_reader}; this is a reader of format 1: upgrade, or name another folder with --data"
    )]
    TooNew {
        /// The file, or where in the journal.
        file: String,
        /// Its format.
        format: u8,
        /// Oldest reader it allows.
        oldest_reader: u8,
    },
    /// It cannot be read.
    #[error("cannot read the journal: {0}. Is the disk whole, and may this user read the folder?")]
    Disk(#[source] std::io::Error),
}

/// A journal by numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Bytes on the disk.
    pub bytes: u64,
    /// Segments on the disk.
    pub segments: usize,
    /// When the oldest was begun.
    pub oldest: Option<Timestamp>,
    /// Writes and syncs that failed.
    pub errors: u64,
}

/// What both ends know of the files.
#[derive(Debug)]
struct Shared(Mutex<Files>);

#[derive(Debug, Default)]
struct Files {
    segments: VecDeque<Segment>,
    bytes: u64,
    /// Behind the last entry that is durable.
    durable: u64,
    errors: u64,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The appending end.
#[derive(Debug)]
pub struct Journal<D: Disk> {
    disk: D,
    caps: Caps,
    shared: Arc<Shared>,
    tail: Vec<(Record, Timestamp)>,
    end: u64,
    stamp: Timestamp,
}

/// A journal that was opened.
#[derive(Debug)]
pub struct Opened<D: Disk> {
    /// Its appending end.
    pub journal: Journal<D>,
    /// Its writing end.
    pub committer: Committer<D>,
    /// Files that end within an entry or whose head cannot be read, and bytes behind the last whole
    /// entry.
    pub torn: (u64, u64),
}

impl<D: Disk> Journal<D> {
    /// Opens what a folder holds. `from` is a position that it has reached for certain (a
    /// checkpoint's), so that no position is used twice.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(disk: D, caps: Caps, from: u64) -> Result<Opened<D>, OpenError> {
        let found = open::find(&disk, from)?;
        for name in &found.idle {
            // Nothing reads it; should it stay, it costs room and nothing else.
            let _ = disk.remove(name);
        }
        let files = Files {
            bytes: found.segments.iter().map(Segment::bytes).sum(),
            segments: found.segments.into(),
            durable: found.end,
            errors: 0,
        };
        let shared = Arc::new(Shared(Mutex::new(files)));
        let committer = Committer::new(disk.clone(), caps, Arc::clone(&shared), found.attempt);
        let (end, stamp) = (found.end, found.stamp);
        let journal = Self { disk, caps, shared, tail: Vec::new(), end, stamp };
        Ok(Opened { journal, committer, torn: (found.torn, found.torn_bytes) })
    }

    /// The durable entries from a position on.
    pub fn replay(&self, from: u64) -> Replay<D> {
        let segments = self.shared.lock().segments.iter().cloned().collect();
        Replay::new(self.disk.clone(), segments, from)
    }

    /// What lets go of old segments, for whoever knows what is needed.
    pub fn trimmer(&self) -> Trimmer<D> {
        Trimmer { disk: self.disk.clone(), shared: Arc::clone(&self.shared) }
    }

    /// Takes out what was appended and not committed.
    pub fn take_tail(&mut self) -> Vec<(Record, Timestamp)> {
        std::mem::take(&mut self.tail)
    }

    /// Takes back what is not durable: a group failed, and nothing behind it may stay.
    pub fn roll_back(&mut self) {
        self.tail.clear();
        self.end = self.shared.lock().durable;
    }

    /// The last stamp.
    pub fn stamp(&self) -> Timestamp {
        self.stamp
    }

    /// Whether it takes more than half of what it may.
    pub fn is_tight(&self) -> bool {
        self.shared.lock().bytes > self.caps.bytes / 2
    }

    /// What it takes on the disk.
    pub fn figures(&self) -> Figures {
        let files = self.shared.lock();
        Figures {
            bytes: files.bytes,
            segments: files.segments.len(),
            oldest: files.segments.front().map(|s| s.head.begun),
            errors: files.errors,
        }
    }
}

impl<D: Disk> Log for Journal<D> {
    fn append(&mut self, record: Record, now: Timestamp) -> Result<Receipt, AppendError> {
        let bytes = frame_bytes(&record);
        let cap = usize::try_from(self.caps.bytes).unwrap_or(usize::MAX);
        if bytes + HEAD > cap {
            return Err(AppendError::TooLarge { bytes, cap });
        }
        self.stamp = self.stamp.max(now);
        let receipt = Receipt { position: Position(self.end), stamp: self.stamp };
        self.end += bytes as u64;
        self.tail.push((record, self.stamp));
        Ok(receipt)
    }

    /// Only what is durable can be read.
    fn read(&self, at: Position) -> Result<Entry, ReadError> {
        let oldest = self.oldest();
        if at < oldest {
            return Err(ReadError::Gone(at, oldest));
        }
        let nowhere = || ReadError::Nowhere(at);
        let segment = {
            let files = self.shared.lock();
            let found = files.segments.iter().find(|s| at.0 < s.until && at.0 >= s.head.base);
            found.cloned().ok_or_else(nowhere)?
        };
        let mut one = Replay::new(self.disk.clone(), vec![segment], at.0);
        let entry = one.next_entry().ok().flatten().ok_or_else(nowhere)?;
        if entry.receipt.position == at { Ok(entry) } else { Err(nowhere()) }
    }

    fn oldest(&self) -> Position {
        let files = self.shared.lock();
        Position(files.segments.front().map_or(files.durable, |s| s.head.base))
    }

    fn end(&self) -> Position {
        Position(self.end)
    }

    /// Whole segments go, and never the one that is written.
    fn trim(&mut self, before: Position) {
        self.trimmer().trim(before.0);
    }
}

/// Lets go of old segments.
#[derive(Debug)]
pub struct Trimmer<D> {
    disk: D,
    shared: Arc<Shared>,
}

impl<D: Disk> Trimmer<D> {
    /// Removes whole segments before a position, but never the one that is written.
    pub fn trim(&self, before: u64) {
        loop {
            let gone = {
                let mut files = self.shared.lock();
                if files.segments.len() < 2 || files.segments[0].until > before {
                    return;
                }
                let Some(gone) = files.segments.pop_front() else { return };
                files.bytes -= gone.bytes();
                gone
            };
            // Nobody waits for this one. A file that stays is found again at the next start.
            if self.disk.remove(&gone.head.name()).is_err() {
                self.shared.lock().errors += 1;
            }
        }
    }
}
