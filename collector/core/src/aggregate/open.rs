//! Open spans: what waits until its trace is settled, 64 bytes a span in 256 hash partitions.
//!
//! A visit groups a partition by trace, takes out what is settled and leaves the rest as it lies:
//! no sort of what only waits. When the budget of a partition is full, a hash-chosen half of its traces stays open and stands
//! for both halves by weight; RED has seen every span already. No trace is evaluated here.

use crate::catalog::RedId;
use crate::hash::IdHash;
use longpole_model::signal::{
    SpanCategory, SpanId, SpanKind, SpanRecord, StatusCode, Timestamp, TraceId, Weight,
};
use std::collections::HashMap;

/// A span waiting for the rest of its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenSpan {
    pub trace: TraceId,
    pub span: SpanId,
    pub parent: SpanId,
    pub start: Timestamp,
    /// Duration (47 bits: a day is 2^46.3 ns) and, above it, kind, status and category.
    packed: u64,
    pub red: RedId,
    pub weight: Weight,
    /// Log milliseconds of arrival, modulo 2^32; compared only within one horizon.
    arrival_ms: u32,
    /// Where its bytes begin in its log entry.
    pub offset: u32,
}

const _: () = assert!(size_of::<OpenSpan>() == 64);
const DURATION_BITS: u32 = 47;
const MILLISECOND: u64 = 1_000_000;

impl OpenSpan {
    /// From a recorded span; durations above 24 h have been refused at the door.
    pub fn new(s: &SpanRecord, red: RedId, arrival: Timestamp) -> Self {
        let duration = s.duration().min((1 << DURATION_BITS) - 1);
        let tags = (s.kind as u64) | (s.status as u64) << 3 | (s.category as u64) << 5;
        Self {
            trace: s.trace,
            span: s.span,
            parent: s.parent,
            start: s.start,
            packed: duration | tags << DURATION_BITS,
            red,
            weight: s.weight,
            arrival_ms: (arrival.0 / MILLISECOND) as u32,
            offset: s.offset,
        }
    }

    fn tags(&self) -> u64 {
        self.packed >> DURATION_BITS
    }

    pub fn duration(&self) -> u64 {
        self.packed & ((1 << DURATION_BITS) - 1)
    }

    pub fn end(&self) -> Timestamp {
        self.start.plus(self.duration())
    }

    pub fn kind(&self) -> SpanKind {
        SpanKind::from_wire(self.tags() & 7)
    }

    pub fn failed(&self) -> bool {
        StatusCode::from_wire((self.tags() >> 3) & 3) == StatusCode::Error
    }

    pub fn category(&self) -> SpanCategory {
        SpanCategory::ALL[((self.tags() >> 5) & 3) as usize]
    }

    /// Nanoseconds since it arrived, to the millisecond.
    fn age(&self, now: Timestamp) -> u64 {
        u64::from(((now.0 / MILLISECOND) as u32).wrapping_sub(self.arrival_ms)) * MILLISECOND
    }
}

/// One trace among the spans of a partition, while it is visited.
#[derive(Clone, Copy, Debug)]
struct Group {
    trace: TraceId,
    spans: usize,
    /// Nanoseconds since its last and its first arrival.
    youngest: u64,
    oldest: u64,
    /// Where its next span goes among the settled ones; `None` = it stays open.
    next: Option<usize>,
}

/// Buffers of a visit, reused from partition to partition.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// Open addressing by trace hash: index of the group + 1; 0 = free.
    cells: Vec<u32>,
    groups: Vec<Group>,
    /// Per span its group.
    of: Vec<u32>,
    settled: Vec<OpenSpan>,
}

impl Scratch {
    /// Groups spans by trace.
    fn group(&mut self, spans: &[OpenSpan], now: Timestamp) {
        let mask = (2 * spans.len()).next_power_of_two() - 1;
        self.cells.clear();
        self.cells.resize(mask + 1, 0);
        self.groups.clear();
        self.of.clear();
        let mut last = 0;
        for s in spans {
            if self.groups.get(last).is_none_or(|g| g.trace != s.trace) {
                last = self.find(s.trace, mask);
            }
            let age = s.age(now);
            let group = &mut self.groups[last];
            group.spans += 1;
            group.youngest = group.youngest.min(age);
            group.oldest = group.oldest.max(age);
            self.of.push(last as u32);
        }
    }

