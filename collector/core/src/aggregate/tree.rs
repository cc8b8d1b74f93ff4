//! One trace as a tree: parents, children, what children cover, and the critical path.
//!
//! Self time is interval coverage: children overlap one another, outlive their parents and start
//! before them, so sums of children are never subtracted. All walks are iterative: a trace may be
//! one long chain.

use super::open::OpenSpan;
use longpole_model::signal::SpanId;

/// Index of "no span".
pub const NOBODY: u32 = u32::MAX;

/// The shape of a trace. Buffers are reused from trace to trace.
#[derive(Debug, Default)]
pub struct Tree {
    /// Parent of each span, or [`NOBODY`].
    pub parent: Vec<u32>,
    /// Spans ordered by parent, children of one parent by end, latest first.
    order: Vec<u32>,
    /// Per span: its children are `order[first[i]..first[i + 1]]`.
    first: Vec<u32>,
    /// Nanoseconds of each span that no child covers.
    pub own: Vec<u64>,
    /// Spans in an order in which parents stand before children.
    pub topological: Vec<u32>,
    scratch: Vec<(u64, u64)>,
    stack: Vec<Frame>,
}

/// A span of the path, seen backward from `cursor` to `low`.
#[derive(Debug)]
struct Frame {
    span: u32,
    low: u64,
    cursor: u64,
    next: u32,
}

impl Tree {
    /// Builds the tree of spans sorted by span id. Duplicate ids must have been removed.
    pub fn build(&mut self, spans: &[OpenSpan]) {
        let n = spans.len();
        self.parent.clear();
        for s in spans {
            let at =
                if s.parent.is_zero() || s.parent == s.span { None } else { find(spans, s.parent) };
            self.parent.push(at.unwrap_or(NOBODY));
        }
        self.arrange(spans);
        if self.topological.len() < n {
            self.break_cycles(n);
            self.arrange(spans);
        }
        self.own.clear();
        for i in 0..n as u32 {
            let own = self.uncovered(spans, i);
            self.own.push(own);
        }
    }

    /// Orders children and finds an order from the roots down; what hangs in a ring is not in it.
    fn arrange(&mut self, spans: &[OpenSpan]) {
        let n = spans.len();
        // Children by parent, latest end first; roots (NOBODY) come last.
        self.order.clear();
        self.order.extend(0..n as u32);
        let parent = &self.parent;
        self.order.sort_unstable_by_key(|&i| {
            let s = &spans[i as usize];
            (parent[i as usize], std::cmp::Reverse(s.end()), s.start, s.span)
        });
        self.first.clear();
        self.first.resize(n + 1, 0);
        for &p in &self.parent {
            if p != NOBODY {
                self.first[p as usize + 1] += 1;
            }
        }
        for i in 0..n {
            self.first[i + 1] += self.first[i];
        }
        self.topological.clear();
        self.topological.extend((0..n as u32).filter(|&i| self.parent[i as usize] == NOBODY));
        let mut at = 0;
        while at < self.topological.len() {
            let i = self.topological[at];
            self.topological.extend_from_slice(children(&self.order, &self.first, i));
            at += 1;
        }
    }

    /// Hostile input may name parents in a ring: the span at which a walk to the top comes back is
    /// made a root.
    fn break_cycles(&mut self, n: usize) {
        let mut mark = vec![0u32; n];
        for start in 0..n {
            let (mut at, walk) = (start as u32, start as u32 + 1);
            while at != NOBODY && mark[at as usize] == 0 {
                mark[at as usize] = walk;
                at = self.parent[at as usize];
            }
            if at != NOBODY && mark[at as usize] == walk {
                self.parent[at as usize] = NOBODY;
            }
        }
    }

    /// Children of a span, latest end first.
    pub fn children(&self, i: u32) -> &[u32] {
        children(&self.order, &self.first, i)
    }

    /// Nanoseconds of span `i` that the union of its children's intervals, clipped to it, leaves.
    fn uncovered(&mut self, spans: &[OpenSpan], i: u32) -> u64 {
        let s = &spans[i as usize];
        let (lo, hi) = (s.start.0, s.end().0);
        self.scratch.clear();
        for &c in children(&self.order, &self.first, i) {
            let c = &spans[c as usize];
            let (a, b) = (c.start.0.max(lo), c.end().0.min(hi));
            if a < b {
                self.scratch.push((a, b));
            }
        }
        self.scratch.sort_unstable();
        let (mut covered, mut reach) = (0, lo);
        for &(a, b) in &self.scratch {
            covered += b.saturating_sub(a.max(reach));
            reach = reach.max(b);
        }
        (hi - lo) - covered
    }

