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
