//! Recording: what one request's spans and points become in the tables of a shard, and which of its traces
//! are worth more than others. When windows close and traces are evaluated is not known here.

use super::Aggregator;
use crate::aggregate::clock::Slot;
use crate::aggregate::codes::SiteCode;
use crate::aggregate::open::OpenSpan;
use crate::aggregate::series::{Observed, SeriesTable};
use crate::aggregate::work::Work;
use crate::catalog::{MappedSeries, RedId};
use crate::shed::{Step, Typical};
use longpole_model::signal::{
    Category, Exemplar, Given, MetricPoint, OperationId, PARTITIONS, RedSummary, SiteKey,
    SpanRecord, StatusCode, Timestamp, TraceHash, Window, band_of, span_flags,
};

impl Aggregator {
    /// Asks the memory for what is written next, for the whole request at once: one after the other,
    /// each open span would wait for it.
    pub(super) fn touch(&self, work: &Work) {
        let (mut last, mut run, mut read) = (None, 0, 0);
        for place in work.dealt.of(self.shard, work.batch.spans.len()) {
            let Some(span) = work.batch.spans.get(work.dealt.span(place)) else { continue };
            run = if last == Some(span.trace) { run + 1 } else { 0 };
            last = Some(span.trace);
            read ^= self.partitions[span.trace.hash().partition()].touch(run);
        }
        std::hint::black_box(read);
    }

    /// Finds the traces of a request that are worth more than others, where not all are kept.
    pub(super) fn prize(&mut self, work: &Work) {
        self.precious.clear();
        if work.step == Step::default() && self.thinned == 0 {
            return;
        }
        self.typical.resize(self.names.len(), Typical::default());
        for place in work.dealt.of(self.shard, work.batch.spans.len()) {
            let Some(span) = work.batch.spans.get(work.dealt.span(place)) else { continue };
            let red = work.mapped.operations.get(span.operation as usize);
            let typical = red.and_then(|(red, _)| self.typical.get_mut(red.0 as usize));
            let slow = typical.is_some_and(|t| t.is_slow(band_of(span.duration())));
            if slow || is_precious(span) {
                self.precious.insert(span.trace.hash().0);
            }
        }
    }

    /// Records one span; gives back the window in which it counts.
    #[inline]
    pub(super) fn record(
        &mut self,
        span: &SpanRecord,
        red: RedId,
        query: u16,
        arrival: Timestamp,
        step: Step,
    ) -> Option<Window> {
        let hash = span.trace.hash();
        let in_time = span.end <= arrival.plus(self.limits.skew);
        let slot = match self.windows.recent(span.end, &self.clock) {
            Some(window) if in_time => Slot::Window(window),
            _ => self.clock.slot(span.end, arrival),
        };
        let (row, window) = match slot {
            Slot::Window(w) => {
                self.tally.spans.window += 1;
                (self.windows.at(w).red.at(red), Some(w))
            }
            Slot::Skewed(w) => {
                self.tally.spans.skewed += 1;
                (self.windows.at(w).red.at(red), Some(w))
            }
            Slot::Late => {
                self.tally.spans.late += 1;
                (self.late.at(red), None)
            }
        };
        add(&mut row.summary, span, hash);
        if step.takes_exemplars() {
            let duration_ns = span.duration();
            row.offer(Exemplar { hash: hash.0, trace: span.trace, duration_ns });
        } else {
            self.given.exemplars += 1;
        }
        if span.duration() > self.limits.horizon {
            self.tally.long += 1;
            return window;
        }
        let partition = &mut self.partitions[hash.partition()];
        let before = partition.len();
        let precious = is_precious(span) || self.precious.contains(&hash.0);
        let open = OpenSpan::new(span, red, arrival).with_query(query).precious(precious);
        let was = partition.is_thinned();
        let room = room(self.budget, self.open - before);
        let given = partition.push(open, room, step, &mut self.shelf);
        self.open = self.open + partition.len() - before;
        if given != Given::default() {
            self.thinned += usize::from(partition.is_thinned()) - usize::from(was);
            self.tally.not_kept += given.spans();
            self.given.add(given);
        }
        window
    }

    /// Counts how much a call carried.
    pub(super) fn payload(&mut self, window: Window, red: RedId, amount: u64, weight: u64) {
        let Some(name) = self.names.get(red.0 as usize).filter(|_| amount > 0) else { return };
        let peer = OperationId::NONE;
        let key = SiteKey { operation: name.key.operation, peer, category: Category::Payload };
        let cap = self.limits.rows_per_window;
        let kept = self.windows.at(window).site(cap, SiteCode::new(key), amount, weight, false);
        self.windows.overflow_rows += u64::from(!kept);
    }

    #[cold]
    pub(super) fn fault(&mut self, window: Window, red: RedId, error: &str, weight: u64) {
        let Some(name) = self.names.get(red.0 as usize) else { return };
        let cap = self.limits.faults_per_window;
        let kept = self.windows.at(window).fault(cap, name.key.operation, error, weight);
        self.windows.overflow_rows += u64::from(!kept);
    }

