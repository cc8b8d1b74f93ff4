//! What became of everything that came in, spelled out per signal.
//!
//! `received = recorded{window, late, skewed} + rejected{reason} + duplicate + dropped + unexplained`,
//! and `unexplained` is 0 unless something was lost in silence.

use longpole_model::signal::{Fate, Reason, ReasonCounts, Tally};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All counters of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounting {
    /// Fate of spans.
    pub spans: SignalAccount,
    /// Fate of metric points.
    pub points: SignalAccount,
    /// Log records: accepted, not kept.
    pub logs_dropped: u64,
    /// Requests, messages or lines that could not be read, by reason.
    pub rejected_requests: BTreeMap<Reason, u64>,
    /// What became of traces.
    pub traces: TraceAccount,
    /// Texts with invalid UTF-8, replaced.
    pub replaced_text: u64,
    /// Texts or attribute lists cut to their cap.
    pub truncated: u64,
    /// Gauge values that were no number, kept out of statistics.
    pub not_finite: u64,
}

/// Fate of one signal's items.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalAccount {
    /// Arrived in a readable request.
    pub received: u64,
    /// Counted, by where.
    pub recorded: Recorded,
    /// Refused, by reason; every reason is named.
    pub rejected: BTreeMap<Reason, u64>,
    /// Seen before.
    pub duplicate: u64,
    /// Accepted and then given up.
    pub dropped: u64,
    /// `received` minus all of the above.
    pub unexplained: i64,
    /// Of the recorded ones, how many were folded into an overflow series.
    pub overflow: u64,
}

/// Where recorded items count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// In the window of their end.
    pub window: u64,
    /// In totals only, behind the watermark.
    pub late: u64,
    /// In the arrival window: ended too far ahead of it.
    pub skewed: u64,
}

/// What became of traces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceAccount {
    /// Traces evaluated.
    pub evaluated: u64,
    /// Segments evaluated.
    pub segments: u64,
    /// Segments evaluated although their root was missing.
    pub rootless: u64,
    /// Segments told in a later window than they ended in.
    #[serde(default)]
    pub late: u64,
    /// Spans longer than the trace horizon.
    pub long_spans: u64,
    /// Spans not kept open because the budget was full.
    pub not_kept_spans: u64,
    /// Spans that came after their trace had been evaluated.
    pub after_close_spans: u64,
    /// Span ids seen twice in one trace.
    pub duplicate_ids: u64,
    /// Calls whose server's clock was brought to its client's.
    #[serde(default)]
    pub clock_shifts: u64,
    /// Profile rows folded into the overflow row.
    pub overflow_rows: u64,
}

fn reasons(counts: &ReasonCounts) -> BTreeMap<Reason, u64> {
    Reason::ALL.into_iter().map(|r| (r, counts.get(r))).collect()
}

impl SignalAccount {
    fn of(fate: &Fate, overflow: u64) -> Self {
        let gap = fate.unexplained();
        let bound = if gap < 0 { i64::MIN } else { i64::MAX };
        Self {
            received: fate.received,
            recorded: Recorded { window: fate.window, late: fate.late, skewed: fate.skewed },
            rejected: reasons(&fate.rejected),
            duplicate: fate.duplicate,
            dropped: fate.dropped,
            unexplained: i64::try_from(gap).unwrap_or(bound),
            overflow,
        }
    }
}

impl From<&Tally> for Accounting {
    fn from(t: &Tally) -> Self {
        Self {
            spans: SignalAccount::of(&t.spans, t.overflow_spans),
            points: SignalAccount::of(&t.points, t.overflow_points),
            logs_dropped: t.logs,
            rejected_requests: reasons(&t.requests),
            traces: TraceAccount {
                evaluated: t.traces,
                segments: t.segments,
                rootless: t.rootless,
                late: t.late_segments,
                long_spans: t.long,
                not_kept_spans: t.not_kept,
                after_close_spans: t.after_close,
                duplicate_ids: t.duplicate_ids,
                clock_shifts: t.clock_shifts,
                overflow_rows: t.overflow_rows,
            },
            replaced_text: t.replaced_text,
            truncated: t.truncated,
            not_finite: t.not_finite,
        }
    }
}
