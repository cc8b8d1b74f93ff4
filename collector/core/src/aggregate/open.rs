//! An open span: what is kept of a span until its trace is settled, in one cache line.
//!
//! Where they lie is [`super::partition`].

use crate::catalog::RedId;
use longpole_model::signal::{
    Content, SpanCategory, SpanId, SpanKind, SpanRecord, StatusCode, Timestamp, TraceId, Weight,
};
use serde::{Deserialize, Serialize};

/// A span waiting for the rest of its trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[repr(align(64))]
pub struct OpenSpan {
    pub trace: TraceId,
    pub span: SpanId,
    pub parent: SpanId,
    pub start: Timestamp,
    /// Duration (47 bits: a day is 2^46.3 ns) and, above it, kind, status, category, and the fingerprint of a
    /// query.
    pub packed: u64,
    pub red: RedId,
    pub weight: Weight,
    /// Log milliseconds of arrival (27 bits: a day and a half; compared only within one horizon) and, above
    /// them, whether its trace is precious, and the level that it was kept at.
    arrived: u32,
    /// Where its bytes begin in its log entry.
    pub offset: u32,
}

const _: () = assert!(size_of::<OpenSpan>() == 64);
const DURATION_BITS: u32 = 47;
/// Bits of the tags below a query's fingerprint.
const KIND_BITS: u32 = 7;
const MILLISECOND: u64 = 1_000_000;
const ARRIVAL: u32 = (1 << 27) - 1;
const PRECIOUS: u32 = 1 << 27;
const LEVEL_AT: u32 = 28;
/// Most halvings that a span may stand for.
pub const MOST_LEVEL: u32 = 15;

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
            arrived: (arrival.0 / MILLISECOND) as u32 & ARRIVAL,
            offset: s.offset,
        }
    }

    /// The same with the fingerprint of its query.
    #[inline]
    pub fn with_query(mut self, query: u16) -> Self {
        self.packed |= u64::from(query.min(Content::QUERIES)) << (DURATION_BITS + KIND_BITS);
        self
    }

    /// Fingerprint of its query and values; 0 = not known.
    pub fn query(&self) -> u16 {
        (self.tags() >> KIND_BITS) as u16
    }

    /// The same, of a trace that is worth more than others: failed, slow or linked.
    pub fn precious(mut self, is: bool) -> Self {
        self.arrived = self.arrived & !PRECIOUS | if is { PRECIOUS } else { 0 };
        self
    }

    /// Whether its trace is worth more than others.
    pub fn is_precious(&self) -> bool {
        self.arrived & PRECIOUS != 0
    }

    /// Halvings of traces that it stands for: it weighs 2^level.
    pub fn level(&self) -> u32 {
        self.arrived >> LEVEL_AT & MOST_LEVEL
    }

    /// Raises the level to `level`; it never falls.
    pub fn raise(&mut self, level: u32) {
        let level = level.min(MOST_LEVEL).max(self.level());
        self.arrived = self.arrived & !(MOST_LEVEL << LEVEL_AT) | level << LEVEL_AT;
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
    pub fn age(&self, now: Timestamp) -> u64 {
        u64::from(((now.0 / MILLISECOND) as u32).wrapping_sub(self.arrived) & ARRIVAL) * MILLISECOND
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
        assert_eq!((o.query(), o.with_query(Content::QUERIES).query()), (0, Content::QUERIES));
        let o = o.with_query(Content::QUERIES);
        assert_eq!((o.duration(), o.kind()), (86_400 * SECOND, SpanKind::Consumer));
        assert_eq!((o.failed(), o.category()), (true, SpanCategory::Wait));
        assert_eq!(o.age(Timestamp(8 * SECOND)), 5 * SECOND);
        let mut marked = o.precious(true);
        marked.raise(9);
        marked.raise(3);
        assert_eq!((marked.level(), marked.is_precious()), (9, true));
        assert_eq!((marked.duration(), marked.category()), (o.duration(), o.category()));
        let asked = marked.with_query(Content::QUERIES);
        assert_eq!(
            (asked.query(), asked.level(), asked.is_precious()),
            (Content::QUERIES, 9, true)
        );
        assert_eq!((asked.kind(), asked.age(Timestamp(8 * SECOND))), (o.kind(), 5 * SECOND));
        assert_eq!((o.level(), o.is_precious()), (0, false));
    }
}
