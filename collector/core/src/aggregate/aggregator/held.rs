//! What a shard holds open at one place of the log, taken out to be kept: spans of traces that are not
//! settled, traces of which more may come, and what open windows have gathered.
//!
//! Taken over by any number of shards: spans go where their traces go, parts of windows to whoever puts
//! windows together. Only what is needed where the log before that place is to be let go soon.

use super::Aggregator;
use crate::aggregate::open::OpenSpan;
use crate::aggregate::tables::{OpenWindow, RedTable, Sizes};
use longpole_model::signal::{Tally, Timestamp, TraceHash, WindowSummary};
use serde::{Deserialize, Serialize};

/// Bytes that a trace takes which was evaluated.
const EVALUATED: usize = size_of::<(u64, Timestamp)>();

/// What one shard held.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Held {
    spans: Vec<OpenSpan>,
    /// Hashes of traces, and when they were evaluated.
    evaluated: Vec<(u64, Timestamp)>,
    windows: Vec<WindowSummary>,
}

impl Held {
    /// Parts of windows alone: those that were taken over and whose windows are open still.
    pub fn parts(windows: Vec<WindowSummary>) -> Self {
        Self { windows, ..Self::default() }
    }

    /// Its parts of windows, oldest first. The first may stand for counters alone.
    pub fn windows(&self) -> &[WindowSummary] {
        &self.windows
    }
}

impl Aggregator {
    /// What it holds open; `None` where spans and traces would take more than `most` bytes, or where
    /// nothing was closed yet, so that it is not known which window its counters go with.
    pub fn held(&self, most: usize) -> Option<Held> {
        let traces: usize = self.partitions.iter().map(|p| p.evaluated().len()).sum();
        let bytes = self.open * size_of::<OpenSpan>() + traces * EVALUATED;
        if self.closed == Timestamp(0) || bytes > most {
            return None;
        }
        let mut held = Held {
            spans: Vec::with_capacity(self.open),
            evaluated: Vec::with_capacity(traces),
            windows: Vec::new(),
        };
        for partition in &self.partitions {
            partition.open().for_each(|run| held.spans.extend_from_slice(run));
            held.evaluated.extend(partition.evaluated());
        }
        // Counters and late spans go with the window that closes next, whether it is open or not.
        let mut ranks = self.ranks.clone();
        ranks.follow(&self.names);
        let next = self.clock.window_of(self.closed);
        let (late, tally) = (self.late.clone(), self.counters());
        let mut open = self.windows.iter().peekable();
        let first = open.next_if(|w| w.window.start <= next.start).cloned();
        if first.is_some() || late.len() > 0 || tally != Tally::default() {
            let first = first.unwrap_or_else(|| OpenWindow::new(next, Sizes::default()));
            held.windows.push(first.close(late, tally, &ranks));
        }
        let part = |w: &OpenWindow| w.clone().close(RedTable::default(), Tally::default(), &ranks);
        held.windows.extend(open.map(part));
        Some(held)
    }

    /// Counters that no closed window has taken along.
    pub(super) fn counters(&self) -> Tally {
        let mut tally = self.tally.clone();
        tally.overflow_rows += self.windows.overflow_rows;
        tally
    }

    /// Takes over what all shards of an earlier life held of its traces, after [`Self::resume`]. Parts of
    /// windows are not its own.
    pub fn adopt(&mut self, held: &[Held]) {
        let mine = |hash: TraceHash| hash.shard(self.shards) == self.shard;
        for span in held.iter().flat_map(|h| &h.spans).filter(|s| mine(s.trace.hash())) {
            self.partitions[span.trace.hash().partition()].adopt(*span, &mut self.shelf);
            self.open += 1;
        }
        for &(hash, at) in held.iter().flat_map(|h| &h.evaluated) {
            let hash = TraceHash(hash);
            if mine(hash) {
                self.partitions[hash.partition()].adopt_evaluated(hash.0, at);
            }
        }
    }
}
