//! The sequences of one producer and shard: which of the latest 65,536 have come.
//!
//! Without holes it is two numbers; with holes a ring of bits (8 KiB), given up when the last hole is
//! filled. A hole that leaves the window is told: it never came.

use super::{Before, Verdict};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Sequences that a window reaches back, the highest included.
pub const WINDOW: u64 = 65_536;
const WORDS: usize = (WINDOW / 64) as usize;

/// Told of each run of sequences that never came.
type Tell<'a> = &'a mut dyn FnMut(RangeInclusive<u64>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Window {
    highest: u64,
    /// The lowest sequence that is missed if it does not come.
    first: u64,
    /// Sequences between `first` (or the window's low end) and `highest` that have not come.
    holes: u64,
    /// By sequence modulo [`WINDOW`]; empty while there are no holes.
    bits: Vec<u64>,
}

impl Window {
    /// A window whose first batch is `sequence`.
    pub(super) fn new(sequence: u64, before: Before, tell: Tell<'_>) -> Self {
        let mut window = Self { highest: sequence, first: sequence, holes: 0, bits: Vec::new() };
        if before == Before::Nothing && sequence > 1 {
            (window.highest, window.first) = (0, 1);
            window.advance(sequence, tell);
        }
        window
    }

    pub(super) fn see(&mut self, sequence: u64, tell: Tell<'_>) -> Verdict {
        if sequence > self.highest {
            self.advance(sequence, tell);
            return Verdict::Fresh;
        }
        if self.highest - sequence >= WINDOW {
            return Verdict::Stale;
        }
        if self.has(sequence) {
            return Verdict::Duplicate;
        }
        self.fill();
        self.set(sequence, true);
        if sequence < self.first {
            // What lies between is missed from now on: the producer had begun earlier.
            self.holes += self.first - sequence - 1;
            self.first = sequence;
        } else {
            self.holes -= 1;
        }
        self.settle();
        Verdict::Fresh
    }

    /// Sequences missed and still awaited.
    pub(super) fn missing(&self) -> u64 {
        self.holes
    }

    /// Tells every hole.
    pub(super) fn holes(&self, tell: Tell<'_>) {
        if self.holes > 0 {
            let mut run = Run { open: None, tell };
            (self.low()..=self.highest).filter(|s| !self.has(*s)).for_each(|s| run.add(s));
            run.end();
        }
    }

    /// The lowest sequence that is inside and missed if it does not come.
    fn low(&self) -> u64 {
        self.first.max(self.highest.saturating_sub(WINDOW - 1))
    }

    fn has(&self, sequence: u64) -> bool {
        match self.bits.get((sequence % WINDOW / 64) as usize) {
            Some(word) => word >> (sequence % 64) & 1 == 1,
            None => sequence >= self.first,
        }
    }

    fn set(&mut self, sequence: u64, has: bool) {
        if let Some(word) = self.bits.get_mut((sequence % WINDOW / 64) as usize) {
            *word = *word & !(1 << (sequence % 64)) | u64::from(has) << (sequence % 64);
        }
    }

    /// Makes the bits, where there are none.
    fn fill(&mut self) {
        if self.bits.len() != WORDS {
            let came = self.low()..=self.highest;
            self.bits = vec![0; WORDS];
            came.for_each(|s| self.set(s, true));
        }
    }

    /// Gives the bits up, where nothing is missed.
    fn settle(&mut self) {
        if self.holes == 0 {
            self.bits = Vec::new();
        }
    }

    fn advance(&mut self, to: u64, tell: Tell<'_>) {
        if self.bits.is_empty() && to - self.highest == 1 {
            self.highest = to;
            return;
        }
        if to - self.highest >= WINDOW {
            self.holes(tell);
            let over = self.highest.max(self.first.saturating_sub(1)) + 1;
            if over <= to - WINDOW {
                tell(over..=to - WINDOW);
            }
            self.bits = vec![0; WORDS];
            self.highest = to;
            self.set(to, true);
            self.holes = to - self.low();
            self.settle();
            return;
        }
        self.fill();
        let mut run = Run { open: None, tell };
        for s in self.highest + 1..=to {
            // The bit of what leaves is the bit of what comes.
            if s >= WINDOW && s - WINDOW >= self.first && !self.has(s) {
                run.add(s - WINDOW);
                self.holes -= 1;
            }
            self.set(s, s == to);
            self.holes += u64::from(s != to);
        }
        run.end();
        self.highest = to;
        self.settle();
    }
}

/// Single sequences put together to runs.
struct Run<'a> {
    open: Option<(u64, u64)>,
    tell: Tell<'a>,
}

impl Run<'_> {
    fn add(&mut self, s: u64) {
        match &mut self.open {
            Some((_, last)) if *last + 1 == s => *last = s,
            _ => {
                self.end();
                self.open = Some((s, s));
            }
        }
    }

    fn end(&mut self) {
        if let Some((first, last)) = self.open.take() {
            (self.tell)(first..=last);
        }
    }
}
