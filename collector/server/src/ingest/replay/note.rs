//! What a replay has to say about its files: problems and choices, each with its place.

use longpole_model::signal::Reason;
use std::fmt;

/// Notes kept; more are only counted.
const KEPT: usize = 100;

/// Where in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    File,
    /// A byte offset after decompression.
    Byte(u64),
    /// A line, from 1.
    Line(u64),
}

/// Something worth saying about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The file.
    pub file: String,
    /// Where in it.
    pub place: Place,
    /// What an unreadable part was counted under; `None` for a choice that lost nothing.
    pub reason: Option<Reason>,
    /// What, why likely, and what to do.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::File => write!(f, "{}: {}", self.file, self.text),
            Place::Byte(at) => write!(f, "{}, byte {at}: {}", self.file, self.text),
            Place::Line(n) => write!(f, "{}, line {n}: {}", self.file, self.text),
        }
    }
}

/// The first notes, and how many more there were.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    kept: Vec<Note>,
    more: u64,
}

impl Notes {
    pub(super) fn add(&mut self, note: Note) {
        if self.kept.len() < KEPT {
            self.kept.push(note);
        } else {
            self.more += 1;
        }
    }

    pub(super) fn all(&self) -> (&[Note], u64) {
        (&self.kept, self.more)
    }
}

/// A part of a file that could not be read.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) place: Place,
    pub(super) reason: Reason,
    pub(super) text: String,
}
