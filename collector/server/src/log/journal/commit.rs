//! Making entries durable, a group at a time, away from the lock under which they were appended.
//!
//! A write or sync that fails leaves its segment for good: what of it reached the disk is unknown, and a
//! second sync would say yes to pages that the system has dropped. The group is written once more to a
//! new segment; when that fails as well, none of it is taken.

use super::segment::{HEAD, Head, Segment};
use super::{Caps, Shared};
use crate::disk::{Disk, Growing};
use crate::log::{Head as Frame, Record};
use longpole_model::signal::Timestamp;
use std::io::{self, IoSlice};
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
}

/// A group as it is written: payloads stay where they came in.
struct Group<'a> {
    entries: Vec<(Frame, &'a [u8])>,
    bytes: u64,
    first: Timestamp,
}

impl<'a> Group<'a> {
    /// `None` without entries.
    fn of(entries: &'a [(Record, Timestamp)]) -> Option<Self> {
        let (_, first) = *entries.first()?;
        let framed = |(record, stamp): &'a (Record, Timestamp)| {
            (Frame::of(record, *stamp), record.payload.as_ref())
        };
        let entries: Vec<_> = entries.iter().map(framed).collect();
        let bytes = entries.iter().map(|(f, p)| (f.bytes().len() + p.len()) as u64).sum();
        Some(Self { entries, bytes, first })
    }

    fn parts(&self) -> Vec<IoSlice<'_>> {
        let parts = self.entries.iter().flat_map(|(f, p)| [f.bytes(), p]);
        parts.map(IoSlice::new).collect()
    }
}

impl<D: Disk> Committer<D> {
    pub(super) fn new(disk: D, caps: Caps, shared: Arc<Shared>, attempt: u32) -> Self {
        Self { disk, caps, shared, open: None, attempt }
    }

    /// Writes a group of entries behind all others and makes it durable. Gives back the position
    /// behind it.
    ///
    /// # Errors
    /// [`CommitError`]; the journal ends where it did.
    pub fn commit(&mut self, group: &[(Record, Timestamp)]) -> Result<u64, CommitError> {
        let Some(group) = Group::of(group) else { return Ok(self.shared.lock().durable) };
        let (bytes, filled) = {
            let shared = self.shared.lock();
            (shared.bytes, shared.segments.back().map_or(0, Segment::bytes))
        };
        if bytes + group.bytes > self.caps.bytes {
            return Err(CommitError::Full { bytes, cap: self.caps.bytes });
        }
        if filled > HEAD as u64 && filled + group.bytes > self.caps.segment {
            self.open = None;
        }
        let mut failed = None;
        for _ in 0..2 {
            match self.attempt(&group) {
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

    fn attempt(&mut self, group: &Group<'_>) -> io::Result<u64> {
        if self.open.is_none() {
            self.begin(group.first)?;
        }
        let Some(file) = &mut self.open else { return Err(io::ErrorKind::Other.into()) };
        file.append(&mut group.parts())?;
        file.sync()?;
        let mut shared = self.shared.lock();
        shared.durable += group.bytes;
        shared.bytes += group.bytes;
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
            file.append(&mut [IoSlice::new(&head.write())])?;
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
