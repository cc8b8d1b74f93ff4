//! RED, percentiles, self times and critical paths, one obvious step at a time.
//!
//! Quadratic where that is simplest. Times are walked nanosecond boundary by boundary: no interval
//! arithmetic that could share a mistake with the fast road.

use longpole_model::signal::{
    Batch, Category, SpanCategory, SpanKind, SpanRecord, StatusCode, Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

/// (service, kind, name).
pub type Operation = (String, SpanKind, String);

/// Rate, errors and all durations of one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Red {
    /// Spans.
    pub spans: u64,
    /// Failed spans.
    pub failed: u64,
    /// Durations in nanoseconds, ascending.
    pub durations: Vec<u64>,
}

impl Red {
    /// Nearest-rank quantile, nanoseconds.
    pub fn quantile(&self, q: f64) -> u64 {
        let rank = ((q * self.durations.len() as f64).ceil() as usize).max(1);
        self.durations.get(rank - 1).copied().unwrap_or(0)
    }
}

/// What one site took below one entry operation: visits, critical nanoseconds, self nanoseconds.
pub type Row = (u64, u64, u64);

/// A profile: by entry operation, then by site (operation, peer operation, category).
pub type Profile = BTreeMap<Operation, BTreeMap<(Operation, Option<Operation>, Category), Row>>;

fn operation(batch: &Batch, s: &SpanRecord) -> Operation {
    let row = &batch.operations[s.operation as usize];
    (row.resource.service.clone(), row.kind, row.name.clone())
}

/// RED of everything.
pub fn red(batch: &Batch) -> BTreeMap<Operation, Red> {
    let mut out: BTreeMap<Operation, Red> = BTreeMap::new();
    for s in &batch.spans {
        let red = out.entry(operation(batch, s)).or_default();
        red.spans += 1;
        red.failed += u64::from(s.status == StatusCode::Error);
        red.durations.push(s.end.0 - s.start.0);
        red.durations.sort_unstable();
    }
    out
}

/// One trace as the reference sees it.
struct Trace<'a> {
    batch: &'a Batch,
    spans: Vec<&'a SpanRecord>,
}

impl Trace<'_> {
    fn children(&self, i: usize) -> Vec<usize> {
        let id = self.spans[i].span;
        (0..self.spans.len()).filter(|&c| c != i && self.spans[c].parent == id).collect()
    }

    /// Times at which anything of the trace begins or ends, within a span.
    fn edges(&self, from: u64, to: u64) -> Vec<u64> {
        let mut edges: BTreeSet<u64> =
            self.spans.iter().flat_map(|s| [s.start.0, s.end.0]).collect();
        edges.extend([from, to]);
        edges.into_iter().filter(|t| (from..=to).contains(t)).collect()
    }

    /// Nanoseconds in which no child runs.
    fn own(&self, i: usize) -> u64 {
        let (from, to) = (self.spans[i].start.0, self.spans[i].end.0);
        let children = self.children(i);
        let covered = |t: u64| {
            children.iter().any(|&c| self.spans[c].start.0 <= t && t < self.spans[c].end.0)
        };
        self.edges(from, to).windows(2).filter(|w| !covered(w[0])).map(|w| w[1] - w[0]).sum()
    }

    /// To whom each stretch of `i` between `from` and `to` belongs, walked backward: to the child that
    /// is still running at its end (the latest-ending one, earliest-starting on ties), else to `i`.
    fn critical(&self, i: usize, from: u64, to: u64, out: &mut BTreeMap<usize, u64>) {
        let mut at = to;
        let mut passed: BTreeSet<usize> = BTreeSet::new();
        while at > from {
            let running =
                self.children(i).into_iter().filter(|c| !passed.contains(c)).filter(|&c| {
                    let s = self.spans[c];
                    s.start.0.max(from) < s.end.0.min(at)
                });
            let next = running.max_by_key(|&c| {
                let s = self.spans[c];
                (s.end, std::cmp::Reverse(s.start), std::cmp::Reverse(s.span))
            });
            let Some(c) = next else { break };
            passed.insert(c);
            let s = self.spans[c];
            let (begin, end) = (s.start.0.max(from), s.end.0.min(at));
            *out.entry(i).or_default() += at - end;
            self.critical(c, begin, end, out);
            at = begin;
        }
        *out.entry(i).or_default() += at - from;
    }

    fn service(&self, i: usize) -> String {
        operation(self.batch, self.spans[i]).0
    }

    fn enters(&self, i: usize, parent: usize) -> bool {
        matches!(self.spans[i].kind, SpanKind::Server | SpanKind::Consumer)
            || self.service(i) != self.service(parent)
    }

    fn site(&self, i: usize) -> (Operation, Option<Operation>, Category) {
        let s = self.spans[i];
        // The server side of a call: the child that ends last, earliest start first.
        let mut servers: Vec<usize> = self
            .children(i)
            .into_iter()
            .filter(|&c| {
                self.spans[c].kind == SpanKind::Server || self.service(c) != self.service(i)
            })
            .collect();
        servers.sort_by_key(|&c| {
            (std::cmp::Reverse(self.spans[c].end), self.spans[c].start, self.spans[c].span)
        });
        let peer = servers.first().map(|&c| operation(self.batch, self.spans[c]));
        let own = operation(self.batch, s);
        match s.category {
            SpanCategory::Wait => (own, None, Category::Wait),
            SpanCategory::Own => (own, None, Category::Own),
            SpanCategory::Call if s.kind == SpanKind::Producer => (own, None, Category::Remote),
            SpanCategory::Call | SpanCategory::Store if peer.is_some() => {
                (own, peer, Category::Gap)
            }
            SpanCategory::Call => (own, None, Category::Remote),
            SpanCategory::Store => (own, None, Category::Store),
        }
    }
}

