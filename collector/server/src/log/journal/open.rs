//! Opening a journal: which segments there are, and where the last whole entry ends.
//!
//! Nothing is written or cut here. What is torn stays where it is; the next segment begins where the
//! last whole entry ends, and hides it.

use super::OpenError;
use super::segment::{HEAD, Head, Segment, is_segment};
use crate::disk::Disk;
use crate::log::{FrameError, Position, read_frame};
use bytes::Bytes;
use longpole_model::signal::Timestamp;

/// What a folder holds.
#[derive(Debug, Default)]
pub struct Found {
    /// By position.
    pub segments: Vec<Segment>,
    /// Segments that another one hides, or whose head is damaged.
    pub idle: Vec<String>,
    /// Behind the last whole entry.
    pub end: u64,
    /// Stamp of that entry.
    pub stamp: Timestamp,
    /// Greatest attempt so far.
    pub attempt: u32,
    /// Files that end within an entry, or whose head cannot be read.
    pub torn: u64,
    /// Bytes behind the last whole entry.
    pub torn_bytes: u64,
}

/// Looks through a folder; `from` is a position that the journal has reached for certain.
pub fn find<D: Disk>(disk: &D, from: u64) -> Result<Found, OpenError> {
    let mut found = Found { end: from, ..Found::default() };
    let mut names = disk.list().map_err(OpenError::Disk)?;
    names.retain(|name| is_segment(name));
    names.sort();
    let mut heads: Vec<Head> = Vec::new();
    for name in names {
        let bytes = disk.read(&name, 0, HEAD).map_err(OpenError::Disk)?;
        match Head::read(&name, &bytes)? {
            Some(head) if head.name() == name => {
                found.attempt = found.attempt.max(head.attempt);
                match heads.last() {
                    Some(last) if last.base == head.base => {
                        found.idle.push(last.name());
                        heads.pop();
                    }
                    _ => {}
                }
                heads.push(head);
            }
            _ => {
                found.torn += 1;
                found.idle.push(name);
            }
        }
    }
    let until = heads.iter().skip(1).map(|next| next.base);
    found.segments =
        heads.iter().zip(until).map(|(head, until)| Segment { head: *head, until }).collect();
    if let Some(last) = heads.last() {
        let (until, stamp, left) = whole(disk, *last)?;
        found.segments.push(Segment { head: *last, until });
        found.stamp = stamp.max(last.begun);
        found.torn += u64::from(left > 0);
        found.torn_bytes = left;
        found.end = found.end.max(until);
    }
    Ok(found)
}

/// Where the whole entries of a segment end, the last one's stamp, and the bytes behind.
fn whole<D: Disk>(disk: &D, head: Head) -> Result<(u64, Timestamp, u64), OpenError> {
    let bytes = disk.read(&head.name(), HEAD as u64, usize::MAX).map_err(OpenError::Disk)?;
    let (mut at, mut stamp) = (0, Timestamp(0));
    loop {
        match next(&bytes, at, head.base)? {
            Some((entry, used)) => {
                stamp = stamp.max(entry.receipt.stamp);
                at += used;
            }
            None => return Ok((head.base + at as u64, stamp, (bytes.len() - at) as u64)),
        }
    }
}

/// The entry at an offset of a segment's entries and the bytes it takes; `None` = none that is whole.
pub(super) fn next(
    bytes: &Bytes,
    at: usize,
    base: u64,
) -> Result<Option<(crate::log::Entry, usize)>, OpenError> {
    if at >= bytes.len() {
        return Ok(None);
    }
    match read_frame(&bytes.slice(at..), Position(base + at as u64)) {
        Ok(found) => Ok(Some(found)),
        Err(FrameError::Torn | FrameError::Damaged) => Ok(None),
        Err(FrameError::TooNew(oldest_reader)) => Err(OpenError::TooNew {
            file: format!("the entry at {}", base + at as u64),
            format: oldest_reader,
            oldest_reader,
        }),
    }
}
