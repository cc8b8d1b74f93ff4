//! What became of everything that came in, in one line per signal.

use super::page::{Page, Tint};
use crate::text::number::{count, plain};
use longpole_model::finding::PlaceboRow;
use longpole_model::signal::{Fate, ReasonCounts, Tally};

pub(super) fn accounting(page: &mut Page, tally: &Tally) {
    page.gap();
    page.heading(0, "ACCOUNTING");
    fate(page, "spans", &tally.spans, tally.overflow_spans);
    fate(page, "points", &tally.points, tally.overflow_points);
    let mut notes =
        vec![format!("{} traces in {} segments", count(tally.traces), count(tally.segments))];
    for (n, what) in [
        (tally.rootless, "segments without their root"),
        (tally.late_segments, "segments told in a later window than they ended in"),
        (tally.long, "spans beyond the trace horizon"),
        (tally.not_kept, "spans not kept open"),
        (tally.after_close, "spans after their trace was evaluated"),
        (tally.duplicate_ids, "span ids seen twice"),
        (tally.clock_shifts, "calls brought to one clock"),
        (tally.overflow_rows, "rows folded into overflow"),
        (tally.replaced_text, "texts with invalid UTF-8 replaced"),
        (tally.truncated, "texts or lists cut"),
        (tally.not_finite, "values that were no number"),
        (tally.logs, "log records dropped"),
    ] {
        if n > 0 {
            notes.push(format!("{} {what}", count(n)));
        }
    }
    page.say(2, &notes.join("; "));
    if tally.requests.total() > 0 {
        let n = count(tally.requests.total());
        page.say(2, &format!("{n} messages could not be read{}", by_reason(&tally.requests)));
    }
}

/// The identity, with a word on whether it holds.
fn fate(page: &mut Page, what: &str, f: &Fate, overflow: u64) {
    let folded = if overflow > 0 { format!(" (overflow {})", count(overflow)) } else { "".into() };
    let gap = f.unexplained();
    let line = format!(
        "{what}: {} received = {} in windows + {} late + {} skewed{folded} + {} rejected{} + {} \
         duplicate + {} dropped; {}",
        count(f.received),
        count(f.window),
        count(f.late),
        count(f.skewed),
        count(f.rejected.total()),
        by_reason(&f.rejected),
        count(f.duplicate),
        count(f.dropped),
        if gap == 0 { "0 unexplained".into() } else { format!("UNEXPLAINED: {gap}") },
    );
    page.tinted(if gap == 0 { Tint::Plain } else { Tint::Alarm }, 2, &line);
}

fn by_reason(counts: &ReasonCounts) -> String {
    let parts: Vec<String> =
        counts.iter().map(|(r, n)| format!("{} {}", r.as_str(), count(n))).collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

pub(super) fn placebo(page: &mut Page, p: &PlaceboRow) {
    if p.tests == 0 {
        return;
    }
    let (tests, alarms) = (count(p.tests), count(p.alarms));
    let (rate, days) = (plain(p.alarms_per_series_day), plain(p.series_days));
    let factor = plain(p.threshold_factor);
    page.say(
        2,
        &format!(
            "placebo: {alarms} alarms in {tests} half-against-half tests, {rate} per series-day \
             over {days} series-days; thresholds x {factor}"
        ),
    );
}
