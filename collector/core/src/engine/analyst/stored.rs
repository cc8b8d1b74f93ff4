//! What an analyst knows, as a checkpoint keeps it: numbers by the thousand, and words that people read.
//!
//! Apart, because they are stored apart: numbers as narrow as they are, words with the names of their
//! fields. The routing tree and what the command line declared are settings, and not kept.

use super::watch::Pending;
use super::{Alarmed, Analyst, Watch};
use crate::engine::history::History;
use crate::engine::investigations::Book;
use longpole_model::finding::Change;
use longpole_model::signal::Window;
use serde::{Deserialize, Serialize};

/// Closed windows, totals and detectors, lent to be written. Read back as [`Kept`].
#[derive(Debug, Serialize)]
pub struct Numbers<'a> {
    history: &'a History,
    watch: &'a Watch,
    looked: u64,
}

/// [`Numbers`], read back.
#[derive(Debug, Deserialize)]
pub struct Kept {
    history: History,
    watch: Watch,
    looked: u64,
}

/// Investigations, changes, and alarms under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Words {
    book: Book,
    changes: Vec<Change>,
    standing: Vec<Alarmed>,
    pending: Vec<Pending>,
    compared: Option<(Window, Window, bool)>,
}

impl Analyst {
    /// What it knows in numbers.
    pub fn numbers(&self) -> Numbers<'_> {
        Numbers { history: &self.history, watch: &self.watch, looked: self.looked }
    }

    /// What it knows in words.
    pub fn words(&self) -> Words {
        Words {
            book: self.book.clone(),
            changes: self.changes.clone(),
            standing: self.standing.clone(),
            pending: self.watch.alarms().to_vec(),
            compared: self.compared,
        }
    }

    /// Goes on from what an earlier life knew. Caps are those of this one.
    pub fn resume(&mut self, kept: Kept, words: Words) {
        let Kept { mut history, mut watch, looked } = kept;
        history.adopt(&self.history);
        watch.raise(words.pending);
        (self.history, self.watch, self.looked) = (history, watch, looked);
        (self.book, self.changes) = (words.book.capped(&self.book), words.changes);
        (self.standing, self.compared) = (words.standing, words.compared);
    }
}
