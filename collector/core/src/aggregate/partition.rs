//! Where open spans lie until their traces are settled: 256 hash partitions, visited in turn.
//!
//! When the budget of a partition is full, a hash-chosen half of its traces stays open and stands
//! for both halves by weight; RED has seen every span already. No trace is evaluated here.

use super::group::Scratch;
use super::open::OpenSpan;
use crate::hash::IdHash;
use longpole_model::signal::{Timestamp, TraceId};
use std::collections::HashMap;

/// One of the 256 partitions.
#[derive(Clone, Debug, Default)]
pub struct Partition {
    /// Open spans and, behind them, room for more.
    cells: Vec<OpenSpan>,
    len: usize,
    /// Traces kept: those with `level` zero bits in their hash; each stands for 2^level.
    level: u32,
    /// Hashes of traces evaluated, with the time, until nothing of them can be under way.
    evaluated: HashMap<u64, Timestamp, IdHash>,
}

/// A trace ready for evaluation.
pub struct Settled<'a> {
    /// Its spans, by span id.
    pub spans: &'a mut [OpenSpan],
    /// Factor on every weight, because of traces that could not be kept: 2^level.
    pub scale_bits: u32,
    /// Whether part of this trace was evaluated earlier.
    pub remains: bool,
}

impl Partition {
    fn keeps(&self, trace: TraceId) -> bool {
        // Bits 9.. : independent of partition (0-7), placebo half (8) and shard (32-63) up to 2^23.
        (trace.hash().0 >> 9) & ((1 << self.level) - 1) == 0
    }

    /// Reads the cell of the span after next `ahead`: what is written there soon is then on its way
    /// from memory, many cells at a time. The value means nothing.
    #[inline]
    pub fn touch(&self, ahead: usize) -> u32 {
        self.cells.get(self.len + ahead).map_or(0, |cell| cell.offset)
    }

    /// Appends a span; gives back how many spans were given up to stay within `budget`.
    #[inline]
    pub fn push(&mut self, span: OpenSpan, budget: usize) -> u64 {
        if self.level > 0 && !self.keeps(span.trace) {
            return 1;
        }
        if self.len == self.cells.len() {
            self.cells.resize((self.len * 3 / 2).max(64), OpenSpan::default());
        }
        self.cells[self.len] = span;
        self.len += 1;
        if self.len > budget.max(1) { self.give_up(budget.max(1)) } else { 0 }
    }

    #[cold]
    fn give_up(&mut self, budget: usize) -> u64 {
        let before = self.len;
        while self.len > budget && self.level < 20 {
            self.level += 1;
            let mut kept = 0;
            for i in 0..self.len {
                if self.keeps(self.cells[i].trace) {
                    self.cells[kept] = self.cells[i];
                    kept += 1;
                }
            }
            self.len = kept;
        }
        // One giant trace: nothing left to halve.
        self.len = self.len.min(budget);
        (before - self.len) as u64
    }

    /// Number of open spans.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Hands every settled trace (`settle` after its last arrival, or `horizon` after its first;
    /// all of them when `flush`) to `evaluate`.
    pub fn visit(
        &mut self,
        now: Timestamp,
        (settle, horizon): (u64, u64),
        flush: bool,
        scratch: &mut Scratch,
        mut evaluate: impl FnMut(Settled<'_>),
    ) {
        self.evaluated.retain(|_, at| now.since(*at) < horizon);
        if self.len == 0 {
            self.level = 0;
            return;
        }
        let spans = &mut self.cells[..self.len];
        scratch.group(spans, now);
        self.len = scratch.take(spans, |g| flush || g.youngest >= settle || g.oldest >= horizon);
        let Scratch { groups, settled, .. } = scratch;
        for group in groups {
            let Some(end) = group.next else { continue };
            let spans = &mut settled[end - group.spans..end];
            spans.sort_unstable_by_key(|s| (s.span.as_u64(), s.start, s.packed, s.red));
            let hash = group.trace.hash().0;
            let remains = self.evaluated.insert(hash, now).is_some();
            evaluate(Settled { spans, scale_bits: self.level, remains });
        }
        if self.len == 0 {
            self.level = 0;
        }
        if self.cells.len() > 1024.max(4 * self.len) {
            self.cells.truncate(1024.max(2 * self.len));
            self.cells.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::RedId;
    use longpole_model::signal::{SECOND, SpanId, SpanRecord};

    fn span(trace: u8, id: u8) -> SpanRecord {
        SpanRecord {
            trace: TraceId([trace; 16]),
            span: SpanId([id; 8]),
            start: Timestamp(5),
            end: Timestamp(6),
            ..SpanRecord::default()
        }
    }

    #[test]
    fn a_trace_settles_after_its_last_span_or_at_the_horizon() {
        let mut p = Partition::default();
        let seen = |p: &mut Partition, s: u64| {
            let mut n = Vec::new();
            let (now, times) = (Timestamp(s * SECOND), (5 * SECOND, 60 * SECOND));
            p.visit(now, times, false, &mut Scratch::default(), |t| {
                n.push((t.spans.len(), t.remains));
            });
            n
        };
        for s in 0..13 {
            p.push(OpenSpan::new(&span(1, s), RedId(0), Timestamp(u64::from(s) * 4 * SECOND)), 99);
        }
        assert_eq!(seen(&mut p, 52), [], "the last one came 4 s ago");
        p.push(OpenSpan::new(&span(1, 77), RedId(0), Timestamp(56 * SECOND)), 99);
        assert_eq!(seen(&mut p, 60), [(14, false)], "the first one came 60 s ago");
        p.push(OpenSpan::new(&span(1, 78), RedId(0), Timestamp(60 * SECOND)), 99);
        assert_eq!(seen(&mut p, 65), [(1, true)], "known to be remains");
    }

    #[test]
    fn a_full_partition_keeps_a_weighted_share_of_whole_traces() {
        let mut p = Partition::default();
        let mut given_up = 0;
        for t in 0..4000u32 {
            let mut s = span(1, 1);
            s.trace.0[8..12].copy_from_slice(&t.to_be_bytes());
            given_up += p.push(OpenSpan::new(&s, RedId(0), Timestamp(0)), 1000);
        }
        assert_eq!(given_up as usize + p.len(), 4000);
        assert!(p.len() <= 1000 && p.level >= 2);
        let stands_for = p.len() << p.level;
        assert!((3000..5000).contains(&stands_for), "{stands_for}");
    }
}
