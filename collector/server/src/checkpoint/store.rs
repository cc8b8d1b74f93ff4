//! Where checkpoints lie: two generations in turn, each replaced at once or not at all.

use super::{CheckpointError, frame};
use crate::disk::{Disk, Growing};
use std::io::{self, IoSlice};

/// Files of the two generations.
const NAMES: [&str; 2] = ["checkpoint-0", "checkpoint-1"];
/// Where the next one is written before it gets its name.
const DRAFT: &str = "checkpoint-draft";
/// No checkpoint is larger.
const MOST: usize = 4 << 30;

/// The generations in a folder.
#[derive(Debug)]
pub struct Store<D> {
    disk: D,
    generation: u64,
}

/// What was found.
#[derive(Debug)]
pub struct Found<T> {
    /// Newest first; at most two.
    pub whole: Vec<T>,
    /// What is wrong with files that could not be used.
    pub damaged: Vec<String>,
}

impl<D: Disk> Store<D> {
    /// Reads the generations that are there; `read` makes something of a body.
    ///
    /// # Errors
    /// [`CheckpointError::TooNew`], [`CheckpointError::TooOld`]: nothing may be written over it.
    /// [`CheckpointError::Disk`].
    pub fn open<T>(
        disk: D,
        mut read: impl FnMut(&[u8]) -> Result<T, CheckpointError>,
    ) -> Result<(Self, Found<T>), CheckpointError> {
        let (mut whole, mut damaged, mut generation) = (Vec::new(), Vec::new(), 0);
        let there = disk.list().map_err(CheckpointError::Disk)?;
        for name in NAMES.into_iter().filter(|name| there.iter().any(|n| n == name)) {
            let bytes = disk.read(name, 0, MOST).map_err(CheckpointError::Disk)?;
            let one = frame::read(&bytes).and_then(|(n, body)| Ok((n, read(body)?)));
            match one {
                Ok((n, state)) => {
                    generation = generation.max(n);
                    whole.push((n, state));
                }
                Err(e) if e.is_foreign() => return Err(e),
                Err(e) => damaged.push(format!("{name}: {e}")),
            }
        }
        whole.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
        let whole = whole.into_iter().map(|(_, state)| state).collect();
        Ok((Self { disk, generation }, Found { whole, damaged }))
    }

    /// Writes the next generation over the older one: draft, durable, name, durable. Gives back its
    /// bytes.
    ///
    /// # Errors
    /// The system's; the generations that were there are still there.
    pub fn write(&mut self, body: &[u8]) -> io::Result<usize> {
        let generation = self.generation + 1;
        let bytes = frame::write(generation, body);
        let mut draft = self.disk.create(DRAFT)?;
        draft.append(&mut [IoSlice::new(&bytes)])?;
        draft.sync()?;
        self.disk.rename(DRAFT, NAMES[(generation % 2) as usize])?;
        self.disk.sync_names()?;
        self.generation = generation;
        Ok(bytes.len())
    }
}
