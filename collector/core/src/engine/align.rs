//! Windows of several shards become windows of the whole: one is done when every shard has spoken.
//!
//! Silence is an answer, too: between windows with data, and behind them while time goes on, empty
//! ones say "nothing came".

use super::Settings;
use crate::aggregate::{Clock, Closed};
use longpole_model::signal::{Timestamp, WindowSummary};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Empty windows told in a row before silence is stepped over.
const MAX_SILENT: u32 = 360;

/// Puts the shards' windows together, oldest first.
#[derive(Debug)]
pub struct Align {
    grid: Clock,
    /// Up to where each shard has spoken.
    until: Vec<Timestamp>,
    /// What shards have said of each window, by its start.
    pending: BTreeMap<Timestamp, Vec<WindowSummary>>,
    /// Where the next window begins; 0 before the first.
    next: Timestamp,
    silent: u32,
    /// Windows that end before or here have been told in an earlier life.
    floor: Timestamp,
}

/// Up to where windows have been told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Where the next window begins; 0 before the first.
    pub next: Timestamp,
    /// Empty windows told in a row.
    pub silent: u32,
}

impl Align {
    /// For the shards of `settings`.
    pub fn new(settings: &Settings) -> Self {
        Self {
            grid: Clock::new(&settings.limits, settings.origin),
            until: vec![Timestamp(0); settings.shards.max(1) as usize],
            pending: BTreeMap::new(),
            next: Timestamp(0),
            silent: 0,
            floor: Timestamp(0),
        }
    }

    /// Goes on behind windows that were told in an earlier life: what shards say of those again is
    /// left out.
    pub fn resume(settings: &Settings, told: Told) -> Self {
        let Told { next, silent } = told;
        Self { next, silent, floor: next, ..Self::new(settings) }
    }

    /// Up to where windows have been told, while all shards have spoken of the same ones.
    pub fn level(&self) -> Option<Told> {
        let first = self.until.first()?;
        let level = self.until.iter().all(|until| until == first);
        level.then_some(Told { next: self.next, silent: self.silent })
    }

    /// Takes parts of windows that shards of an earlier life had open; of windows told since it leaves
    /// them out.
    pub fn adopt(&mut self, parts: impl IntoIterator<Item = WindowSummary>) {
        for part in parts.into_iter().filter(|p| p.window.end > self.floor) {
            self.pending.entry(part.window.start).or_default().push(part);
        }
    }

    /// Up to where all shards have spoken: what ends before or here is told, or was silent.
    pub fn spoken(&self) -> Timestamp {
        self.until.iter().min().copied().unwrap_or_default()
    }

    /// Takes what a shard says; gives back the windows of which all have spoken now.
    pub fn take(&mut self, shard: usize, closed: Closed) -> Vec<WindowSummary> {
        let Some(until) = self.until.get_mut(shard) else { return Vec::new() };
        *until = closed.until.max(*until);
        for summary in closed.summaries.into_iter().filter(|s| s.window.end > self.floor) {
            self.pending.entry(summary.window.start).or_default().push(summary);
        }
        let until = self.spoken();
        let mut done = Vec::new();
        while let Some(entry) = self.pending.first_entry() {
            if entry.get().iter().any(|s| s.window.end > until) {
                break;
            }
            let summary = WindowSummary::merged(entry.remove());
            self.silence(summary.window.start, &mut done);
            self.silent = 0;
            self.next = summary.window.end;
            done.push(summary);
        }
        // At the end of a recording nobody waits for what does not come.
        if until < Timestamp(u64::MAX) {
            self.silence(until, &mut done);
        }
        done
    }

    /// What was closed by some shards and not by all.
    pub fn pending(&self) -> impl Iterator<Item = &WindowSummary> {
        self.pending.values().flatten()
    }

    fn silence(&mut self, until: Timestamp, done: &mut Vec<WindowSummary>) {
        while self.next > Timestamp(0) && self.silent < MAX_SILENT {
            let window = self.grid.window_of(self.next);
            if window.end > until {
                return;
            }
            self.next = window.end;
            self.silent += 1;
            done.push(WindowSummary::empty(window));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longpole_model::signal::{SECOND, Window};

    fn at(s: u64) -> Timestamp {
        Timestamp(s * SECOND)
    }

    fn closed(until: u64, windows: &[u64]) -> Closed {
        let summary = |&s: &u64| {
            let mut w = WindowSummary::empty(Window { start: at(s), end: at(s + 10) });
            w.tally.traces = 1;
            w
        };
        Closed { until: at(until), summaries: windows.iter().map(summary).collect() }
    }

    fn told(windows: &[WindowSummary]) -> Vec<(u64, u64)> {
        windows.iter().map(|w| (w.window.start.0 / SECOND, w.tally.traces)).collect()
    }

    #[test]
    fn a_window_waits_for_every_shard() {
        let mut align = Align::new(&Settings { shards: 2, ..Settings::default() });
        assert_eq!(told(&align.take(0, closed(120, &[100, 110]))), []);
        assert_eq!(align.pending().count(), 2);
        assert_eq!(told(&align.take(1, closed(110, &[100]))), [(100, 2)]);
        assert_eq!(told(&align.take(1, closed(120, &[]))), [(110, 1)]);
    }

    #[test]
    fn silence_is_told_for_an_hour_and_then_stepped_over() {
        let mut align = Align::new(&Settings::default());
        assert_eq!(told(&align.take(0, closed(50, &[]))), [], "nothing before the first data");
        assert_eq!(told(&align.take(0, closed(110, &[100]))), [(100, 1)]);
        assert_eq!(told(&align.take(0, closed(140, &[130]))), [(110, 0), (120, 0), (130, 1)]);
        assert_eq!(align.take(0, closed(100_000, &[])).len(), MAX_SILENT as usize);
        assert_eq!(told(&align.take(0, closed(200_010, &[200_000]))), [(200_000, 1)]);
        let end = Closed { until: Timestamp(u64::MAX), summaries: Vec::new() };
        assert_eq!(told(&align.take(0, end)), []);
    }
}
