//! Closed windows, in tiers by merging: 10 s for 2 h, 1 min for 1 day, 1 h for 14 days, all of it
//! within a budget of bytes: above it windows fall into the coarser tier sooner, and the oldest go.
//!
//! Nothing here judges what the windows hold.

use super::totals::Gross;
use longpole_model::signal::{SECOND, Tally, Window, WindowSummary};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Widths of the coarser tiers in nanoseconds and how many of their windows are kept.
const TIERS: [(u64, usize); 2] = [(60 * SECOND, 24 * 60), (3_600 * SECOND, 14 * 24)];

/// Windows at full resolution that the budget leaves alone: what is compared at least.
const LEAST: usize = 12;

/// Everything closed so far, coarser with age.
#[derive(Debug, Serialize, Deserialize)]
pub struct History {
    fine: VecDeque<Kept>,
    keep: usize,
    coarse: [VecDeque<Kept>; TIERS.len()],
    budget: usize,
    /// Like a window's: what it takes here is not what it takes where it is read back.
    #[serde(skip)]
    bytes: usize,
    dropped: u64,
    /// What was ever closed: window and tally, and where it is [`History::summing`] all rows, profiles
    /// left out.
    totals: WindowSummary,
    /// Whether sketches of everything are wanted: they cost what a window costs, each window.
    #[serde(skip)]
    summing: bool,
    /// The same as a scrape reads it.
    gross: Gross,
    windows: u64,
}

/// A window and the bytes it holds.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    summary: WindowSummary,
    #[serde(skip)]
    bytes: usize,
}

impl Kept {
    fn new(mut summary: WindowSummary) -> Self {
        // The placebo's halves have been compared: as one they take less.
        for (_, red) in &mut summary.red {
            let [whole, other] = &mut red.halves;
            whole.absorb(std::mem::take(other));
        }
        Self { bytes: summary.heap_bytes(), summary }
    }

    fn merge(&mut self, other: &WindowSummary) {
        self.summary.merge(other);
        self.bytes = self.summary.heap_bytes();
    }
}

impl History {
    /// An empty history that keeps `keep` windows at full resolution, and `budget` bytes in all.
    pub fn new(keep: usize, budget: usize) -> Self {
        Self {
            fine: VecDeque::new(),
            keep: keep.max(1),
            coarse: Default::default(),
            budget,
            bytes: 0,
            dropped: 0,
            totals: WindowSummary::default(),
            summing: false,
            gross: Gross::default(),
            windows: 0,
        }
    }

    /// Keeps sums of all rows as well, for who asks for the distribution of everything.
    pub fn summing(mut self) -> Self {
        self.summing = true;
        self
    }

    /// Takes over another's caps, and measures what was read back.
    pub fn adopt(&mut self, other: &Self) {
        (self.keep, self.budget, self.summing) = (other.keep, other.budget, other.summing);
        if !self.summing {
            let counts = std::mem::take(&mut self.totals);
            self.totals.merge_counts(&counts);
        }
        let all = self.coarse.iter_mut().flatten().chain(&mut self.fine);
        self.bytes = all.fold(0, |sum, kept| {
            kept.bytes = kept.summary.heap_bytes();
            sum + kept.bytes
        });
    }

    /// Adds the next window.
    pub fn push(&mut self, summary: WindowSummary) {
        self.windows += 1;
        // Halves that are one have fewer buckets to count.
        let kept = Kept::new(summary);
        self.count(&kept.summary);
        self.bytes += kept.bytes;
        self.fine.push_back(kept);
        while self.fine.len() > self.keep || self.bytes > self.budget && self.fine.len() > LEAST {
            let Some(oldest) = self.fine.pop_front() else { break };
            self.fall(oldest);
        }
        while self.bytes > self.budget {
            let oldest = self.coarse.iter_mut().rev().find_map(VecDeque::pop_front);
            let Some(oldest) = oldest else { break };
            self.bytes -= oldest.bytes;
            self.dropped += 1;
        }
    }

    /// Adds to the totals what belongs to a window that has been taken.
    pub fn count(&mut self, late: &WindowSummary) {
        match self.summing {
            true => self.totals.merge_totals(late),
            false => self.totals.merge_counts(late),
        }
        self.gross.add(late);
    }

