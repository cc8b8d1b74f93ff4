//! A stretch of windows, whole and in blocks.
//!
//! Blocks of the baseline give each signal its own spread: how much it moves when nothing is wrong.

use super::Population;
use longpole_model::signal::{
    OperationId, SECOND, Scope, SeriesId, SeriesSummary, Timestamp, Window, WindowSummary,
};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Windows of a stretch, merged as a whole and in blocks of a minute.
#[derive(Clone, Debug, Default)]
pub struct Stretch {
    /// Everything merged.
    pub all: WindowSummary,
    /// Blocks, oldest first.
    pub blocks: Vec<WindowSummary>,
    /// What metric series did in each window, oldest first. The rest of a window is in its block: at ten
    /// thousand operations one is tens of megabytes.
    pub windows: Vec<(Window, Vec<(SeriesId, SeriesSummary)>)>,
    /// When the first window began in which each operation served. Before it nobody had asked yet (a start), or
    /// traces had not settled: that time says nothing of how often it is asked.
    pub begun: BTreeMap<OperationId, Timestamp>,
}

/// Length of a block: long enough to hold a few requests of a quiet service, short enough that a
/// quarter of an hour gives a spread.
pub const BLOCK: u64 = 60 * SECOND;

impl Stretch {
    /// From windows in order of time: whole ones, or what of them concerns a population.
    pub fn new<'a>(
        windows: impl Iterator<Item = &'a WindowSummary>,
        population: Option<&Population>,
    ) -> Self {
        let mut out = Self::default();
        let mut begin = None;
        for w in windows {
            let origin = *begin.get_or_insert(w.window.start);
            let cell = Window::of(w.window.start, BLOCK, origin);
            out.windows.push((w.window, w.series.clone()));
            let w = population.map_or(Cow::Borrowed(w), |p| Cow::Owned(p.narrow(w)));
            for (key, _) in w.entries.iter().filter(|(k, _)| k.scope == Scope::Segment) {
                out.begun.entry(key.operation).or_insert(w.window.start);
            }
            match out.blocks.last_mut() {
                Some(block) if cell.contains(block.window.start) => block.merge(&w),
                _ => out.blocks.push(w.into_owned()),
            }
        }
        for block in &out.blocks {
            out.all.merge(block);
        }
        out
    }

    /// The time it covers, first start to last end.
    pub fn covers(&self) -> Window {
        self.all.window
    }

    /// Its length in seconds, at least a nanosecond.
    pub fn seconds(&self) -> f64 {
        self.covers().seconds().max(1e-9)
    }
}
