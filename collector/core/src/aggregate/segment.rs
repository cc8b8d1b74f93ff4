//! A settled trace becomes rows: segments, sites, path profiles.
//!
//! A *segment* is a server or consumer span, the first span of another service, or a root, with what
//! hangs below it in its process.
//! Segments are profiled even when the rest of the trace is missing; the whole trace only below a
//! real root. In a segment's profile its own sites and the waits for callees add up to exactly its
//! duration; in a trace's profile all sites do.

use super::clocks::Clocks;
use super::codes::{EntryCode, PathCode, SiteCode};
use super::habits::{Habit, Habits, Seen};
use super::open::OpenSpan;
use super::partition::Settled;
use super::tree::{NOBODY, Step, Tree};
use crate::catalog::{RedId, RedRow};
use longpole_model::signal::{
    Category, EdgeKey, EntryValue, OperationId, PathValue, RedKey, Scope, SiteKey, SpanCategory,
    SpanKind, Tally, Timestamp, VersionId, band_of,
};

/// Where the rows of an evaluated trace go.
pub trait Rows {
    /// Whether the window that holds `end` is closed, so that rows go to a later one.
    fn is_late(&self, end: Timestamp) -> bool;
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
    clocks: Clocks,
    habits: Habits,
    rows: Vec<Row>,
}

/// What is found out about one span.
#[derive(Clone, Copy, Debug)]
struct Row {
    site: SiteCode,
    /// Entry of the segment that it begins; of others it is not looked at.
    entry: EntryCode,
    /// The span without a known parent above it, and the one that begins its segment.
    root: u32,
    segment: u32,
    /// Own nanoseconds on the critical path of the root, and what it takes of it with all below.
    whole: u64,
    stretch: u64,
    /// Whether the root's path runs through all of it.
    entire: bool,
    /// The same on the critical path of its segment; where the segment is entire, they are the same
    /// and not written here.
    local: u64,
    local_stretch: u64,
}

impl Evaluator {
    /// Turns one trace into rows.
    pub fn evaluate(
        &mut self,
        trace: Settled<'_>,
        names: &[RedRow],
        tally: &mut Tally,
        out: &mut impl Rows,
    ) {
        let spans = distinct(trace.spans, tally);
        tally.traces += 1;
        if trace.remains {
            tally.after_close += spans.len() as u64;
        }
        self.tree.build(spans);
        let moved = self.clocks.agree(&self.tree, spans);
        if moved > 0 {
            tally.clock_shifts += moved;
            self.tree.build(spans);
        }
        let spans = &*spans;
        self.place(spans, names);
        self.walk(spans);
        let rooted = spans.iter().any(|s| s.parent.is_zero());
        let begin = (0u32..).zip(&self.rows).zip(spans).filter(|((i, row), _)| row.segment == *i);
        let (mut segments, mut late) = (0, 0);
        for (_, span) in begin {
            segments += 1;
            late += u64::from(out.is_late(span.end()));
        }
        tally.segments += segments;
        tally.late_segments += late;
        tally.rootless += if rooted { 0 } else { segments };
        self.emit(spans, names, out);
    }

    /// Site, root and segment of every span.
    fn place(&mut self, spans: &[OpenSpan], names: &[RedRow]) {
        let Self { tree, rows, .. } = self;
        rows.clear();
        for (i, s) in (0u32..).zip(spans) {
            let (category, peer) = category(tree, spans, names, i);
            let key = SiteKey {
                operation: operation(names, s.red),
                peer: peer.unwrap_or(OperationId::NONE),
                category,
            };
            rows.push(Row {
                site: SiteCode::new(key),
                entry: entry_code(s),
                root: i,
                segment: i,
                whole: 0,
                stretch: 0,
                entire: false,
                local: 0,
                local_stretch: 0,
            });
        }
        for &i in &tree.topological {
            let parent = tree.parent[i as usize];
            if parent == NOBODY {
                continue;
            }
            let (s, p) = (&spans[i as usize], &spans[parent as usize]);
            let above = rows[parent as usize];
            let row = &mut rows[i as usize];
            row.root = above.root;
            // A span of another service is another process, whatever its kind says.
            if !s.kind().enters() && service(names, s) == service(names, p) {
                row.segment = above.segment;
            }
        }
    }

    /// Critical paths: of every root, and of the segments that its path does not run through whole.
    fn walk(&mut self, spans: &[OpenSpan]) {
        let Self { tree, rows, .. } = self;
        for i in 0..spans.len() as u32 {
            if rows[i as usize].root != i {
                continue;
            }
            rows[i as usize].entire = true;
            tree.critical_path(spans, i, |step| match step {
                Step::Own { span, nanos } => {
                    rows[span as usize].whole += nanos;
                    true
                }
                Step::Child { span, from, to } => {
                    let (row, s) = (&mut rows[span as usize], &spans[span as usize]);
                    row.stretch = to - from;
                    row.entire = (from, to) == (s.start.0, s.end().0);
                    true
                }
            });
        }
        for i in 0..spans.len() as u32 {
            if rows[i as usize].segment != i || rows[i as usize].entire {
                continue;
            }
            tree.critical_path(spans, i, |step| match step {
                Step::Own { span, nanos } => {
                    rows[span as usize].local += nanos;
                    true
                }
                Step::Child { span, from, to } => {
                    let row = &mut rows[span as usize];
                    row.local_stretch = to - from;
                    row.segment != span
                }
            });
        }
    }

