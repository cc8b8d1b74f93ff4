//! Counters of the accounting identity:
//! `received = recorded{window, late, skewed} + rejected{reason} + duplicate + dropped{reason}`.
//!
//! Everything refused, replaced or folded has a counter here; nothing is lost in silence.

use serde::{Deserialize, Serialize};

/// Why an item or a request was refused. A closed list: metrics and replies name nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Not OTLP: truncated, lying length, wrong wire type, field number 0, no JSON.
    Malformed,
    /// Above the byte limit, before or after decompression.
    TooLarge,
    /// Unknown or broken compression or content type.
    BadEncoding,
    /// More spans, points or attributes than one request may hold.
    TooManyItems,
    /// Values nested too deeply.
    TooDeep,
    /// Zero or wrong-sized trace or span id.
    BadId,
    /// The span ends before it starts.
    NegativeDuration,
    /// Start 0, far past, far future, or longer than a day.
    BadTime,
    /// A metric point that contradicts itself.
    BadPoint,
    /// Of a batch whose sequence is older than its producer's window.
    StaleSequence,
}

impl Reason {
    /// All reasons, in counter order.
    pub const ALL: [Self; 10] = [
        Self::Malformed,
        Self::TooLarge,
        Self::BadEncoding,
        Self::TooManyItems,
        Self::TooDeep,
        Self::BadId,
        Self::NegativeDuration,
        Self::BadTime,
        Self::BadPoint,
        Self::StaleSequence,
    ];

    /// Label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::BadEncoding => "bad_encoding",
            Self::TooManyItems => "too_many_items",
            Self::TooDeep => "too_deep",
            Self::BadId => "bad_id",
            Self::NegativeDuration => "negative_duration",
            Self::BadTime => "bad_time",
            Self::BadPoint => "bad_point",
            Self::StaleSequence => "stale_sequence",
        }
    }
}

/// Counts by [`Reason`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonCounts([u64; Reason::ALL.len()]);

impl ReasonCounts {
    /// Adds `n` under `reason`.
    pub fn add(&mut self, reason: Reason, n: u64) {
        if let Some(cell) = self.0.get_mut(reason as usize) {
            *cell = cell.saturating_add(n);
        }
    }

    /// Count under `reason`.
    pub fn get(&self, reason: Reason) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// Sum over all reasons.
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// Adds another set of counts.
    pub fn merge(&mut self, other: &Self) {
        for reason in Reason::ALL {
            self.add(reason, other.get(reason));
        }
    }

    /// Non-zero counts with their reasons.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        Reason::ALL.into_iter().map(|r| (r, self.get(r))).filter(|(_, n)| *n > 0)
    }
}

/// What a door refused or mended in one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejections {
    /// Refused spans.
    pub spans: ReasonCounts,
    /// Refused metric points.
    pub points: ReasonCounts,
    /// Texts with invalid UTF-8, replaced.
    pub replaced_text: u64,
    /// Texts or attribute lists cut to their cap.
    pub truncated: u64,
    /// Gauge points that were NaN or infinite: accepted and kept out of every statistic.
    pub not_finite: u64,
    /// Spans whose resource has no `service.name`.
    pub unnamed: u64,
    /// Log records, accepted and dropped (Longpole keeps no logs).
    pub logs: u64,
    /// One sentence on the first refusal, for the reply.
    pub message: Option<String>,
}

impl Rejections {
    /// Adds another request's rejections; the first message stays.
    pub fn merge(&mut self, other: &Self) {
        self.spans.merge(&other.spans);
        self.points.merge(&other.points);
        self.replaced_text = self.replaced_text.saturating_add(other.replaced_text);
        self.truncated = self.truncated.saturating_add(other.truncated);
        self.not_finite = self.not_finite.saturating_add(other.not_finite);
        self.unnamed = self.unnamed.saturating_add(other.unnamed);
        self.logs = self.logs.saturating_add(other.logs);
        if self.message.is_none() {
            self.message.clone_from(&other.message);
        }
    }
}