    pub(super) fn point(
        &mut self,
        point: &MetricPoint,
        series: MappedSeries,
        arrival: Timestamp,
        seen: impl FnOnce(&mut SeriesTable) -> Option<Observed>,
    ) {
        self.tally.overflow_points += u64::from(series.overflow);
        let slot = self.clock.slot(point.time, arrival);
        let (Slot::Window(window) | Slot::Skewed(window)) = slot else {
            self.tally.points.late += 1;
            return;
        };
        let Some(seen) = seen(&mut self.series) else {
            self.tally.points.duplicate += 1;
            return;
        };
        match slot {
            Slot::Skewed(_) => self.tally.points.skewed += 1,
            _ => self.tally.points.window += 1,
        }
        if series.overflow {
            return; // numbers of different series make no sum
        }
        let window = self.windows.at(window);
        for (id, summary) in seen {
            window.series(id, summary);
        }
    }
}

#[inline]
fn add(summary: &mut RedSummary, span: &SpanRecord, hash: TraceHash) {
    let weight = u64::from(span.weight.0);
    summary.spans += 1;
    summary.weight = summary.weight.saturating_add(weight);
    if span.status == StatusCode::Error {
        summary.failed += 1;
        summary.failed_weight = summary.failed_weight.saturating_add(weight);
    }
    summary.halves[hash.half()].record(span.duration(), weight);
}

/// Open spans that a partition may hold beside `others`: its share, or what these leave of a quarter of all, so that one
/// large trace stays whole where there is room for it. All together hold at most a quarter more than their shares.
#[inline]
fn room(share: usize, others: usize) -> usize {
    share.max((share * (PARTITIONS / 4)).saturating_sub(others))
}

/// What a span by itself says of its trace's worth.
fn is_precious(span: &SpanRecord) -> bool {
    span.status == StatusCode::Error || span.flags & span_flags::LINKED != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use longpole_model::signal::{SECOND, SpanId, TraceId};

    fn record(shard: &mut Aggregator, trace: u32, spans: std::ops::Range<u32>) {
        let mut id = [1; 16];
        id[8..12].copy_from_slice(&trace.to_be_bytes());
        for span in spans {
            let at = Timestamp(60 * SECOND);
            let span = SpanRecord {
                trace: TraceId(id),
                span: SpanId((u64::from(span) + 1).to_be_bytes()),
                start: at,
                end: at,
                ..SpanRecord::default()
            };
            shard.record(&span, RedId(0), 0, at, Step::default());
        }
    }

    #[test]
    fn a_large_trace_stays_whole_where_there_is_room() {
        let share = 40;
        let limits = Limits { open_spans: 2 * share * PARTITIONS, ..Limits::default() };
        let shard = || Aggregator::new(&limits, Timestamp(0), 0, 2);
        let held = |s: &Aggregator| (s.open_spans(), s.given().spans() as usize);
        let quarter = (share * PARTITIONS / 4) as u32;

        let mut alone = shard();
        record(&mut alone, 0, 0..quarter);
        assert_eq!(held(&alone), (quarter as usize, 0));
        record(&mut alone, 0, quarter..quarter + 9);
        let (open, lost) = held(&alone);
        assert!(open + lost == quarter as usize + 9 && lost > 0, "not without end");

        let mut busy = shard();
        record(&mut busy, 0, 0..1_000);
        (1..4_000).for_each(|trace| record(&mut busy, trace, 0..1));
        assert_eq!(held(&busy), (4_999, 0), "nobody else is in need");
        (4_000..6_000).for_each(|trace| record(&mut busy, trace, 0..1));
        let (open, lost) = held(&busy);
        assert!(open + lost == 6_999 && lost > 900, "{lost} for the others' sake");
    }

    #[test]
    fn what_one_partition_has_beyond_its_share_is_bounded() {
        let (share, all) = (40, 40 * PARTITIONS);
        assert_eq!(room(share, 0), all / 4);
        assert_eq!(room(share, all / 4 - share), share);
        assert_eq!(room(share, all), share);
        assert_eq!(room(0, 0), 0);
    }

    #[test]
    fn segments_that_windows_did_not_wait_for_are_counted() {
        let told = |lateness| {
            let limits = Limits { window: SECOND, lateness, ..Limits::default() };
            let mut shard = Aggregator::new(&limits, Timestamp(0), 0, 1);
            shard.advance(Timestamp(60 * SECOND));
            record(&mut shard, 0, 0..3);
            let closed = shard.advance(Timestamp(90 * SECOND)).expect("windows close");
            let mut tally = shard.pending();
            closed.summaries.iter().for_each(|s| tally.merge(&s.tally));
            (tally.segments, tally.late_segments)
        };
        assert_eq!(told(2 * SECOND), (3, 3));
        // Settled after five seconds, visited within 2.56 more.
        assert_eq!(told(8 * SECOND), (3, 0));
    }
}