    /// Moves a window into the first coarser tier, and what has no room there into the next.
    fn fall(&mut self, oldest: Kept) {
        let mut falling = Some(oldest);
        for (tier, (width, keep)) in self.coarse.iter_mut().zip(TIERS) {
            let Some(kept) = falling.take() else { return };
            let cell = Window::of(kept.summary.window.start, width, Default::default());
            match tier.back_mut() {
                Some(last) if cell.contains(last.summary.window.start) => {
                    self.bytes -= kept.bytes + last.bytes;
                    last.merge(&kept.summary);
                    self.bytes += last.bytes;
                }
                _ => tier.push_back(kept),
            }
            if tier.len() > keep {
                falling = tier.pop_front();
            }
        }
        if let Some(gone) = falling {
            self.bytes -= gone.bytes;
        }
    }

    /// Bytes held by closed windows, totals apart.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Coarse windows that had to go before their time.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Windows closed so far.
    pub fn windows(&self) -> u64 {
        self.windows
    }

    /// Window and tally of everything.
    pub fn covers(&self) -> (Window, &Tally) {
        (self.totals.window, &self.totals.tally)
    }

    /// Everything merged, profiles and faults left out; `None` unless it is [`History::summing`].
    pub fn totals(&self) -> Option<&WindowSummary> {
        self.summing.then_some(&self.totals)
    }

    /// Everything ever closed as a scrape reads it.
    pub fn gross(&self) -> &Gross {
        &self.gross
    }

    /// The last `n` windows, oldest first.
    pub fn latest(&self, n: usize) -> impl Iterator<Item = &WindowSummary> {
        self.fine.iter().skip(self.fine.len().saturating_sub(n)).map(|k| &k.summary)
    }

    /// All windows kept, oldest first, coarse ones before fine ones.
    pub fn iter(&self) -> impl Iterator<Item = &WindowSummary> {
        self.coarse.iter().rev().flatten().chain(&self.fine).map(|k| &k.summary)
    }

    /// Windows that lie wholly inside `stretch`, oldest first.
    pub fn within(&self, stretch: Window) -> impl Iterator<Item = &WindowSummary> {
        self.iter().filter(move |w| stretch.encloses(w.window))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longpole_model::signal::{OperationId, RedKey, RedSummary, Timestamp, VersionId};

    #[test]
    fn old_windows_get_coarse_and_none_is_lost() {
        let mut h = History::new(6, usize::MAX).summing();
        for i in 0..100 {
            let window = Window::of(Timestamp(i * 10 * SECOND), 10 * SECOND, Timestamp(0));
            let mut w = WindowSummary::empty(window);
            w.tally.traces = 1;
            h.push(w);
        }
        let seen: u64 = h.iter().map(|w| w.tally.traces).sum();
        let totals = h.totals().expect("summing").tally.traces;
        assert_eq!((seen, h.windows(), totals), (100, 100, 100));
        let lengths: Vec<u64> = h.iter().map(|w| w.window.length() / SECOND).collect();
        assert_eq!(lengths[..2], [60, 60]);
        assert_eq!(lengths[lengths.len() - 6..], [10; 6]);
        let starts: Vec<_> = h.iter().map(|w| w.window.start).collect();
        assert!(starts.is_sorted());
    }

    #[test]
    fn the_budget_holds_and_the_latest_windows_stay() {
        let mut h = History::new(720, 100_000);
        for i in 0..2_000 {
            let window = Window::of(Timestamp(i * 10 * SECOND), 10 * SECOND, Timestamp(0));
            let mut w = WindowSummary::empty(window);
            // New names in each window: merging saves nothing.
            for n in 0..20 {
                let id = OperationId(20 * i as u32 + n);
                let key = RedKey { operation: id, version: VersionId::NONE };
                w.red.push((key, RedSummary::default()));
            }
            h.push(w);
            assert!(h.bytes() <= 100_000, "{}", h.bytes());
        }
        assert!(h.totals().is_none());
        let kept: usize = h.iter().map(WindowSummary::heap_bytes).sum();
        assert_eq!(kept, h.bytes());
        assert!(h.dropped() > 0 && h.latest(12).all(|w| w.window.length() == 10 * SECOND));
        assert_eq!(h.windows(), 2_000);
    }
}
