//! A settled trace becomes rows: segments, sites, path profiles.
//!
//! A *segment* is a server or consumer span, the first span of another service, or a root, with what
//! hangs below it in its process.
//! Segments are profiled even when the rest of the trace is missing; the whole trace only below a
//! real root. In a segment's profile its own sites and the waits for callees add up to exactly its
//! duration; in a trace's profile all sites do.

use super::codes::{EntryCode, PathCode, SiteCode};
use super::open::{OpenSpan, Settled};
use super::tree::{NOBODY, Tree};
use crate::catalog::{RedId, RedRow};
use longpole_model::signal::{
    Category, EdgeKey, EntryValue, OperationId, PathValue, RedKey, Scope, SiteKey, SpanCategory,
    SpanKind, Tally, Timestamp, VersionId, band_of,
};

/// Where the rows of an evaluated trace go.
pub trait Rows {
    /// An entry that ended at `end`.
    fn entry(&mut self, end: Timestamp, key: EntryCode, value: EntryValue);
    /// A site below an entry that ended at `end`.
    fn path(&mut self, end: Timestamp, key: PathCode, value: PathValue);
    /// One visit of a site in a segment that ended at `end`.
    fn site(&mut self, end: Timestamp, key: SiteCode, nanos: u64, weight: u64, failed: bool);
    /// A call that was served by a segment that ended at `end`.
    fn edge(&mut self, end: Timestamp, key: EdgeKey, call: Call);
}

/// One call between services.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// 16.16 weight.
    pub weight: u64,
    /// Whether the callee failed.
    pub failed: bool,
    /// Nanoseconds as the caller saw it; `None` when it came from outside.
    pub caller_ns: Option<u64>,
    /// Nanoseconds as the callee saw it.
    pub callee_ns: u64,
}

/// Evaluates traces; its buffers are reused.
#[derive(Debug, Default)]
pub struct Evaluator {
    tree: Tree,
    site: Vec<SiteCode>,
    /// Entry of the segment that a span begins; of others it is not looked at.
    entry: Vec<EntryCode>,
    root: Vec<u32>,
    segment: Vec<u32>,
    whole: Vec<u64>,
    local: Vec<u64>,
    callee: Vec<u64>,
}

impl Evaluator {
    /// Turns one trace into rows.
    pub fn evaluate(
        &mut self,
        trace: Settled<'_>,
        names: &[RedRow],
        tally: &mut Tally,
        rows: &mut impl Rows,
    ) {
        let spans = distinct(trace.spans, tally);
        let n = spans.len();
        tally.traces += 1;
        if trace.remains {
            tally.after_close += n as u64;
        }
        self.tree.build(spans);
        self.place(spans, names);
        for column in [&mut self.whole, &mut self.local, &mut self.callee] {
            column.clear();
            column.resize(n, 0);
        }
        let rooted = spans.iter().any(|s| s.parent.is_zero());
        for i in 0..n as u32 {
            if self.segment[i as usize] != i {
                continue;
            }
            tally.segments += 1;
            tally.rootless += u64::from(!rooted);
            let (segment, local, callee) = (&self.segment, &mut self.local, &mut self.callee);
            self.tree.critical_path(
                spans,
                i,
                |c| segment[c as usize] == c,
                |c, ns| {
                    let column =
                        if segment[c as usize] == c && c != i { &mut *callee } else { &mut *local };
                    column[c as usize] += ns;
                },
            );
            if spans[i as usize].parent.is_zero() {
                let whole = &mut self.whole;
                self.tree.critical_path(spans, i, |_| false, |c, ns| whole[c as usize] += ns);
            }
        }
        self.emit(spans, names, trace.scale_bits, rows);
    }

    /// Site, root and segment of every span.
    fn place(&mut self, spans: &[OpenSpan], names: &[RedRow]) {
        let n = spans.len();
        self.site.clear();
        self.entry.clear();
        self.root.clear();
        self.root.resize(n, NOBODY);
        self.segment.clear();
        self.segment.resize(n, NOBODY);
        for t in 0..self.tree.topological.len() {
            let i = self.tree.topological[t];
            let parent = self.tree.parent[i as usize];
            let (root, segment) = match parent {
                NOBODY => (i, i),
                p => (self.root[p as usize], self.segment[p as usize]),
            };
            self.root[i as usize] = root;
            // A span of another service is another process, whatever its kind says.
            let enters = spans[i as usize].kind().enters()
                || parent != NOBODY
                    && service(names, &spans[i as usize])
                        != service(names, &spans[parent as usize]);
            self.segment[i as usize] = if enters { i } else { segment };
        }
        for i in 0..n as u32 {
            let s = &spans[i as usize];
            let server = || {
                let mut children = self.tree.children(i).iter().map(|&c| &spans[c as usize]);
                children
                    .find(|c| {
                        c.kind() == SpanKind::Server || service(names, c) != service(names, s)
                    })
                    .map(|c| operation(names, c.red))
            };
            let (category, peer) = match (s.category(), s.kind()) {
                (SpanCategory::Wait, _) => (Category::Wait, None),
                (SpanCategory::Own, _) => (Category::Own, None),
                (SpanCategory::Store, _) => match server() {
                    Some(peer) => (Category::Gap, Some(peer)),
                    None => (Category::Store, None),
                },
                (SpanCategory::Call, SpanKind::Producer) => (Category::Remote, None),
                (SpanCategory::Call, _) => match server() {
                    Some(peer) => (Category::Gap, Some(peer)),
                    None => (Category::Remote, None),
                },
            };
            self.site.push(SiteCode::new(SiteKey {
                operation: operation(names, s.red),
                peer: peer.unwrap_or(OperationId::NONE),
                category,
            }));
            self.entry.push(entry_code(s));
        }
    }

