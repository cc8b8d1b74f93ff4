//! The `tracestate` values that this process itself writes: `ot=th:<threshold>`, known by a small number.
//!
//! So a context carries one byte instead of a shared text, and two threads share nothing. There are at most
//! 255 of them; rates beyond take the nearest one that is there.

use std::sync::{Mutex, MutexGuard, PoisonError};

struct Known {
    threshold: u64,
    text: &'static str,
}

static KNOWN: Mutex<Vec<Known>> = Mutex::new(Vec::new());

fn known() -> MutexGuard<'static, Vec<Known>> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A rate with this threshold (below 2^56), or, when there are too many, with the nearest known.
pub(super) fn rate(threshold: u64) -> u64 {
    let mut known = known();
    let at = match known.iter().position(|k| k.threshold == threshold) {
        Some(at) => at,
        None if known.len() < 255 => {
            let hex = format!("{threshold:014x}");
            let hex = hex.trim_end_matches('0');
            let text = format!("ot=th:{}", if hex.is_empty() { "0" } else { hex });
            known.push(Known { threshold, text: String::leak(text) });
            known.len() - 1
        }
        None => {
            let nearest =
                known.iter().enumerate().min_by_key(|(_, k)| k.threshold.abs_diff(threshold));
            nearest.map_or(0, |(at, _)| at)
        }
    };
    known[at].threshold | (at as u64 + 1) << 56
}

/// The text of a number; 0 has none.
pub(crate) fn text(state: u32) -> Option<&'static str> {
    known().get((state as usize).checked_sub(1)?).map(|k| k.text)
}

/// The number of a text that came in, when it is one of ours.
pub(crate) fn find(text: &str) -> Option<u32> {
    let at = known().iter().position(|k| k.text == text)?;
    u32::try_from(at + 1).ok()
}

/// A known state in front of what came in, in place of its own `ot` member.
pub(crate) fn before(state: u32, incoming: &str) -> String {
    let others = incoming.split(',').map(str::trim);
    let others = others.filter(|m| !m.is_empty() && !m.starts_with("ot="));
    text(state).into_iter().chain(others).collect::<Vec<&str>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_known_by_number() {
        let rate = rate(0xabc << 44);
        let state = (rate >> 56) as u32;
        assert_eq!((rate & ((1 << 56) - 1), text(state)), (0xabc << 44, Some("ot=th:abc")));
        assert_eq!((find("ot=th:abc"), find("ot=th:abd"), text(0)), (Some(state), None, None));
        assert_eq!(before(state, "x=y, ot=th:8"), "ot=th:abc,x=y");
    }
}
