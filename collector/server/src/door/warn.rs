//! The sentence in a partial success: what was refused and why, and what will mislead its sender
//! later: no service name, a clock ahead, sampling without a weight.

use longpole_model::signal::{Batch, Rejections, SECOND, Timestamp, UNKNOWN_SERVICE, span_flags};

/// A clock this far ahead is worth a word, nanoseconds.
const AHEAD: u64 = 5 * SECOND;
/// Bytes of a message.
const LONGEST: usize = 1_000;

/// What to tell the sender; `None` when all is well.
pub(super) fn message(batch: &Batch, rejections: &Rejections, now: Timestamp) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    if let Some(first) = &rejections.message {
        parts.push(first.clone());
    }
    if rejections.unnamed > 0 {
        parts.push(format!(
            "{} items have no service.name; shown as {UNKNOWN_SERVICE}. Set OTEL_SERVICE_NAME.",
            rejections.unnamed
        ));
    }
    if let Some(latest) = batch.latest().filter(|t| t.since(now) > AHEAD) {
        parts.push(format!(
            "the sender's clock is {} s ahead of the collector's; what ends in the future counts \
             where it arrived. Synchronise the clocks (NTP).",
            latest.since(now) / SECOND
        ));
    }
    let unweighted = batch.spans.iter().filter(|s| s.flags & span_flags::NO_WEIGHT != 0).count();
    if unweighted > 0 {
        parts.push(format!(
            "{unweighted} spans were sampled without a weight (tracestate ot=th); their rates are \
             those of the sample."
        ));
    }
    if rejections.logs > 0 {
        parts.push(format!("{} log records were dropped: no logs are kept.", rejections.logs));
    }
    if parts.is_empty() {
        return None;
    }
    let mut text = parts.join(" ");
    if text.len() > LONGEST {
        let cut = (0..=LONGEST).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.truncate(cut);
    }
    Some(text)
}
