//! The log of a pipeline: in memory or in files. Which of them decides when a sender hears.

use crate::disk::Folder;
use crate::log::journal::{Figures, Journal};
use crate::log::{AppendError, Log, MemoryLog, Position, Receipt, Record};
use longpole_model::signal::Timestamp;

/// One of the two.
pub enum Kept {
    Memory(MemoryLog),
    Journal(Journal<Folder>),
}

impl Kept {
    /// Whether an entry has to be made durable before it is acknowledged.
    pub fn is_durable(&self) -> bool {
        matches!(self, Self::Journal(_))
    }

    pub fn append(&mut self, record: Record, now: Timestamp) -> Result<Receipt, AppendError> {
        match self {
            Self::Memory(log) => log.append(record, now),
            Self::Journal(log) => log.append(record, now),
        }
    }

    pub fn end(&self) -> Position {
        match self {
            Self::Memory(log) => log.end(),
            Self::Journal(log) => log.end(),
        }
    }

    pub fn oldest(&self) -> Position {
        match self {
            Self::Memory(log) => log.oldest(),
            Self::Journal(log) => log.oldest(),
        }
    }

    /// What was appended and not committed.
    pub fn take_tail(&mut self) -> Vec<(Record, Timestamp)> {
        match self {
            Self::Memory(_) => Vec::new(),
            Self::Journal(log) => log.take_tail(),
        }
    }

    /// Takes back what is not durable.
    pub fn roll_back(&mut self) {
        match self {
            Self::Memory(_) => {}
            Self::Journal(log) => log.roll_back(),
        }
    }

    /// Whether bytes of requests are held in memory for readers.
    pub fn hold(&mut self, holds: bool) {
        match self {
            Self::Memory(log) => log.hold(holds),
            // They are on the disk, and in nobody's way.
            Self::Journal(_) => {}
        }
    }

    /// Whether old entries should go soon.
    pub fn is_tight(&self) -> bool {
        match self {
            Self::Memory(_) => false,
            Self::Journal(log) => log.is_tight(),
        }
    }

    /// Requests whose bytes were not held.
    pub fn given_up(&self) -> u64 {
        match self {
            Self::Memory(log) => log.given_up(),
            Self::Journal(_) => 0,
        }
    }

    /// The last stamp.
    pub fn stamp(&self) -> Timestamp {
        match self {
            Self::Memory(_) => Timestamp(0),
            Self::Journal(log) => log.stamp(),
        }
    }

    /// Requests that left memory for newer ones, and what is on the disk.
    pub fn figures(&self) -> (u64, Option<Figures>) {
        match self {
            Self::Memory(log) => (log.evicted(), None),
            Self::Journal(log) => (0, Some(log.figures())),
        }
    }
}
