//! Clocks of hosts that differ, within one trace: a server's span that lies outside of the client's span
//! that waited for it is moved into its middle, with all that its process did.
//!
//! The standard correction (as Jaeger's). A call and its answer are on the way in equal parts, or are they: all
//! that is known is that the true place is within half the gap. Durations are never changed, and a
//! trace is judged alone, so that the result does not depend on what else a shard has seen.

use super::open::OpenSpan;
use super::tree::{NOBODY, Tree};
use longpole_model::signal::{SpanKind, Timestamp};

/// Clocks that differ by more are no clocks: the span stays where it says it was.
const MOST: i64 = 60_000_000_000;

/// Moves spans; its buffer is reused.
#[derive(Debug, Default)]
pub struct Clocks {
    shifts: Vec<i64>,
}

/// By how much the server's span has to move so that it lies in the middle of its client's, which is moved by
/// `above` itself; 0 where it lies within, or where the client did not wait for it.
fn shift(client: &OpenSpan, above: i64, server: &OpenSpan) -> i64 {
    // Who gave up, or ended before the answer on purpose, says nothing about clocks.
    let waited = client.kind() == SpanKind::Client && !client.failed();
    let Some(gap) = client.duration().checked_sub(server.duration()).filter(|_| waited) else {
        return 0;
    };
    let start = client.start.0.cast_signed().saturating_add(above);
    let late = server.start.0.cast_signed().saturating_sub(start);
    if (0..=gap.cast_signed()).contains(&late) {
        return 0;
    }
    let shift = (gap / 2).cast_signed().saturating_sub(late);
    if shift.abs() <= MOST { shift } else { 0 }
}

impl Clocks {
    /// Brings the spans of a trace to the clocks of those who called; tells how many calls were moved.
    pub fn agree(&mut self, tree: &Tree, spans: &mut [OpenSpan]) -> u64 {
        let call = |spans: &[OpenSpan], i: u32| {
            let p = tree.parent[i as usize];
            let served = p != NOBODY && spans[i as usize].kind() == SpanKind::Server;
            served.then_some(p)
        };
        let off = |i: u32| {
            let (s, p) = (&spans[i as usize], call(spans, i));
            p.is_some_and(|p| shift(&spans[p as usize], 0, s) != 0)
        };
        // Nearly always all is well, and nothing else is looked at.
        if !(0..spans.len() as u32).any(off) {
            return 0;
        }
        self.shifts.clear();
        self.shifts.resize(spans.len(), 0);
        let mut moved = 0;
        for &i in &tree.topological {
            let (i, p) = (i as usize, tree.parent[i as usize]);
            if p == NOBODY {
                continue;
            }
            let above = self.shifts[p as usize];
            self.shifts[i] = match (call(spans, i as u32), spans[i].kind().enters()) {
                (Some(p), _) => shift(&spans[p as usize], above, &spans[i]),
                // Another process, of whose clock nothing is known.
                (None, true) => 0,
                (None, false) => above,
            };
            moved += u64::from(spans[i].kind().enters() && self.shifts[i] != 0);
        }
        for (span, shift) in spans.iter_mut().zip(&self.shifts) {
            span.start = Timestamp(span.start.0.saturating_add_signed(*shift));
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::RedId;
    use SpanKind::{Client, Internal, Server};
    use longpole_model::signal::{SpanId, SpanRecord, StatusCode, TraceId};

    const BASE: u64 = 100_000;

    /// (id, parent, kind, start, end) to starts afterwards.
    fn moved(rows: &[(u8, u8, SpanKind, u64, u64)], failed: Option<u8>) -> (u64, Vec<u64>) {
        let one = |&(id, parent, kind, start, end): &(u8, u8, SpanKind, u64, u64)| {
            let s = SpanRecord {
                trace: TraceId([1; 16]),
                span: SpanId([id; 8]),
                parent: SpanId([parent; 8]),
                start: Timestamp(BASE + start),
                end: Timestamp(BASE + end),
                kind,
                status: if failed == Some(id) { StatusCode::Error } else { StatusCode::Unset },
                ..SpanRecord::default()
            };
            OpenSpan::new(&s, RedId(0), Timestamp(0))
        };
        let mut spans: Vec<OpenSpan> = rows.iter().map(one).collect();
        let mut tree = Tree::default();
        tree.build(&spans);
        let n = Clocks::default().agree(&tree, &mut spans);
        (n, spans.iter().map(|s| s.start.0 - BASE).collect())
    }

    #[test]
    fn a_process_whose_clock_is_off_is_moved_with_all_it_did() {
        // The callee's clock is 500 ahead; whom it calls has the first one's clock.
        let rows = [
            (1, 0, Server, 0, 100),
            (2, 1, Client, 10, 90),
            (3, 2, Server, 520, 580),
            (4, 3, Internal, 525, 530),
            (5, 3, Client, 540, 570),
            (6, 5, Server, 45, 65),
        ];
        assert_eq!(moved(&rows, None), (1, vec![0, 10, 20, 25, 40, 45]));
        assert_eq!(moved(&rows, Some(2)).0, 1, "a client that failed did not wait: 6 is off then");
    }

    #[test]
    fn what_lies_within_or_outlives_its_caller_stays() {
        let within = [(1, 0, Client, 0, 100), (2, 1, Server, 0, 100)];
        assert_eq!(moved(&within, None), (0, vec![0, 0]));
        let longer = [(1, 0, Client, 0, 100), (2, 1, Server, 50, 200)];
        assert_eq!(moved(&longer, None), (0, vec![0, 50]));
        let no_call = [(1, 0, Internal, 0, 100), (2, 1, Server, 90, 120)];
        assert_eq!(moved(&no_call, None), (0, vec![0, 90]));
    }
}
