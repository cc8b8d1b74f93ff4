//! The replay door: recordings from files, folders and standard input, merged by time.
//!
//! Memory is bounded: one decoded message per file is held. A broken message, line or file is told
//! and counted, and the rest is still read. Telling what a recording means is not done here.

mod files;
mod source;

use super::otlp::DecodeLimits;
use longpole_model::signal::{Batch, Reason, Rejections, Timestamp};
use source::Source;
use std::path::{Path, PathBuf};

/// Why nothing can be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A path that is not there or cannot be read.
    #[error(
        "cannot read {path}: {error}. Give files or folders of OTLP recordings (.binpb, .json, .jsonl, also .zst or .gz), or - for standard input."
    )]
    Unreadable {
        /// The path.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// A folder without recordings.
    #[error(
        "no recording in {path}: files named .binpb, .json or .jsonl (also with .zst or .gz) are looked for"
    )]
    Empty {
        /// The folder.
        path: String,
    },
    /// More files than can be open at a time.
    #[error(
        "{files} files: at most {limit} are merged at a time. Replay a part of them, or concatenate length-prefixed files."
    )]
    TooMany {
        /// Found.
        files: usize,
        /// Taken.
        limit: usize,
    },
}

/// Something that could not be read; the rest was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// Where in it: `byte 1234` or `line 7`; empty for the file as a whole.
    pub at: String,
    /// Counter label; `None` for a remark that counts nothing.
    pub reason: Option<Reason>,
    /// What happened and what was done about it.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.at.is_empty() {
            true => write!(f, "{}: {}", self.file, self.message),
            false => write!(f, "{}, {}: {}", self.file, self.at, self.message),
        }
    }
}

/// One decoded message.
#[derive(Debug)]
pub struct Item {
    /// What it holds.
    pub batch: Batch,
    /// What was refused in it.
    pub rejections: Rejections,
}

/// Files open at a time.
const MAX_FILES: usize = 900;

/// Recordings being read.
pub struct Replay {
    sources: Vec<Source>,
    /// The next message of each source, with the time it stands for.
    heads: Vec<Option<(Timestamp, Item)>>,
    limits: DecodeLimits,
    problems: Vec<Problem>,
    total: u64,
}

impl Replay {
    /// Opens files, folders (recursively, in order of name) and `-` for standard input.
    ///
    /// # Errors
    /// When a path cannot be read or holds no recording.
    pub fn open(paths: &[PathBuf], limits: DecodeLimits) -> Result<Self, ReplayError> {
        let mut problems = Vec::new();
        let files = files::expand(paths, &mut problems)?;
        if files.len() > MAX_FILES {
            return Err(ReplayError::TooMany { files: files.len(), limit: MAX_FILES });
        }
        let mut sources = Vec::new();
        let mut total = 0;
        for file in files {
            let unreadable =
                |error| ReplayError::Unreadable { path: file.display().to_string(), error };
            let source = if file == Path::new("-") {
                Source::new("standard input", Box::new(std::io::stdin()), &limits)
            } else {
                let handle = std::fs::File::open(&file).map_err(unreadable)?;
                total += handle.metadata().map_err(unreadable)?.len();
                Source::new(&file.display().to_string(), Box::new(handle), &limits)
            };
            sources.push(source);
        }
        let heads = sources.iter().map(|_| None).collect();
        let mut replay = Self { sources, heads, limits, problems, total };
        for i in 0..replay.sources.len() {
            replay.refill(i, Timestamp(0));
        }
        Ok(replay)
    }

    /// The earliest message of all sources; `None` at the end.
    #[allow(clippy::should_implement_trait)] // an iterator could not lend out problems in between
    pub fn next(&mut self) -> Option<Item> {
        let heads = self.heads.iter().enumerate();
        let (i, _) = heads
            .filter_map(|(i, h)| Some((i, h.as_ref()?.0)))
            .min_by_key(|(i, time)| (*time, *i))?;
        let (time, item) = self.heads.get_mut(i)?.take()?;
        self.refill(i, time);
        Some(item)
    }

    /// Problems met since the last call.
    pub fn take_problems(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.problems)
    }

    /// Bytes read and bytes in all, as they lie on disk (standard input: unknown, 0).
    pub fn progress(&self) -> (u64, u64) {
        (self.sources.iter().map(Source::read_bytes).sum(), self.total)
    }

    /// Reads the next message of one source. A source's time never goes back, so that merging keeps
    /// the order of each.
    fn refill(&mut self, i: usize, floor: Timestamp) {
        let (Some(source), Some(head)) = (self.sources.get_mut(i), self.heads.get_mut(i)) else {
            return;
        };
        if let Some((batch, rejections)) = source.next(&self.limits, &mut self.problems) {
            let time = batch.latest().map_or(floor, |t| t.max(floor));
            *head = Some((time, Item { batch, rejections }));
        }
    }
}
