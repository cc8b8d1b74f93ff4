//! A number of bytes that requests under way share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The budget.
#[derive(Debug)]
pub struct Budget {
    cap: usize,
    used: AtomicUsize,
}

/// Bytes taken from a budget; dropping gives them back.
#[derive(Debug)]
pub struct Reserved {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub fn new(cap: usize) -> Self {
        Self { cap, used: AtomicUsize::new(0) }
    }

    /// Takes bytes, or nothing. An idle budget gives to anyone, so that no size is impossible.
    pub fn reserve(budget: &Arc<Self>, bytes: usize) -> Option<Reserved> {
        let take = |used: usize| {
            let after = used.checked_add(bytes)?;
            (after <= budget.cap || used == 0).then_some(after)
        };
        budget.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).ok()?;
        Some(Reserved { budget: Arc::clone(budget), bytes })
    }

    pub fn used(&self) -> usize {
        self.used.load(Ordering::Acquire)
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_comes_back() {
        let budget = Arc::new(Budget::new(100));
        let first = Budget::reserve(&budget, 60).expect("room");
        assert!(Budget::reserve(&budget, 60).is_none());
        drop(first);
        let huge = Budget::reserve(&budget, 500).expect("an idle budget gives to anyone");
        assert!(Budget::reserve(&budget, 1).is_none());
        drop(huge);
        assert_eq!(budget.used(), 0);
    }
}
