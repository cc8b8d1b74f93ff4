//! What a request does beside taking time: calls one behind the other that might go side by side, and queries
//! made again with the same values.
//!
//! Whether calls depend on one another, one trace cannot tell; that is asked of many (`facts/habits`).

use super::open::OpenSpan;
use super::tree::Tree;
use crate::catalog::RedId;
use longpole_model::signal::{SpanCategory, SpanKind};

/// Something seen below one span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// `first`, and when it was done `then`.
    Serial { first: RedId, then: RedId },
    /// The query again.
    Repeat { query: RedId },
}

/// A habit, how often in a row, and the nanoseconds that it costs at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub habit: Habit,
    pub times: u64,
    pub nanos: u64,
}

/// Looks below spans; its buffer is reused.
#[derive(Debug, Default)]
pub struct Habits {
    queries: Vec<(RedId, u16, u64)>,
}

impl Habits {
    /// Tells the habits of span `i` towards its children.
    #[inline]
    pub fn look(&mut self, tree: &Tree, spans: &[OpenSpan], i: u32, mut tell: impl FnMut(Seen)) {
        let mut children = tree.children(i);
        if children.next().and_then(|_| children.next()).is_none() {
            return;
        }
        serial(tree, spans, i, &mut tell);
        self.repeats(tree, spans, i, &mut tell);
    }

    fn repeats(&mut self, tree: &Tree, spans: &[OpenSpan], i: u32, tell: &mut impl FnMut(Seen)) {
        self.queries.clear();
        let known = tree.children(i).map(|c| &spans[c as usize]).filter(|c| c.query() > 0);
        self.queries.extend(known.map(|c| (c.red, c.query(), c.duration())));
        if self.queries.len() < 2 {
            return;
        }
        self.queries.sort_unstable();
        for of in self.queries.chunk_by(|a, b| a.0 == b.0) {
            let (mut times, mut nanos) = (0, 0);
            for same in of.chunk_by(|a, b| a.1 == b.1) {
                // The one that took longest might have been the first: it had to be made.
                times += same.len() as u64 - 1;
                nanos += same[..same.len() - 1].iter().map(|q| q.2).sum::<u64>();
            }
            if times > 0 {
                tell(Seen { habit: Habit::Repeat { query: of[0].0 }, times, nanos });
            }
        }
    }
}

/// Calls of span `i`, each behind the one before: of every two neighbours the shorter would be saved. The
/// sum over a row of them is at most what all at once would save.
fn serial(tree: &Tree, spans: &[OpenSpan], i: u32, tell: &mut impl FnMut(Seen)) {
    let calls = tree.children(i).map(|c| &spans[c as usize]).filter(|c| is_call(c));
    // Latest end first: the call that begins first of those behind.
    let mut later: Option<&OpenSpan> = None;
    let mut run: Option<Seen> = None;
    for call in calls {
        if let Some(behind) = later.filter(|l| call.end() <= l.start) {
            let habit = Habit::Serial { first: call.red, then: behind.red };
            let nanos = call.duration().min(behind.duration());
            match &mut run {
                Some(run) if run.habit == habit => {
                    run.times += 1;
                    run.nanos += nanos;
                }
                _ => {
                    run.into_iter().for_each(&mut *tell);
                    run = Some(Seen { habit, times: 1, nanos });
                }
            }
        }
        if later.is_none_or(|l| call.start < l.start) {
            later = Some(call);
        }
    }
    run.into_iter().for_each(tell);
}

/// A call whose answer is waited for.
fn is_call(s: &OpenSpan) -> bool {
    matches!(s.category(), SpanCategory::Store | SpanCategory::Call)
        && s.kind() != SpanKind::Producer
}

#[cfg(test)]
mod tests {
    use super::*;
    use longpole_model::signal::{SpanId, SpanRecord, Timestamp, TraceId};

    /// A parent of 1000 ns and its calls: (operation, query, start, end).
    fn seen(calls: &[(u32, u16, u64, u64)]) -> Vec<(Habit, u64, u64)> {
        let one = |(i, &(red, query, start, end)): (usize, &(u32, u16, u64, u64))| {
            let s = SpanRecord {
                trace: TraceId([1; 16]),
                span: SpanId([i as u8 + 1; 8]),
                parent: SpanId([if i == 0 { 0 } else { 1 }; 8]),
                start: Timestamp(start),
                end: Timestamp(end),
                kind: SpanKind::Client,
                category: SpanCategory::Store,
                ..SpanRecord::default()
            };
            OpenSpan::new(&s, RedId(red), Timestamp(0)).with_query(query)
        };
        let all: Vec<_> =
            std::iter::once(&(0, 0, 0, 1000)).chain(calls).enumerate().map(one).collect();
        let mut tree = Tree::default();
        tree.build(&all);
        let mut out = Vec::new();
        Habits::default().look(&tree, &all, 0, |s| out.push((s.habit, s.times, s.nanos)));
        out
    }

    fn serial(first: u32, then: u32) -> Habit {
        Habit::Serial { first: RedId(first), then: RedId(then) }
    }

    #[test]
    fn calls_one_behind_the_other_are_told_with_what_they_cost() {
        assert_eq!(seen(&[(1, 0, 0, 100), (2, 0, 100, 300)]), [(serial(1, 2), 1, 100)]);
        assert_eq!(seen(&[(1, 0, 0, 100), (2, 0, 99, 300)]), [], "side by side");
        let row = [(1, 0, 0, 100), (1, 0, 100, 200), (1, 0, 250, 350), (2, 0, 400, 430)];
        assert_eq!(seen(&row), [(serial(1, 2), 1, 30), (serial(1, 1), 2, 200)]);
        let wave = [(1, 0, 0, 100), (2, 0, 50, 400), (3, 0, 120, 200), (3, 0, 450, 500)];
        assert_eq!(seen(&wave), [(serial(2, 3), 1, 50)], "only what is behind all of them");
    }

    #[test]
    fn queries_made_again_are_told_once_for_each() {
        let calls = [(1, 7, 0, 100), (1, 7, 0, 60), (1, 8, 0, 50), (2, 7, 0, 90), (1, 0, 0, 80)];
        let repeat = Habit::Repeat { query: RedId(1) };
        assert_eq!(seen(&calls), [(repeat, 1, 60)]);
    }
}