    /// Nanoseconds of span `i` on its segment's critical path.
    fn local(&self, i: usize) -> u64 {
        let row = &self.rows[i];
        if self.rows[row.segment as usize].entire { row.whole } else { row.local }
    }

    /// Nanoseconds that segment `i` takes of the critical path of the segment above it.
    fn callee(&self, i: usize, above: usize) -> u64 {
        let row = &self.rows[i];
        if self.rows[above].entire { row.stretch } else { row.local_stretch }
    }

    fn emit(&mut self, spans: &[OpenSpan], names: &[RedRow], out: &mut impl Rows) {
        for (i, s) in spans.iter().enumerate() {
            let weight = u64::from(s.weight.0) << s.level();
            let Row { site, root: at, segment: above, whole, .. } = self.rows[i];
            let (at, above) = (at as usize, above as usize);
            let entry = self.rows[above].entry;
            let end = spans[above].end();
            if above == i {
                let value = entry_value(s, weight);
                out.entry(end, entry, value);
                if s.parent.is_zero() {
                    out.entry(end, entry.of_trace(), value);
                }
                self.edge(spans, names, i, weight, out);
            }
            let own = self.tree.own[i];
            out.path(end, PathCode::new(entry, site), path_value(weight, self.local(i), own));
            out.site(end, site, own, weight, s.failed());
            self.habits.look(&self.tree, spans, i as u32, |seen| {
                let key = PathCode::new(entry, habit(names, &seen));
                let visits = weight.saturating_mul(seen.times);
                let self_ns = weigh(seen.nanos, weight);
                out.path(end, key, PathValue { visits, critical_ns: 0, self_ns });
            });
            let root = &spans[at];
            if root.parent.is_zero() {
                let key = PathCode::new(self.rows[at].entry.of_trace(), site);
                out.path(root.end(), key, path_value(weight, whole, own));
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
        out: &mut impl Rows,
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
            out.edge(callee.end(), key, call);
        }
        let Some(caller) = caller else { return };
        let above = self.rows[p as usize].segment as usize;
        let (entry, end) = (self.rows[above].entry, spans[above].end());
        let site = |category| {
            SiteCode::new(SiteKey {
                operation: operation(names, caller.red),
                peer: operation(names, callee.red),
                category,
            })
        };
        let value = path_value(weight, self.callee(i, above), 0);
        out.path(end, PathCode::new(entry, site(Category::Callee)), value);
        if callee.kind() == SpanKind::Consumer {
            let wait = callee.start.since(caller.end());
            let queue = site(Category::Queue);
            out.site(end, queue, wait, weight, false);
            out.path(end, PathCode::new(entry, queue), path_value(weight, 0, wait));
        }
    }
}

/// What a span shows of where its time goes, and the other side of an edge.
fn category(
    tree: &Tree,
    spans: &[OpenSpan],
    names: &[RedRow],
    i: u32,
) -> (Category, Option<OperationId>) {
    let s = &spans[i as usize];
    let server = || {
        let mut children = tree.children(i).map(|c| &spans[c as usize]);
        let answers =
            |c: &&OpenSpan| c.kind() == SpanKind::Server || service(names, c) != service(names, s);
        children.find(answers).map(|c| operation(names, c.red))
    };
    match (s.category(), s.kind()) {
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
    }
}

/// The row of a habit.
fn habit(names: &[RedRow], seen: &Seen) -> SiteCode {
    let (red, peer, category) = match seen.habit {
        Habit::Serial { first, then } => (first, operation(names, then), Category::Serial),
        Habit::Repeat { query } => (query, OperationId::NONE, Category::Repeat),
    };
    SiteCode::new(SiteKey { operation: operation(names, red), peer, category })
}

/// Drops spans whose id was seen before in the trace; the earliest start stays.
fn distinct<'a>(spans: &'a mut [OpenSpan], tally: &mut Tally) -> &'a mut [OpenSpan] {
    let mut kept = 0;
    for i in 0..spans.len() {
        if kept > 0 && spans[kept - 1].span == spans[i].span {
            tally.duplicate_ids += 1;
        } else {
            spans[kept] = spans[i];
            kept += 1;
        }
    }
    &mut spans[..kept]
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
#[inline]
fn weigh(nanos: u64, weight: u64) -> u64 {
    if weight == 1 << 16 {
        return nanos;
    }
    u64::try_from((u128::from(nanos) * u128::from(weight) + (1 << 15)) >> 16).unwrap_or(u64::MAX)
}

fn entry_value(s: &OpenSpan, weight: u64) -> EntryValue {
    EntryValue { weight, entries: 1, duration_ns: weigh(s.duration(), weight) }
}

fn path_value(weight: u64, critical: u64, own: u64) -> PathValue {
    PathValue { visits: weight, critical_ns: weigh(critical, weight), self_ns: weigh(own, weight) }
}
