//! Where open spans lie until their traces are settled: 512 hash partitions, visited in turn.
//!
//! When the budget of a partition is full, or the road is under pressure ([`Step`]), a hash-chosen part of the
//! traces stays open and stands for the rest by weight: plain traces first, those that failed, were slow or
//! have links last. RED has seen every span already. No trace is evaluated here.

use super::cells::{Cells, Shelf};
use super::evaluated::Evaluated;
use super::group::{Group, Scratch};
use super::open::{MOST_LEVEL, OpenSpan};
use crate::hash::IdHash;
use crate::shed::Step;
use longpole_model::signal::{Given, Timestamp, TraceId};
use std::collections::HashSet;

/// One of the 512 partitions.
#[derive(Clone, Debug, Default)]
pub struct Partition {
    cells: Cells,
    /// Of plain and of precious traces those are kept whose hash has so many zero bits; each stands for
    /// 2^level.
    levels: [u32; 2],
    /// Traces evaluated, until nothing of them can be under way.
    evaluated: Evaluated,
}

/// A trace ready for evaluation.
pub struct Settled<'a> {
    /// Its spans, by span id.
    pub spans: &'a mut [OpenSpan],
    /// Whether part of this trace was evaluated earlier.
    pub remains: bool,
}

// Bits 10.. : independent of partition (0-8), placebo half (9) and shard (32-63) up to 2^22.
fn keeps(trace: TraceId, level: u32) -> bool {
    (trace.hash().0 >> 10) & ((1 << level) - 1) == 0
}

fn lost(precious: bool) -> Given {
    let n = u64::from(precious);
    Given { plain: 1 - n, precious: n, exemplars: 0 }
}

impl Partition {
    /// Reads the cell of the span after next `ahead` ([`Cells::touch`]).
    #[inline]
    pub fn touch(&self, ahead: usize) -> u32 {
        self.cells.touch(ahead)
    }

    /// Appends a span; gives back what was given up to stay within `budget`.
    #[inline]
    pub fn push(
        &mut self,
        mut span: OpenSpan,
        budget: usize,
        step: Step,
        shelf: &mut Shelf,
    ) -> Given {
        let precious = span.is_precious();
        let [plain, rare] = self.levels;
        let level = if precious { rare.max(step.precious()) } else { plain.max(step.plain()) };
        if level > 0 {
            if !keeps(span.trace, level) {
                return lost(precious);
            }
            span.raise(level);
        }
        self.cells.push(span, shelf);
        let budget = budget.max(1);
        if self.cells.len() > budget { self.give_up(budget, shelf) } else { Given::default() }
    }

    #[cold]
    fn give_up(&mut self, budget: usize, shelf: &mut Shelf) -> Given {
        let Self { cells, levels, .. } = self;
        let mut given = Given::default();
        // A trace is precious as a whole.
        let spans = cells.runs().flatten().filter(|s| s.is_precious());
        let precious: HashSet<u64, IdHash> = spans.map(|s| s.trace.hash().0).collect();
        cells.retain(shelf, |s| {
            *s = s.precious(precious.contains(&s.trace.hash().0));
            true
        });
        for class in [false, true] {
            let at = usize::from(class);
            while cells.len() > budget && levels[at] < MOST_LEVEL {
                levels[at] += 1;
                let level = levels[at];
                cells.retain(shelf, |span| {
                    if span.is_precious() != class {
                        return true;
                    }
                    let stays = keeps(span.trace, level);
                    if stays {
                        span.raise(level);
                    } else {
                        given.add(lost(class));
                    }
                    stays
                });
            }
        }
        // One giant trace: nothing left to halve.
        let mut room = budget;
        cells.retain(shelf, |span| {
            let stays = room > 0;
            room = room.saturating_sub(1);
            if !stays {
                given.add(lost(span.is_precious()));
            }
            stays
        });
        given
    }

    /// Its open spans, in the order of their arrival as far as it is known, one run behind the other.
    pub fn open(&self) -> impl Iterator<Item = &[OpenSpan]> {
        self.cells.runs()
    }

    /// Traces that were evaluated and of which something may still come.
    pub fn evaluated(&self) -> impl ExactSizeIterator<Item = (u64, Timestamp)> {
        self.evaluated.iter()
    }

    /// Takes what an earlier life had open, as it was: nothing is given up.
    pub fn adopt(&mut self, span: OpenSpan, shelf: &mut Shelf) {
        self.cells.push(span, shelf);
    }

    /// Takes a trace that an earlier life had evaluated.
    pub fn adopt_evaluated(&mut self, hash: u64, at: Timestamp) {
        self.evaluated.insert(hash, at);
    }

    /// Whether it keeps less than all.
    pub fn is_thinned(&self) -> bool {
        self.levels != [0, 0]
    }

