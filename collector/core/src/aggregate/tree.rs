//! One trace as a tree: parents, children, what children cover, and the critical path.
//!
//! Self time is interval coverage: children overlap one another, outlive their parents and start
//! before them, so sums of children are never subtracted. All walks are iterative: a trace may be
//! one long chain.

use super::open::OpenSpan;
/// Index of "no span".
pub const NOBODY: u32 = u32::MAX;

/// The shape of a trace. Buffers are reused from trace to trace.
#[derive(Debug, Default)]
pub struct Tree {
    /// Parent of each span, or [`NOBODY`].
    pub parent: Vec<u32>,
    /// Nanoseconds of each span that no child covers.
    pub own: Vec<u64>,
    /// Spans in an order in which parents stand before children.
    pub topological: Vec<u32>,
    /// First child of each span and its next sibling, latest end first; or [`NOBODY`].
    first: Vec<u32>,
    next: Vec<u32>,
    ids: Vec<u64>,
    order: Vec<(u64, u64, u32)>,
    stack: Vec<Frame>,
}

/// What a walk along a critical path tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nanoseconds that belong to the span itself; possibly several times a span.
    Own { span: u32, nanos: u64 },
    /// The path enters a child, for this stretch of it.
    Child { span: u32, from: u64, to: u64 },
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
        self.ids.clear();
        self.ids.extend(spans.iter().map(|s| s.span.as_u64()));
        self.parent.clear();
        for s in spans {
            let found = match s.parent.as_u64() {
                0 => None,
                id if id == s.span.as_u64() => None,
                id => self.ids.binary_search(&id).ok(),
            };
            self.parent.push(found.map_or(NOBODY, |i| i as u32));
        }
        // Latest end last, so that pushing to the front of a list brings it first; of equal ends the
        // later start and the greater id come first here, last there.
        self.order.clear();
        self.order.extend((0u32..).zip(spans).map(|(i, s)| (s.end().0, !s.start.0, !i)));
        self.order.sort_unstable();
        self.arrange(n);
        if self.topological.len() < n {
            self.break_cycles(n);
            self.arrange(n);
        }
        self.own.clear();
        for i in 0..n as u32 {
            let own = self.uncovered(spans, i);
            self.own.push(own);
        }
    }

    /// Hangs children below their parents and finds an order from the roots down; what hangs in a
    /// ring is not in it.
    fn arrange(&mut self, n: usize) {
        self.first.clear();
        self.first.resize(n, NOBODY);
        self.next.clear();
        self.next.resize(n, NOBODY);
        self.topological.clear();
        for &(_, _, i) in &self.order {
            let i = !i;
            match self.parent[i as usize] {
                NOBODY => self.topological.push(i),
                p => {
                    self.next[i as usize] = self.first[p as usize];
                    self.first[p as usize] = i;
                }
            }
        }
        let mut at = 0;
        while at < self.topological.len() {
            let mut child = self.first[self.topological[at] as usize];
            while child != NOBODY {
                self.topological.push(child);
                child = self.next[child as usize];
            }
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
    pub fn children(&self, i: u32) -> impl Iterator<Item = u32> {
        let next = |c: &u32| Some(self.next[*c as usize]).filter(|c| *c != NOBODY);
        std::iter::successors(Some(self.first[i as usize]).filter(|c| *c != NOBODY), next)
    }

    /// Nanoseconds of span `i` that the union of its children's intervals, clipped to it, leaves.
    /// Latest end first, what is covered so far is one stretch down to `low`, or lies above it.
    fn uncovered(&self, spans: &[OpenSpan], i: u32) -> u64 {
        let s = &spans[i as usize];
        let (start, end) = (s.start.0, s.end().0);
        let (mut covered, mut low) = (0, end);
        for c in self.children(i) {
            let c = &spans[c as usize];
            let (from, to) = (c.start.0.max(start), c.end().0.min(low));
            if from < to {
                covered += to - from;
                low = from;
            }
        }
        end - start - covered
    }

    /// The critical path of span `root`: walking backward from its end, the time always belongs to
    /// the child that ends last before the cursor, else to the span itself (as CRISP, Zhang et al.,
    /// USENIX ATC '22). The own times told add up to exactly the root's duration. A child for which
    /// `tell` says `false` is not looked into: its whole stretch is its own and not told again.
    pub fn critical_path(
        &mut self,
        spans: &[OpenSpan],
        root: u32,
        mut tell: impl FnMut(Step) -> bool,
    ) {
        let (start, end) = (spans[root as usize].start.0, spans[root as usize].end().0);
        let mut at = Frame { span: root, low: start, cursor: end, next: self.first[root as usize] };
        self.stack.clear();
        loop {
            let mut below = None;
            while at.next != NOBODY && at.cursor > at.low {
                let c = at.next;
                at.next = self.next[c as usize];
                let child = &spans[c as usize];
                let (from, to) = (child.start.0.max(at.low), child.end().0.min(at.cursor));
                if from >= to {
                    continue;
                }
                tell(Step::Own { span: at.span, nanos: at.cursor - to });
                at.cursor = from;
                if tell(Step::Child { span: c, from, to }) {
                    let next = self.first[c as usize];
                    below = Some(Frame { span: c, low: from, cursor: to, next });
                    break;
                }
            }
            match below {
                Some(frame) => self.stack.push(std::mem::replace(&mut at, frame)),
                None => {
                    tell(Step::Own { span: at.span, nanos: at.cursor - at.low });
                    match self.stack.pop() {
                        Some(above) => at = above,
                        None => return,
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::RedId;
    use longpole_model::signal::{SpanId, SpanRecord, Timestamp, TraceId};

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
        tree.critical_path(&spans, 0, |step| {
            if let Step::Own { span, nanos } = step {
                critical[span as usize] += nanos;
            }
            true
        });
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
        tree.critical_path(&spans, 0, |step| {
            if let Step::Own { nanos, .. } = step {
                sum += nanos;
            }
            true
        });
        assert_eq!(sum, spans[0].duration());
    }
}
