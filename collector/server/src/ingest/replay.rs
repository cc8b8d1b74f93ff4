//! The replay door: recordings in files, folders and standard input become batches in time order.
//!
//! Each file is a stream of messages, decoded one ahead; files are merged by time. Decoding is
//! [`super::otlp`]'s; what a batch means is the core's.

mod documents;
mod find;
mod frames;
mod note;
mod open;
mod source;

pub use note::{Note, Place};

use super::otlp::DecodeLimits;
use longpole_model::signal::{Batch, ReasonCounts, Rejections, Timestamp};
use note::Notes;
use source::Source;
use std::path::{Path, PathBuf};

/// Why a replay cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// No path was given.
    #[error("nothing to replay: name files, folders, or - for standard input")]
    Nothing,
    /// A path is not there.
    #[error("no such file or folder: {}", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// A folder holds no recording.
    #[error(
        "no recording in {}: looked for .binpb, .json and .jsonl files (also .zst, .gz) that \
         hold spans, metrics or logs",
        path.display()
    )]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// More files than can be open at a time.
    #[error(
        "{files} files: at most {MOST_FILES} are merged at a time. Replay a part of them, or \
         concatenate length-prefixed files."
    )]
    TooMany {
        /// Found.
        files: usize,
    },
    /// Standard input was named twice.
    #[error("standard input (-) can be read once only")]
    InputTwice,
    /// A path cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Files that are open at a time: systems give a process 1,024 by default.
const MOST_FILES: usize = 900;

/// One decoded message of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// What it holds.
    pub batch: Batch,
    /// What was refused or mended in it.
    pub rejections: Rejections,
    /// The message as it stood in the file, decompressed.
    pub payload: Vec<u8>,
    /// Index into [`Replay::files`].
    pub file: usize,
}

/// A recording being read: an iterator over its messages in time order.
///
/// Files are merged by the latest time of their next message, made monotone within a file; of equal
/// times the file named first goes first. Memory holds one decoded message per file.
#[derive(Debug)]
pub struct Replay {
    sources: Vec<Source>,
    files: Vec<PathBuf>,
    total: Option<u64>,
    notes: Notes,
    requests: ReasonCounts,
}

impl Replay {
    /// Opens files, folders (all recordings in them, recursively, in order of their paths) and `-`
    /// (standard input), with the default limits.
    pub fn open<P: AsRef<Path>>(paths: &[P]) -> Result<Self, ReplayError> {
        Self::open_with(paths, &DecodeLimits::default())
    }

    /// Opens with other limits.
    pub fn open_with<P: AsRef<Path>>(
        paths: &[P],
        limits: &DecodeLimits,
    ) -> Result<Self, ReplayError> {
        let mut notes = Notes::default();
        let files = find::recordings(paths, &mut notes)?;
        if files.len() > MOST_FILES {
            return Err(ReplayError::TooMany { files: files.len() });
        }
        let mut sources = Vec::with_capacity(files.len());
        let mut total = Some(0u64);
        for (index, path) in files.iter().enumerate() {
            let opened = open::open(path)?;
            total = total.zip(opened.length).map(|(sum, length)| sum + length);
            sources.push(Source::new(index, opened, limits));
        }
        Ok(Self { sources, files, total, notes, requests: ReasonCounts::default() })
    }

    /// The files that are read, in order.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// What was odd or unreadable so far; at most a hundred, and how many more there were.
    pub fn notes(&self) -> (&[Note], u64) {
        self.notes.all()
    }

    /// Messages and lines that could not be read so far, by reason.
    pub fn requests(&self) -> ReasonCounts {
        self.requests
    }

    /// Bytes read so far, compressed as they lie on disk, and how many there are; `None` when
    /// standard input is among them.
    pub fn progress(&self) -> (u64, Option<u64>) {
        (self.sources.iter().map(Source::bytes_read).sum(), self.total)
    }

    fn earliest(&mut self) -> Option<usize> {
        let mut first: Option<(Timestamp, usize)> = None;
        for (index, source) in self.sources.iter_mut().enumerate() {
            let Some(time) = source.peek(&self.files, &mut self.notes, &mut self.requests) else {
                continue;
            };
            if first.is_none_or(|(t, _)| time < t) {
                first = Some((time, index));
            }
        }
        first.map(|(_, index)| index)
    }
}

impl Iterator for Replay {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        let index = self.earliest()?;
        self.sources.get_mut(index)?.take()
    }
}