    /// Number of open spans.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Hands every settled trace (`settle` after its last arrival, or `horizon` after its first;
    /// all of them when `flush`) to `evaluate`.
    pub fn visit(
        &mut self,
        now: Timestamp,
        (settle, horizon): (u64, u64),
        budget: usize,
        flush: bool,
        (scratch, shelf): (&mut Scratch, &mut Shelf),
        mut evaluate: impl FnMut(Settled<'_>),
    ) {
        self.evaluated.forget(now, horizon);
        if self.len() == 0 {
            self.levels = [0, 0];
            return;
        }
        scratch.group(&self.cells, now);
        let is_settled = |g: &Group| flush || g.youngest >= settle || g.oldest >= horizon;
        scratch.take(&mut self.cells, shelf, is_settled);
        let Scratch { groups, settled, .. } = scratch;
        for group in groups {
            let Some(end) = group.next else { continue };
            let spans = &mut settled[end - group.spans..end];
            spans.sort_unstable_by_key(|s| (s.span.as_u64(), s.start, s.packed, s.red));
            let remains = self.evaluated.insert(group.trace.hash().0, now);
            evaluate(Settled { spans, remains });
        }
        if 2 * self.len() < budget {
            // What was given up first comes back last.
            let at = usize::from(self.levels[1] > 0);
            self.levels[at] = self.levels[at].saturating_sub(1);
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
            p.visit(
                now,
                times,
                999,
                false,
                (&mut Scratch::default(), &mut Shelf::default()),
                |t| {
                    n.push((t.spans.len(), t.remains));
                },
            );
            n
        };
        for s in 0..13 {
            p.push(
                OpenSpan::new(&span(1, s), RedId(0), Timestamp(u64::from(s) * 4 * SECOND)),
                99,
                Step::default(),
                &mut Shelf::default(),
            );
        }
        assert_eq!(seen(&mut p, 52), [], "the last one came 4 s ago");
        p.push(
            OpenSpan::new(&span(1, 77), RedId(0), Timestamp(56 * SECOND)),
            99,
            Step::default(),
            &mut Shelf::default(),
        );
        assert_eq!(seen(&mut p, 60), [(14, false)], "the first one came 60 s ago");
        p.push(
            OpenSpan::new(&span(1, 78), RedId(0), Timestamp(60 * SECOND)),
            99,
            Step::default(),
            &mut Shelf::default(),
        );
        assert_eq!(seen(&mut p, 65), [(1, true)], "known to be remains");
    }

    fn traces(n: u32, precious: impl Fn(u32) -> bool) -> Vec<OpenSpan> {
        let one = |t: u32| {
            let mut s = span(1, 1);
            s.trace.0[8..12].copy_from_slice(&t.to_be_bytes());
            OpenSpan::new(&s, RedId(0), Timestamp(0)).precious(precious(t))
        };
        (0..n).map(one).collect()
    }

    fn stands_for(p: &Partition, precious: bool) -> u64 {
        let spans = p.open().flatten().filter(|s| s.is_precious() == precious);
        spans.map(|s| 1 << s.level()).sum()
    }

    #[test]
    fn a_full_partition_keeps_a_weighted_share_of_whole_traces_and_all_failed_ones() {
        let mut p = Partition::default();
        let mut given = Given::default();
        for s in traces(4_000, |t| t % 20 == 0) {
            given.add(p.push(s, 1_000, Step::default(), &mut Shelf::default()));
        }
        assert_eq!(given.spans() as usize + p.len(), 4_000);
        assert!(p.len() <= 1_000 && p.is_thinned());
        assert_eq!((given.precious, stands_for(&p, true)), (0, 200));
        assert!((3_000..4_600).contains(&stands_for(&p, false)), "{}", stands_for(&p, false));
        // When even they are too many, they are thinned by the same rule.
        for s in traces(4_000, |_| true) {
            given.add(p.push(s, 1_000, Step::default(), &mut Shelf::default()));
        }
        assert!(given.precious > 0 && p.len() <= 1_000);
    }

    #[test]
    fn under_pressure_fewer_stay_open_and_stand_for_all() {
        for number in 1..=Step::MOST {
            let (mut p, step) = (Partition::default(), Step::new(number));
            let mut given = Given::default();
            for s in traces(40_000, |t| t % 10 == 0) {
                given.add(p.push(s, 99_999, step, &mut Shelf::default()));
            }
            assert_eq!(given.spans() as usize + p.len(), 40_000);
            let near = |n: u64, of: u64| n.abs_diff(of) * 8 < of;
            assert!(near(stands_for(&p, false), 36_000), "{}", stands_for(&p, false));
            assert!(near(stands_for(&p, true), 4_000), "{}", stands_for(&p, true));
            assert_eq!(given.precious > 0, number == Step::MOST);
            assert!(!p.is_thinned(), "the pressure is not its own");
        }
    }

    #[test]
    fn what_is_thinned_comes_back_when_there_is_room() {
        let mut p = Partition::default();
        for s in traces(4_000, |_| false) {
            p.push(s, 1_000, Step::default(), &mut Shelf::default());
        }
        assert!(p.is_thinned());
        let mut rounds = 0;
        while p.is_thinned() {
            let late = Timestamp(70 * SECOND);
            p.push(
                OpenSpan::new(&span(9, 1), RedId(0), late),
                1_000,
                Step::default(),
                &mut Shelf::default(),
            );
            let times = (5 * SECOND, 60 * SECOND);
            p.visit(
                late,
                times,
                1_000,
                false,
                (&mut Scratch::default(), &mut Shelf::default()),
                |_| {},
            );
            rounds += 1;
            assert!(rounds < 10, "it never comes back while something is open");
        }
    }
}
