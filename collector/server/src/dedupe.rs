//! What came before: recognises a batch that arrives a second time, and names what never came.
//!
//! Pure: state in, verdict out; no file, clock or socket, so that the same log gives the same verdicts
//! wherever it is read. A producer that numbers its batches is judged by its numbers ([`Dedupe`]); one
//! that does not, by what its request holds ([`Fingerprints`]); what a door cut, by its parts ([`Parts`]). Who reads the numbers from a header or
//! a stream is not told here, nor what a duplicate does to a counter.
//!
//! **When it is full**: the window that was used least recently makes room. What it still missed is
//! named then, and the window is counted as forgotten; a late resend of that producer counts again.

mod fingerprints;
mod parts;
#[cfg(test)]
mod tests;
mod window;

pub use fingerprints::{Fingerprint, Fingerprints};
pub use parts::{Part, Parts};
pub use window::WINDOW;

use crate::log::Producer;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use window::Window;

/// Windows kept unless told otherwise: producers times shards. With holes one takes 8 KiB.
pub const WINDOWS: usize = 4_096;
/// Gaps that are listed; all of them are counted.
const LISTED: usize = 256;

/// What a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has not been here.
    Fresh,
    /// It has been here: acknowledged, and counted as a duplicate.
    Duplicate,
    /// Older than the window: nobody knows whether it has been here. It is refused and counted, not
    /// added.
    Stale,
}

/// Sequences of a producer and shard that never came, ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Instance of the producing process.
    pub producer: [u8; 16],
    /// Shard of the batches.
    pub shard: u32,
    /// The first that is missing.
    pub first: u64,
    /// The last that is missing.
    pub last: u64,
}

/// Batches by their fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// New ones.
    pub fresh: u64,
    /// Seen before.
    pub duplicate: u64,
    /// Older than the window.
    pub stale: u64,
    /// Sequences that left their window without having come.
    pub missing: u64,
    /// Windows that had to go for others.
    pub forgotten: u64,
}

/// What is known of a producer's shard before its first batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Before {
    /// Earlier batches may have gone to another collector: nothing is missed that lies before the first
    /// one seen here.
    Unknown,
    /// Whoever writes here began here, at 1: what lies before the first one seen is missed, too.
    Nothing,
}

type Key = ([u8; 16], u32);

/// The sequence windows of all producers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dedupe {
    cap: usize,
    before: Before,
    windows: BTreeMap<Key, Used>,
    /// By last use.
    order: BTreeMap<u64, Key>,
    uses: u64,
    counted: Counted,
    gaps: VecDeque<Gap>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Used {
    at: u64,
    window: Window,
}

impl Default for Dedupe {
    fn default() -> Self {
        Self::new(WINDOWS, Before::Unknown)
    }
}

impl Dedupe {
    /// Keeps at most `cap` windows.
    pub fn new(cap: usize, before: Before) -> Self {
        Self {
            cap: cap.max(1),
            before,
            windows: BTreeMap::new(),
            order: BTreeMap::new(),
            uses: 0,
            counted: Counted::default(),
            gaps: VecDeque::new(),
        }
    }

    /// Judges a batch, and remembers it.
    pub fn see(&mut self, batch: Producer) -> Verdict {
        let key = (batch.id, batch.shard);
        self.uses += 1;
        let mut missed = Vec::new();
        let verdict = match self.windows.get_mut(&key) {
            Some(used) => {
                self.order.remove(&used.at);
                used.at = self.uses;
                used.window.see(batch.sequence, &mut |gap| missed.push(gap))
            }
            None => {
                self.make_room();
                let window = Window::new(batch.sequence, self.before, &mut |gap| missed.push(gap));
                self.windows.insert(key, Used { at: self.uses, window });
                Verdict::Fresh
            }
        };
        self.order.insert(self.uses, key);
        missed.into_iter().for_each(|gap| self.name(key, gap));
        match verdict {
            Verdict::Fresh => self.counted.fresh += 1,
            Verdict::Duplicate => self.counted.duplicate += 1,
            Verdict::Stale => self.counted.stale += 1,
        }
        verdict
    }

    fn make_room(&mut self) {
        while self.windows.len() >= self.cap {
            let Some((_, key)) = self.order.pop_first() else { return };
            let Some(used) = self.windows.remove(&key) else { return };
            self.counted.forgotten += 1;
            let mut missed = Vec::new();
            used.window.holes(&mut |gap| missed.push(gap));
            missed.into_iter().for_each(|gap| self.name(key, gap));
        }
    }

    fn name(&mut self, (producer, shard): Key, missing: RangeInclusive<u64>) {
        let (first, last) = missing.into_inner();
        let many = last.saturating_sub(first).saturating_add(1);
        self.counted.missing = self.counted.missing.saturating_add(many);
        match self.gaps.back_mut() {
            // Holes leave one by one: what lies side by side is one gap.
            Some(g) if (g.producer, g.shard) == (producer, shard) && g.last + 1 == first => {
                g.last = last;
            }
            _ => self.gaps.push_back(Gap { producer, shard, first, last }),
        }
        while self.gaps.len() > LISTED {
            self.gaps.pop_front();
        }
    }

    /// Batches by their fate so far.
    pub fn counted(&self) -> Counted {
        self.counted
    }

    /// The latest gaps, oldest first.
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        self.gaps.iter()
    }

    /// Sequences that have not come and still may: inside of their windows.
    pub fn awaited(&self) -> u64 {
        self.windows.values().map(|used| used.window.missing()).sum()
    }

    /// Windows held.
    pub fn windows(&self) -> usize {
        self.windows.len()
    }
}