/// Nanoseconds by which a span's clock is off, as far as calls show it: a server's span lies within that of the
/// client which waited for it, or is moved to its middle; what else a process did moves along.
fn off(spans: &[&SpanRecord], i: usize) -> i64 {
    let s = spans[i];
    let Some(p) = spans.iter().position(|p| p.span == s.parent) else { return 0 };
    let above = off(spans, p);
    match s.kind {
        SpanKind::Server => {
            let c = spans[p];
            let signed = |t: u64| i64::try_from(t).expect("a time of this century");
            let (from, to) = (signed(c.start.0) + above, signed(c.end.0) + above);
            let (start, end) = (signed(s.start.0), signed(s.end.0));
            let waited = c.kind == SpanKind::Client && c.status != StatusCode::Error;
            let fits = end - start <= to - from;
            let within = from <= start && end <= to;
            if waited && fits && !within {
                from + ((to - from) - (end - start)) / 2 - start
            } else {
                0
            }
        }
        SpanKind::Consumer => 0,
        _ => above,
    }
}

/// The spans of a trace by one clock.
fn by_one_clock(spans: &[&SpanRecord]) -> Vec<SpanRecord> {
    let moved = |i: usize| {
        let by = |t: u64| t.checked_add_signed(off(spans, i)).expect("a time after 1970");
        let (start, end) = (Timestamp(by(spans[i].start.0)), Timestamp(by(spans[i].end.0)));
        SpanRecord { start, end, ..*spans[i] }
    };
    (0..spans.len()).map(moved).collect()
}

/// Whole-trace profiles of all rooted traces. Weights are 1, ids unique, no rings.
pub fn trace_profile(batch: &Batch) -> Profile {
    let mut traces: BTreeMap<_, Vec<&SpanRecord>> = BTreeMap::new();
    for s in &batch.spans {
        traces.entry(s.trace).or_default().push(s);
    }
    let mut out = Profile::new();
    for spans in traces.into_values() {
        let moved = by_one_clock(&spans);
        let trace = Trace { batch, spans: moved.iter().collect() };
        for root in (0..trace.spans.len()).filter(|&i| trace.spans[i].parent.is_zero()) {
            let entry = out.entry(operation(batch, trace.spans[root])).or_default();
            let mut critical = BTreeMap::new();
            let (from, to) = (trace.spans[root].start.0, trace.spans[root].end.0);
            trace.critical(root, from, to, &mut critical);
            let mut below = vec![root];
            while let Some(i) = below.pop() {
                below.extend(trace.children(i));
                let row = entry.entry(trace.site(i)).or_default();
                row.0 += 1;
                row.1 += critical.get(&i).copied().unwrap_or(0);
                row.2 += trace.own(i);
            }
        }
    }
    out
}

/// Number of segments: server and consumer spans, first spans of another service, roots and orphans.
pub fn segments(batch: &Batch) -> u64 {
    let mut traces: BTreeMap<_, Vec<&SpanRecord>> = BTreeMap::new();
    for s in &batch.spans {
        traces.entry(s.trace).or_default().push(s);
    }
    let mut n = 0;
    for spans in traces.into_values() {
        let trace = Trace { batch, spans };
        for i in 0..trace.spans.len() {
            let parent = trace
                .spans
                .iter()
                .position(|p| p.span == trace.spans[i].parent && p.span != trace.spans[i].span);
            n += u64::from(parent.is_none_or(|p| trace.enters(i, p)));
        }
    }
    n
}