    /// The critical path of span `root`: walking backward from its end, the time always belongs to
    /// the child that ends last before the cursor, else to the span itself (as CRISP, Zhang et al.,
    /// USENIX ATC '22). Calls `f(span, nanoseconds)`, possibly several times a span; the sum is
    /// exactly the root's duration. Spans for which `stops` holds are not entered: their whole
    /// stretch is theirs.
    pub fn critical_path(
        &mut self,
        spans: &[OpenSpan],
        root: u32,
        stops: impl Fn(u32) -> bool,
        mut f: impl FnMut(u32, u64),
    ) {
        let (start, end) = (spans[root as usize].start.0, spans[root as usize].end().0);
        self.stack.clear();
        let first = self.first[root as usize];
        self.stack.push(Frame { span: root, low: start, cursor: end, next: first });
        while let Some(mut at) = self.stack.pop() {
            let last = self.first[at.span as usize + 1];
            let mut below = None;
            while at.next < last && at.cursor > at.low {
                let c = self.order[at.next as usize];
                at.next += 1;
                let (from, to) = (spans[c as usize].start.0, spans[c as usize].end().0);
                let (from, to) = (from.max(at.low), to.min(at.cursor));
                if from >= to {
                    continue;
                }
                f(at.span, at.cursor - to);
                at.cursor = from;
                if stops(c) {
                    f(c, to - from);
                } else {
                    let next = self.first[c as usize];
                    below = Some(Frame { span: c, low: from, cursor: to, next });
                    break;
                }
            }
            match below {
                Some(frame) => {
                    self.stack.push(at);
                    self.stack.push(frame);
                }
                None => f(at.span, at.cursor - at.low),
            }
        }
    }
}

fn children<'a>(order: &'a [u32], first: &[u32], i: u32) -> &'a [u32] {
    &order[first[i as usize] as usize..first[i as usize + 1] as usize]
}

/// Index of the span with this id.
fn find(spans: &[OpenSpan], id: SpanId) -> Option<u32> {
    spans.binary_search_by_key(&id.as_u64(), |s| s.span.as_u64()).ok().map(|i| i as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::RedId;
    use longpole_model::signal::{SpanRecord, Timestamp, TraceId};

    /// (id, parent, start, end)
    fn spans(rows: &[(u8, u8, u64, u64)]) -> Vec<OpenSpan> {
        let mut out: Vec<OpenSpan> = rows
            .iter()
            .map(|&(id, parent, start, end)| {
                let s = SpanRecord {
                    trace: TraceId([1; 16]),
                    span: SpanId([id; 8]),
                    parent: SpanId([parent; 8]),
                    start: Timestamp(start),
                    end: Timestamp(end),
                    ..SpanRecord::default()
                };
                OpenSpan::new(&s, RedId(0), Timestamp(0))
            })
            .collect();
        out.sort_by_key(|s| s.span);
        out
    }

    fn path(rows: &[(u8, u8, u64, u64)]) -> (Vec<u64>, Vec<u64>) {
        let spans = spans(rows);
        let mut tree = Tree::default();
        tree.build(&spans);
        let mut critical = vec![0; spans.len()];
        tree.critical_path(&spans, 0, |_| false, |i, ns| critical[i as usize] += ns);
        (tree.own.clone(), critical)
    }

    #[test]
    fn children_that_overlap_are_covered_once() {
        let (own, critical) = path(&[(1, 0, 0, 100), (2, 1, 10, 60), (3, 1, 40, 90)]);
        assert_eq!(own, [20, 50, 50]);
        assert_eq!(critical, [20, 30, 50], "the later one has the overlap");
    }

    #[test]
    fn children_that_outlive_their_parent_are_clipped() {
        let (own, critical) = path(&[(1, 0, 10, 100), (2, 1, 0, 20), (3, 1, 50, 400)]);
        assert_eq!(own, [30, 20, 350]);
        assert_eq!(critical, [30, 10, 50]);
    }

    #[test]
    fn a_ring_of_parents_ends_somewhere() {
        let spans = spans(&[(1, 3, 0, 9), (2, 1, 0, 9), (3, 2, 0, 9)]);
        let mut tree = Tree::default();
        tree.build(&spans);
        assert_eq!(tree.topological.len(), 3);
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let n = 200_000u64;
        let spans: Vec<OpenSpan> = (1..=n)
            .map(|i| {
                let s = SpanRecord {
                    trace: TraceId([1; 16]),
                    span: SpanId(i.to_be_bytes()),
                    parent: SpanId((i - 1).to_be_bytes()),
                    start: Timestamp(i),
                    end: Timestamp(3 * n - i),
                    ..SpanRecord::default()
                };
                OpenSpan::new(&s, RedId(0), Timestamp(0))
            })
            .collect();
        let mut tree = Tree::default();
        tree.build(&spans);
        let mut sum = 0;
        tree.critical_path(&spans, 0, |_| false, |_, ns| sum += ns);
        assert_eq!(sum, spans[0].duration());
    }
}
