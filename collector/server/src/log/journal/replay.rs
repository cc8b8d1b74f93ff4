//! The entries of a journal in order, from a position on. What is damaged is stepped over, as far as the
//! next segment, and counted.

use super::OpenError;
use super::open::next;
use super::segment::{HEAD, Segment};
use crate::disk::Disk;
use crate::log::Entry;
use bytes::Bytes;

/// Reads one segment after the other.
#[derive(Debug)]
pub struct Replay<D> {
    disk: D,
    /// Last first.
    segments: Vec<Segment>,
    /// The segment under way, and the next offset in its entries.
    open: Option<(Segment, Bytes, usize)>,
    position: u64,
    end: u64,
    lost: u64,
    damaged: u64,
}

impl<D: Disk> Replay<D> {
    /// Of these segments the entries from `from` on.
    pub(super) fn new(disk: D, mut segments: Vec<Segment>, from: u64) -> Self {
        let end = segments.last().map_or(from, |s| s.until);
        segments.retain(|s| s.until > from);
        segments.reverse();
        Self { disk, segments, open: None, position: from, end, lost: 0, damaged: 0 }
    }

    /// The next entry; `None` at the end.
    ///
    /// # Errors
    /// [`OpenError::TooNew`] or [`OpenError::Disk`].
    pub fn next_entry(&mut self) -> Result<Option<Entry>, OpenError> {
        loop {
            let Some((segment, bytes, at)) = &mut self.open else {
                let Some(segment) = self.segments.pop() else { return Ok(None) };
                self.lose(segment.head.base);
                let long = segment.until - segment.head.base;
                let long = usize::try_from(long).unwrap_or(usize::MAX);
                let name = segment.head.name();
                let bytes = self.disk.read(&name, HEAD as u64, long).map_err(OpenError::Disk)?;
                let at = self.position.saturating_sub(segment.head.base);
                let at = usize::try_from(at).unwrap_or(usize::MAX);
                self.open = Some((segment, bytes, at));
                continue;
            };
            match next(bytes, *at, segment.head.base)? {
                Some((entry, used)) => {
                    *at += used;
                    self.position = segment.head.base + *at as u64;
                    return Ok(Some(entry));
                }
                None => {
                    let until = segment.until;
                    self.open = None;
                    self.lose(until);
                }
            }
        }
    }

    /// Steps over what cannot be read.
    fn lose(&mut self, until: u64) {
        if until > self.position {
            self.lost += until - self.position;
            self.damaged += 1;
            self.position = until;
        }
    }

    /// Bytes read and bytes there are, from the start of the journal's time.
    pub fn progress(&self) -> (u64, u64) {
        (self.position, self.end)
    }

    /// Places that could not be read, and their bytes.
    pub fn damaged(&self) -> (u64, u64) {
        (self.damaged, self.lost)
    }
}
