//! One `Span` message, walked once: ids, times, kind, status, weight, known attributes.

use super::Refusal;
use super::attributes::Budget;
use super::name::Known;
use super::wire::{Fields, Value};
use longpole_model::signal::{Reason, SECOND, SpanKind, StatusCode, Timestamp, Weight, span_flags};

/// What a span message says, still as slices.
#[derive(Debug, Default)]
pub(super) struct Walked<'a> {
    pub(super) trace: &'a [u8],
    pub(super) span: &'a [u8],
    pub(super) parent: &'a [u8],
    pub(super) name: &'a [u8],
    pub(super) kind: SpanKind,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) status: StatusCode,
    pub(super) weight: Weight,
    pub(super) flags: u8,
    pub(super) known: Known<'a>,
    /// `exception.type` of the last exception event, or `exception` where it names none.
    pub(super) exception: &'a [u8],
    /// Finding of the last query plan event.
    pub(super) plan: &'a [u8],
    /// Attributes beyond the cap, not looked at.
    pub(super) unseen: bool,
}

/// Walks a span.
pub(super) fn walk<'a>(message: &'a [u8], budget: &mut Budget<'_>) -> Result<Walked<'a>, Refusal> {
    let mut s = Walked::default();
    let mut attributes = 0;
    for field in Fields::new(message) {
        match field? {
            (1, v) => s.trace = v.bytes()?,
            (2, v) => s.span = v.bytes()?,
            (3, v) => s.weight = weight(v.bytes()?),
            (4, v) => s.parent = v.bytes()?,
            (5, v) => s.name = v.bytes()?,
            (6, v) => s.kind = SpanKind::from_wire(v.varint()?),
            (7, v) => s.start = v.fixed64()?,
            (8, v) => s.end = v.fixed64()?,
            (9, v) => {
                attributes += 1;
                let (key, value) = budget.attribute(v.bytes()?)?;
                if attributes <= budget.limits.attributes_per_item {
                    s.known.take(key, value);
                } else {
                    s.unseen = true;
                }
            }
            (11, v) => event(v.bytes()?, budget, &mut s)?,
            (15, v) => s.status = status(v.bytes()?)?,
            // OTLP flags: bit 8 says whether the remote bit is known, bit 9 that the parent is remote.
            (16, Value::Fixed32(f)) if f & 0x300 == 0x300 => s.flags |= span_flags::REMOTE_PARENT,
            _ => {}
        }
    }
    Ok(s)
}

fn status(message: &[u8]) -> Result<StatusCode, Refusal> {
    let mut out = StatusCode::Unset;
    for field in Fields::new(message) {
        if let (3, v) = field? {
            out = StatusCode::from_wire(v.varint()?);
        }
    }
    Ok(out)
}

fn event<'a>(
    message: &'a [u8],
    budget: &mut Budget<'_>,
    s: &mut Walked<'a>,
) -> Result<(), Refusal> {
    let (mut name, mut exception, mut plan) = (&[][..], &[][..], &[][..]);
    for field in Fields::new(message) {
        match field? {
            (2, v) => name = v.bytes()?,
            (3, v) => {
                let (key, value) = budget.attribute(v.bytes()?)?;
                match key {
                    b"exception.type" => exception = value.text(),
                    b"db.query.plan.finding" => plan = value.text(),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    match name {
        b"exception" => s.exception = if exception.is_empty() { b"exception" } else { exception },
        b"db.query.plan" => s.plan = plan,
        _ => {}
    }
    Ok(())
}

/// The weight that `ot=th:<hex>` in a W3C `tracestate` stands for; no or a broken one is 1.
fn weight(tracestate: &[u8]) -> Weight {
    let mut members = tracestate.split(|b| *b == b',').map(<[u8]>::trim_ascii);
    let Some(ot) = members.find_map(|m| m.strip_prefix(b"ot=")) else { return Weight::ONE };
    let th = ot.split(|b| *b == b';').find_map(|kv| kv.strip_prefix(b"th:"));
    let threshold = th
        .and_then(|th| std::str::from_utf8(th).ok())
        .filter(|th| (1..=14).contains(&th.len()) && th.bytes().all(|b| b.is_ascii_hexdigit()));
    // Trailing zeros may be left out: "8" is 8 followed by thirteen zeros.
    threshold
        .and_then(|th| u64::from_str_radix(&format!("{th:0<14}"), 16).ok())
        .map_or(Weight::ONE, Weight::from_threshold)
}

/// The earliest start that is believed: 1980-01-06, GPS time's first day.
const EARLIEST: u64 = 315_964_800 * SECOND;
/// The latest: 2200-01-01.
const LATEST: u64 = 7_258_118_400 * SECOND;
const DAY: u64 = 86_400 * SECOND;
const HOUR: u64 = 3_600 * SECOND;

/// Why a span cannot be taken, if it cannot.
pub(super) fn judge(s: &Walked<'_>, now: Option<Timestamp>) -> Option<Reason> {
    let zero = |id: &[u8]| id.iter().all(|b| *b == 0);
    let bad_id = s.trace.len() != 16
        || s.span.len() != 8
        || !matches!(s.parent.len(), 0 | 8)
        || zero(s.trace)
        || zero(s.span);
    if bad_id {
        return Some(Reason::BadId);
    }
    if s.end < s.start {
        return Some(Reason::NegativeDuration);
    }
    let bad_time = s.start < EARLIEST
        || s.end > LATEST
        || s.end - s.start > DAY
        || now.is_some_and(|now| s.end > now.0.saturating_add(HOUR));
    bad_time.then_some(Reason::BadTime)
}

/// Whether a point in time can be believed.
pub(super) fn plausible(time: u64, now: Option<Timestamp>) -> bool {
    (EARLIEST..=LATEST).contains(&time) && now.is_none_or(|now| time <= now.0.saturating_add(HOUR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_become_weights() {
        assert_eq!(weight(b"vendor=1, ot=rv:00;th:8"), Weight(2 << 16));
        assert_eq!(weight(b"ot=th:c"), Weight(4 << 16));
        for broken in [&b"ot=th:"[..], b"ot=th:xyz", b"ot=th:123456789abcdef", b"\xff\xff", b""] {
            assert_eq!(weight(broken), Weight::ONE);
        }
    }
}
