//! Closed windows, in tiers by merging: 10 s for 2 h, 1 min for 1 day, 1 h for 14 days.
//!
//! Nothing here judges what the windows hold.

use longpole_model::signal::{SECOND, Window, WindowSummary};
use std::collections::VecDeque;

/// Widths of the coarser tiers in nanoseconds and how many of their windows are kept.
const TIERS: [(u64, usize); 2] = [(60 * SECOND, 24 * 60), (3_600 * SECOND, 14 * 24)];

/// Everything closed so far, coarser with age.
#[derive(Debug)]
pub struct History {
    fine: VecDeque<WindowSummary>,
    keep: usize,
    coarse: [VecDeque<WindowSummary>; TIERS.len()],
    /// Everything ever closed, merged: the totals.
    totals: WindowSummary,
    windows: u64,
}

impl History {
    /// An empty history that keeps `keep` windows at full resolution.
    pub fn new(keep: usize) -> Self {
        Self {
            fine: VecDeque::new(),
            keep: keep.max(1),
            coarse: Default::default(),
            totals: WindowSummary::default(),
            windows: 0,
        }
    }

    /// Adds the next window.
    pub fn push(&mut self, summary: WindowSummary) {
        self.windows += 1;
        self.totals.merge(&summary);
        self.fine.push_back(summary);
        if self.fine.len() <= self.keep {
            return;
        }
        let mut falling = self.fine.pop_front();
        for (tier, (width, keep)) in self.coarse.iter_mut().zip(TIERS) {
            let Some(summary) = falling.take() else { return };
            let cell = Window::of(summary.window.start, width, Default::default());
            match tier.back_mut() {
                Some(last) if cell.contains(last.window.start) => last.merge(&summary),
                _ => tier.push_back(summary),
            }
            if tier.len() > keep {
                falling = tier.pop_front();
            }
        }
    }

    /// Windows closed so far.
    pub fn windows(&self) -> u64 {
        self.windows
    }

    /// Everything merged.
    pub fn totals(&self) -> &WindowSummary {
        &self.totals
    }

    /// The last `n` windows, oldest first.
    pub fn latest(&self, n: usize) -> impl Iterator<Item = &WindowSummary> {
        self.fine.iter().skip(self.fine.len().saturating_sub(n))
    }

    /// All windows kept, oldest first, coarse ones before fine ones.
    pub fn iter(&self) -> impl Iterator<Item = &WindowSummary> {
        self.coarse.iter().rev().flatten().chain(&self.fine)
    }

    /// Windows that lie wholly inside `stretch`, oldest first.
    pub fn within(&self, stretch: Window) -> impl Iterator<Item = &WindowSummary> {
        self.iter().filter(move |w| stretch.encloses(w.window))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longpole_model::signal::Timestamp;

    #[test]
    fn old_windows_get_coarse_and_none_is_lost() {
        let mut h = History::new(6);
        for i in 0..100 {
            let window = Window::of(Timestamp(i * 10 * SECOND), 10 * SECOND, Timestamp(0));
            let mut w = WindowSummary::empty(window);
            w.tally.traces = 1;
            h.push(w);
        }
        let seen: u64 = h.iter().map(|w| w.tally.traces).sum();
        assert_eq!((seen, h.windows(), h.totals().tally.traces), (100, 100, 100));
        let lengths: Vec<u64> = h.iter().map(|w| w.window.length() / SECOND).collect();
        assert_eq!(lengths[..2], [60, 60]);
        assert_eq!(lengths[lengths.len() - 6..], [10; 6]);
        let starts: Vec<_> = h.iter().map(|w| w.window.start).collect();
        assert!(starts.is_sorted());
    }
}
