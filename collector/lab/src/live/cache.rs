//! What the catalog remembers of its answers about prices: that it asked lately. Nothing of the answer is kept, since
//! nobody looks at it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What was asked lately, by number.
#[derive(Debug)]
pub(super) struct Cache {
    fresh: Duration,
    asked: Mutex<HashMap<u64, Instant>>,
}

impl Cache {
    /// What was asked counts as known for so long.
    pub(super) fn new(fresh: Duration) -> Self {
        Self { fresh, asked: Mutex::default() }
    }

    /// Whether it was asked lately.
    pub(super) fn has(&self, number: u64) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.get(&number).is_some_and(|at| at.elapsed() < self.fresh)
    }

    /// It was asked now.
    pub(super) fn put(&self, number: u64) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.insert(number, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cold_cache_knows_nothing() {
        let (warm, cold) = (Cache::new(Duration::from_secs(3_600)), Cache::new(Duration::ZERO));
        assert!(!warm.has(1));
        warm.put(1);
        cold.put(1);
        assert_eq!((warm.has(1), warm.has(2), cold.has(1)), (true, false, false));
    }
}
