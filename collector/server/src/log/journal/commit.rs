//! Making entries durable, a group at a time, away from the lock under which they were appended.
//!
//! A write or sync that fails leaves its segment for good: what of it reached the disk is unknown, and a
//! second sync would say yes to pages that the system has dropped. The group is written once more to a
//! new segment; when that fails as well, none of it is taken.

use super::segment::{HEAD, Head, Segment};
use super::{Caps, Shared};
use crate::disk::{Disk, Growing};
use crate::log::{Record, write_frame};
use longpole_model::signal::Timestamp;
use std::io;
use std::sync::Arc;

/// Why a group was not made durable: nothing of it may be acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The cap is reached.
    #[error(
        "the journal has reached its cap: {bytes} of {cap} bytes. It shrinks when a checkpoint is \
         written; give it more with journal.max_bytes"
    )]
    Full {
        /// Bytes on the disk.
        bytes: u64,
        /// Bytes it may take.
        cap: u64,
    },
    /// The disk.
    #[error("cannot write the journal: {0}. Is the disk full, read-only or failing?")]
    Disk(#[source] io::Error),
}

/// The writing end of a journal.
#[derive(Debug)]
pub struct Committer<D: Disk> {
    disk: D,
    caps: Caps,
    shared: Arc<Shared>,
    open: Option<D::File>,
    attempt: u32,
    frames: Vec<u8>,
}

impl<D: Disk> Committer<D> {
    pub(super) fn new(disk: D, caps: Caps, shared: Arc<Shared>, attempt: u32) -> Self {
        Self { disk, caps, shared, open: None, attempt, frames: Vec::new() }
    }

    /// Writes a group of entries behind all others and makes it durable. Gives back the position
    /// behind it.
    ///
    /// # Errors
    /// [`CommitError`]; the journal ends where it did.
    pub fn commit(&mut self, group: &[(Record, Timestamp)]) -> Result<u64, CommitError> {
        let Some((_, first)) = group.first() else { return Ok(self.shared.lock().durable) };
        let mut frames = std::mem::take(&mut self.frames);
        frames.clear();
        for (record, stamp) in group {
            write_frame(record, *stamp, &mut frames);
        }
        let done = self.write(&frames, *first);
        // Not kept for ever because of one great request.
        frames.shrink_to(4 << 20);
        self.frames = frames;
        done
    }

    fn write(&mut self, frames: &[u8], stamp: Timestamp) -> Result<u64, CommitError> {
        let (bytes, filled) = {
            let shared = self.shared.lock();
            (shared.bytes, shared.segments.back().map_or(0, Segment::bytes))
        };
        if bytes + frames.len() as u64 > self.caps.bytes {
            return Err(CommitError::Full { bytes, cap: self.caps.bytes });
        }
        if filled > HEAD as u64 && filled + frames.len() as u64 > self.caps.segment {
            self.open = None;
        }
        let mut failed = None;
        for _ in 0..2 {
            match self.attempt(frames, stamp) {
                Ok(end) => return Ok(end),
                Err(e) => {
                    self.shared.lock().errors += 1;
                    self.abandon();
                    failed = Some(e);
                }
            }
        }
        Err(CommitError::Disk(failed.unwrap_or_else(|| io::ErrorKind::Other.into())))
    }

    fn attempt(&mut self, frames: &[u8], stamp: Timestamp) -> io::Result<u64> {
        if self.open.is_none() {
            self.begin(stamp)?;
        }
        let Some(file) = &mut self.open else { return Err(io::ErrorKind::Other.into()) };
        file.append(frames)?;
        file.sync()?;
        let mut shared = self.shared.lock();
        shared.durable += frames.len() as u64;
        shared.bytes += frames.len() as u64;
        let durable = shared.durable;
        if let Some(last) = shared.segments.back_mut() {
            last.until = durable;
        }
        Ok(durable)
    }

    /// Begins a segment behind the last durable entry.
    fn begin(&mut self, stamp: Timestamp) -> io::Result<()> {
        self.attempt += 1;
        let base = self.shared.lock().durable;
        let head = Head { base, attempt: self.attempt, begun: stamp };
        let name = head.name();
        let begun = self.disk.create(&name).and_then(|mut file| {
            file.append(&head.write())?;
            file.sync()?;
            self.disk.sync_names()?;
            Ok(file)
        });
        match begun {
            Ok(file) => {
                self.open = Some(file);
                let mut shared = self.shared.lock();
                shared.bytes += HEAD as u64;
                shared.segments.push_back(Segment { head, until: base });
                Ok(())
            }
            Err(e) => {
                // It holds nothing; should it stay, the next attempt hides it.
                let _ = self.disk.remove(&name);
                Err(e)
            }
        }
    }

    /// Leaves the open segment as it is; gives back the room of what was not made durable, as far as
    /// the system still does what it is told.
    fn abandon(&mut self) {
        let Some(mut file) = self.open.take() else { return };
        let mut shared = self.shared.lock();
        let Some(last) = shared.segments.back() else { return };
        let _ = file.shorten(last.bytes());
        if last.until == last.head.base {
            let (name, bytes) = (last.head.name(), last.bytes());
            shared.segments.pop_back();
            shared.bytes -= bytes;
            let _ = self.disk.remove(&name);
        }
    }

    /// Whether the journal can be written again: begins a segment, where none is open. One that was full
    /// has room again once a whole segment fits, so that it does not open for single requests.
    ///
    /// # Errors
    /// [`CommitError`]: not yet.
    pub fn probe(&mut self, stamp: Timestamp) -> Result<(), CommitError> {
        let bytes = self.shared.lock().bytes;
        if bytes + self.caps.segment > self.caps.bytes {
            return Err(CommitError::Full { bytes, cap: self.caps.bytes });
        }
        if self.open.is_none() {
            self.begin(stamp).map_err(CommitError::Disk)?;
        }
        Ok(())
    }
}
