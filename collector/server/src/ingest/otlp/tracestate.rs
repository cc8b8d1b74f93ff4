//! The sampling weight in W3C `tracestate`: `ot=th:<hex>`.
//!
//! Everything else in it is passed over; an unreadable threshold means weight one.

use longpole_model::signal::Weight;

/// The weight that `tracestate` declares.
#[inline]
pub(crate) fn weight(tracestate: &[u8]) -> Weight {
    if tracestate.is_empty() {
        return Weight::ONE;
    }
    threshold(tracestate).map_or(Weight::ONE, Weight::from_threshold)
}

/// Whether OpenTelemetry's own member is there and names no threshold: the trace was sampled by
/// somebody who does not say how.
#[cold]
pub(crate) fn unweighted(tracestate: &[u8]) -> bool {
    let mut members = tracestate.split(|b| *b == b',');
    members.any(|m| m.trim_ascii().starts_with(b"ot=")) && threshold(tracestate).is_none()
}

fn threshold(tracestate: &[u8]) -> Option<u64> {
    let vendor = tracestate
        .split(|b| *b == b',')
        .find_map(|member| member.trim_ascii().strip_prefix(b"ot="))?;
    let digits = vendor.split(|b| *b == b';').find_map(|part| part.strip_prefix(b"th:"))?;
    if !(1..=14).contains(&digits.len()) {
        return None;
    }
    let read = digits.iter().try_fold(0u64, |acc, &d| {
        let value = char::from(d).to_digit(16).filter(|_| !d.is_ascii_uppercase())?;
        Some(acc << 4 | u64::from(value))
    })?;
    // Trailing zeros are left out on the wire.
    Some(read << (4 * (14 - digits.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampling_that_does_not_say_how() {
        assert!(unweighted(b"ot=rv:1234") && unweighted(b"a=b,ot=p:2"));
        assert!(!unweighted(b"ot=rv:1;th:8") && !unweighted(b"a=b") && !unweighted(b"xot=1"));
    }

    #[test]
    fn thresholds() {
        assert_eq!(weight(b""), Weight::ONE);
        assert_eq!(weight(b"ot=th:0"), Weight::ONE);
        assert_eq!(weight(b"ot=th:8"), Weight(2 << 16));
        assert_eq!(weight(b"a=b, ot=rv:1234;th:c"), Weight(4 << 16));
        assert_eq!(weight(b"ot=th:80000000000000"), Weight(2 << 16));
        assert_eq!(weight(b"ot=th:800000000000000"), Weight::ONE);
        assert_eq!(weight(b"ot=th:"), Weight::ONE);
        assert_eq!(weight(b"ot=th:zz"), Weight::ONE);
        assert_eq!(weight(b"xot=th:8"), Weight::ONE);
    }
}