    fn emit(
        &mut self,
        spans: &[OpenSpan],
        names: &[RedRow],
        scale_bits: u32,
        rows: &mut impl Rows,
    ) {
        for (i, s) in spans.iter().enumerate() {
            let weight = u64::from(s.weight.0) << scale_bits;
            let above = self.segment[i] as usize;
            let (site, entry) = (self.site[i], self.entry[above]);
            let end = spans[above].end();
            if above == i {
                let value = entry_value(s, weight);
                rows.entry(end, entry, value);
                if s.parent.is_zero() {
                    rows.entry(end, entry.of_trace(), value);
                }
                self.edge(spans, names, i, weight, rows);
            }
            let own = self.tree.own[i];
            rows.path(end, PathCode::new(entry, site), path_value(weight, self.local[i], own));
            rows.site(end, site, own, weight, s.failed());
            let at = self.root[i] as usize;
            let root = &spans[at];
            if root.parent.is_zero() {
                let key = PathCode::new(self.entry[at].of_trace(), site);
                rows.path(root.end(), key, path_value(weight, self.whole[i], own));
            }
        }
    }

    /// What a segment is to the segment that called it: a wait, and behind a producer a queue.
    fn edge(
        &self,
        spans: &[OpenSpan],
        names: &[RedRow],
        i: usize,
        weight: u64,
        rows: &mut impl Rows,
    ) {
        let p = self.tree.parent[i];
        let callee = &spans[i];
        let caller = (p != NOBODY).then(|| &spans[p as usize]);
        // A root that serves nobody (a job, a timer) is no call; a parent that was not seen is not
        // "outside" either.
        if caller.is_some() || callee.parent.is_zero() && callee.kind().enters() {
            let key = EdgeKey {
                caller: caller.map_or(OperationId::NONE, |c| operation(names, c.red)),
                callee: operation(names, callee.red),
            };
            let call = Call {
                weight,
                failed: callee.failed(),
                caller_ns: caller.map(OpenSpan::duration),
                callee_ns: callee.duration(),
            };
            rows.edge(callee.end(), key, call);
        }
        let Some(caller) = caller else { return };
        let above = self.segment[p as usize] as usize;
        let (entry, end) = (self.entry[above], spans[above].end());
        let site = |category| {
            SiteCode::new(SiteKey {
                operation: operation(names, caller.red),
                peer: operation(names, callee.red),
                category,
            })
        };
        let value = path_value(weight, self.callee[i], 0);
        rows.path(end, PathCode::new(entry, site(Category::Callee)), value);
        if callee.kind() == SpanKind::Consumer {
            let wait = callee.start.since(caller.end());
            let queue = site(Category::Queue);
            rows.site(end, queue, wait, weight, false);
            rows.path(end, PathCode::new(entry, queue), path_value(weight, 0, wait));
        }
    }
}

/// Drops spans whose id was seen before in the trace; the earliest start stays.
fn distinct<'a>(spans: &'a mut [OpenSpan], tally: &mut Tally) -> &'a [OpenSpan] {
    let mut kept = 0;
    for i in 0..spans.len() {
        if kept > 0 && spans[kept - 1].span == spans[i].span {
            tally.duplicate_ids += 1;
        } else {
            spans[kept] = spans[i];
            kept += 1;
        }
    }
    &spans[..kept]
}

fn row(names: &[RedRow], red: RedId) -> RedRow {
    let nobody = RedKey { operation: OperationId::NONE, version: VersionId::NONE };
    let none = RedRow { key: nobody, service: u32::MAX };
    names.get(red.0 as usize).copied().unwrap_or(none)
}

fn service(names: &[RedRow], s: &OpenSpan) -> u32 {
    row(names, s.red).service
}

fn operation(names: &[RedRow], red: RedId) -> OperationId {
    row(names, red).key.operation
}

fn entry_code(s: &OpenSpan) -> EntryCode {
    EntryCode::new(s.red, Scope::Segment, s.failed(), band_of(s.duration()))
}

/// Nanoseconds times a 16.16 weight, rounded: each visit rounds alone, so order does not matter.
fn weigh(nanos: u64, weight: u64) -> u64 {
    u64::try_from((u128::from(nanos) * u128::from(weight) + (1 << 15)) >> 16).unwrap_or(u64::MAX)
}

fn entry_value(s: &OpenSpan, weight: u64) -> EntryValue {
    EntryValue { weight, entries: 1, duration_ns: weigh(s.duration(), weight) }
}

fn path_value(weight: u64, critical: u64, own: u64) -> PathValue {
    PathValue { visits: weight, critical_ns: weigh(critical, weight), self_ns: weigh(own, weight) }
}
