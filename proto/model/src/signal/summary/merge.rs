//! Summaries put together: a window's parts, and windows to longer stretches. In any order to the same
//! rows.

use super::{RedSummary, SeriesSummary, SiteSummary, WindowSummary, rows};
use crate::signal::{EdgeSummary, EntryValue, Gather, PathValue, Window};

impl WindowSummary {
    /// All of them as one; what rows hold is moved, not copied.
    pub fn merged(parts: Vec<Self>) -> Self {
        let mut out = Self::default();
        let (mut red, mut late, mut sites, mut edges) = (vec![], vec![], vec![], vec![]);
        let (mut entries, mut paths, mut series, mut faults) = (vec![], vec![], vec![], vec![]);
        for part in parts {
            out.reach(part.window);
            out.tally.merge(&part.tally);
            out.missing_shards = out.missing_shards.saturating_add(part.missing_shards);
            red.push(part.red);
            late.push(part.late);
            entries.push(part.entries);
            paths.push(part.paths);
            sites.push(part.sites);
            edges.push(part.edges);
            series.push(part.series);
            faults.push(part.faults);
        }
        let mut gather = Gather::default();
        out.red = rows::merged(red, |a, all| RedSummary::join(a, all, &mut gather));
        out.late = rows::merged(late, |a, all| RedSummary::join(a, all, &mut gather));
        out.entries = rows::merged(entries, |a, all| all.iter().for_each(|b| a.merge(b)));
        out.paths = rows::merged(paths, |a, all| all.iter().for_each(|b| a.merge(b)));
        out.sites = rows::merged(sites, |a, all| SiteSummary::join(a, all, &mut gather));
        out.edges = rows::merged(edges, |a, all| EdgeSummary::join(a, all, &mut gather));
        out.series = rows::merged(series, |a, all| all.iter().for_each(|b| a.merge(b)));
        let sum = |a: &mut u64, all: &mut [&mut u64]| {
            all.iter().for_each(|b| *a = a.saturating_add(**b));
        };
        out.faults = rows::merged(faults, sum);
        out
    }

    /// Adds another summary; the window becomes the hull of both. Order does not matter.
    pub fn merge(&mut self, other: &Self) {
        self.merge_totals(other);
        rows::merge(&mut self.entries, &other.entries, EntryValue::merge);
        rows::merge(&mut self.paths, &other.paths, PathValue::merge);
        rows::merge(&mut self.faults, &other.faults, |a, b| *a = a.saturating_add(*b));
    }

    /// Adds of another summary what totals are made of: everything but profiles and faults.
    pub fn merge_totals(&mut self, other: &Self) {
        self.merge_counts(other);
        rows::merge(&mut self.red, &other.red, RedSummary::merge);
        rows::merge(&mut self.late, &other.late, RedSummary::merge);
        rows::merge(&mut self.sites, &other.sites, SiteSummary::merge);
        rows::merge(&mut self.edges, &other.edges, EdgeSummary::merge);
        rows::merge(&mut self.series, &other.series, SeriesSummary::merge);
    }

    /// Adds what it covers and counts, and no row.
    pub fn merge_counts(&mut self, other: &Self) {
        self.reach(other.window);
        self.tally.merge(&other.tally);
        self.missing_shards = self.missing_shards.saturating_add(other.missing_shards);
    }

    /// Makes the window the hull of itself and another.
    fn reach(&mut self, window: Window) {
        if window.length() == 0 {
            return;
        }
        if self.window.length() == 0 {
            self.window = window;
        }
        self.window.start = self.window.start.min(window.start);
        self.window.end = self.window.end.max(window.end);
    }
}