/// What became of the spans (or points) that were received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fate {
    /// Arrived in a readable request.
    pub received: u64,
    /// Counted in the window of their end.
    pub window: u64,
    /// Counted in totals only, behind the watermark.
    pub late: u64,
    /// Counted in the arrival window: ended too far ahead of it.
    pub skewed: u64,
    /// Refused.
    pub rejected: ReasonCounts,
    /// Seen before.
    pub duplicate: u64,
    /// Accepted and then given up (points that no series of the cap could take, non-finite values).
    pub dropped: u64,
}

impl Fate {
    /// `received` minus everything named; 0 when nothing was lost in silence.
    pub fn unexplained(&self) -> i128 {
        let named = [
            self.window,
            self.late,
            self.skewed,
            self.rejected.total(),
            self.duplicate,
            self.dropped,
        ];
        i128::from(self.received) - named.iter().map(|&n| i128::from(n)).sum::<i128>()
    }

    /// Adds another fate.
    pub fn merge(&mut self, other: &Self) {
        self.received = self.received.saturating_add(other.received);
        self.window = self.window.saturating_add(other.window);
        self.late = self.late.saturating_add(other.late);
        self.skewed = self.skewed.saturating_add(other.skewed);
        self.rejected.merge(&other.rejected);
        self.duplicate = self.duplicate.saturating_add(other.duplicate);
        self.dropped = self.dropped.saturating_add(other.dropped);
    }
}

/// Every counter of one aggregator or engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Fate of spans.
    pub spans: Fate,
    /// Fate of metric points.
    pub points: Fate,
    /// Recorded spans that were folded into an overflow operation.
    pub overflow_spans: u64,
    /// Recorded points that were folded into an overflow series.
    pub overflow_points: u64,
    /// Spans longer than the trace horizon: RED only.
    pub long: u64,
    /// Spans not kept open because the budget was full: RED only.
    pub not_kept: u64,
    /// Segments evaluated although their trace's root was missing.
    pub rootless: u64,
    /// Spans that came after their trace had been evaluated.
    pub after_close: u64,
    /// Span ids seen twice in one trace when it was evaluated.
    pub duplicate_ids: u64,
    /// Calls whose server's clock was brought to its client's when the trace was evaluated.
    pub clock_shifts: u64,
    /// Traces evaluated.
    pub traces: u64,
    /// Segments evaluated.
    pub segments: u64,
    /// Segments told in a later window than they ended in: it had closed before their trace was settled.
    pub late_segments: u64,
    /// Profile rows folded into the overflow row.
    pub overflow_rows: u64,
    /// Texts replaced (invalid UTF-8).
    pub replaced_text: u64,
    /// Texts or lists cut to their cap.
    pub truncated: u64,
    /// Non-finite gauge values kept out of statistics.
    pub not_finite: u64,
    /// Log records dropped.
    pub logs: u64,
    /// Requests (messages, lines) that could not be read, by reason.
    pub requests: ReasonCounts,
}

impl Tally {
    /// Adds another tally.
    pub fn merge(&mut self, other: &Self) {
        self.spans.merge(&other.spans);
        self.points.merge(&other.points);
        self.overflow_spans = self.overflow_spans.saturating_add(other.overflow_spans);
        self.overflow_points = self.overflow_points.saturating_add(other.overflow_points);
        self.long = self.long.saturating_add(other.long);
        self.not_kept = self.not_kept.saturating_add(other.not_kept);
        self.rootless = self.rootless.saturating_add(other.rootless);
        self.after_close = self.after_close.saturating_add(other.after_close);
        self.duplicate_ids = self.duplicate_ids.saturating_add(other.duplicate_ids);
        self.clock_shifts = self.clock_shifts.saturating_add(other.clock_shifts);
        self.traces = self.traces.saturating_add(other.traces);
        self.segments = self.segments.saturating_add(other.segments);
        self.late_segments = self.late_segments.saturating_add(other.late_segments);
        self.overflow_rows = self.overflow_rows.saturating_add(other.overflow_rows);
        self.replaced_text = self.replaced_text.saturating_add(other.replaced_text);
        self.truncated = self.truncated.saturating_add(other.truncated);
        self.not_finite = self.not_finite.saturating_add(other.not_finite);
        self.logs = self.logs.saturating_add(other.logs);
        self.requests.merge(&other.requests);
    }
}