    fn find(&mut self, trace: TraceId, mask: usize) -> usize {
        // The lowest bits chose the partition: they are the same for all.
        let mut at = (trace.hash().0 >> 9) as usize & mask;
        while self.cells[at] > 0 {
            let group = self.cells[at] as usize - 1;
            if self.groups[group].trace == trace {
                return group;
            }
            at = (at + 1) & mask;
        }
        self.groups.push(Group { trace, spans: 0, youngest: u64::MAX, oldest: 0, next: None });
        self.cells[at] = self.groups.len() as u32;
        self.groups.len() - 1
    }

    /// Moves settled spans together, trace by trace, out of `spans`.
    fn take(&mut self, spans: &mut Vec<OpenSpan>, is_settled: impl Fn(&Group) -> bool) {
        let mut place = 0;
        for group in self.groups.iter_mut().filter(|g| is_settled(g)) {
            group.next = Some(place);
            place += group.spans;
        }
        let Some(&any) = spans.first() else { return };
        self.settled.clear();
        self.settled.resize(place, any);
        let mut kept = 0;
        for (i, &group) in self.of.iter().enumerate() {
            match &mut self.groups[group as usize].next {
                Some(next) => {
                    self.settled[*next] = spans[i];
                    *next += 1;
                }
                None => {
                    spans[kept] = spans[i];
                    kept += 1;
                }
            }
        }
        spans.truncate(kept);
    }
}

/// One of the 256 partitions.
#[derive(Clone, Debug, Default)]
pub struct Partition {
    spans: Vec<OpenSpan>,
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

    /// Appends a span; gives back how many spans were given up to stay within `budget`.
    pub fn push(&mut self, span: OpenSpan, budget: usize) -> u64 {
        if !self.keeps(span.trace) {
            return 1;
        }
        self.spans.push(span);
        let before = self.spans.len();
        while self.spans.len() > budget.max(1) && self.level < 20 {
            self.level += 1;
            let mut spans = std::mem::take(&mut self.spans);
            spans.retain(|s| self.keeps(s.trace));
            self.spans = spans;
        }
        if self.spans.len() > budget.max(1) {
            self.spans.pop(); // one giant trace: nothing left to halve
        }
        (before - self.spans.len()) as u64
    }

    /// Number of open spans.
    pub fn len(&self) -> usize {
        self.spans.len()
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
        if self.spans.is_empty() {
            self.level = 0;
            return;
        }
        scratch.group(&self.spans, now);
        scratch.take(&mut self.spans, |g| flush || g.youngest >= settle || g.oldest >= horizon);
        let Scratch { groups, settled, .. } = scratch;
        for group in groups {
            let Some(end) = group.next else { continue };
            let spans = &mut settled[end - group.spans..end];
            spans.sort_unstable_by_key(|s| (s.span.as_u64(), s.start, s.packed, s.red));
            let hash = group.trace.hash().0;
            let remains = self.evaluated.insert(hash, now).is_some();
            evaluate(Settled { spans, scale_bits: self.level, remains });
        }
        if self.spans.is_empty() {
            self.level = 0;
        }
        if self.spans.capacity() > 1024.max(4 * self.spans.len()) {
            self.spans.shrink_to(1024.max(2 * self.spans.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longpole_model::signal::SECOND;

    fn span(trace: u8, id: u8) -> SpanRecord {
        SpanRecord {
            trace: TraceId([trace; 16]),
            span: SpanId([id; 8]),
            start: Timestamp(5),
            end: Timestamp(5 + 86_400 * SECOND),
            kind: SpanKind::Consumer,
            status: StatusCode::Error,
            category: SpanCategory::Wait,
            ..SpanRecord::default()
        }
    }

    #[test]
    fn packing_loses_nothing() {
        let o = OpenSpan::new(&span(1, 1), RedId(7), Timestamp(3 * SECOND));
        assert_eq!((o.duration(), o.kind()), (86_400 * SECOND, SpanKind::Consumer));
        assert_eq!((o.failed(), o.category()), (true, SpanCategory::Wait));
        assert_eq!(o.age(Timestamp(8 * SECOND)), 5 * SECOND);
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
