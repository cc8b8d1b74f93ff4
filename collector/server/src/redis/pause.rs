//! How long to wait before Redis is tried again: doubling, capped, spread. Pure.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// After the first failure.
const FIRST: u64 = 100;
/// At most, milliseconds: takeovers and restarts are told in seconds.
const MOST: u64 = 5_000;

/// The pause after failure number `failures` (from 1): between half of the doubled distance and the
/// whole, so that the many collectors (`me`) that lost one Redis do not come back in step.
pub fn pause(me: &str, failures: u32) -> Duration {
    let whole = (FIRST << failures.saturating_sub(1).min(16)).min(MOST);
    let mut hasher = DefaultHasher::new();
    (me, failures).hash(&mut hasher);
    Duration::from_millis(whole / 2 + hasher.finish() % (whole / 2 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_a_cap_and_are_spread() {
        for (failures, whole) in [(1, 100), (2, 200), (5, 1_600), (7, 5_000), (u32::MAX, 5_000)] {
            let all: Vec<u64> = (0..200)
                .map(|n| u64::try_from(pause(&format!("c{n}"), failures).as_millis()).unwrap_or(0))
                .collect();
            assert!(all.iter().all(|ms| (whole / 2..=whole).contains(ms)), "{failures}: {all:?}");
            let early = all.iter().filter(|ms| **ms < whole * 3 / 4).count();
            assert!((60..140).contains(&early), "{failures}: {early} of 200 in the lower half");
        }
    }
}
