//! A number of bytes that requests under way share.
//!
//! A request that finds no room waits a moment for it: a sender that goes as fast as it is answered is
//! slowed down to what the shards can do. Only so much may wait; what comes on top of that, or waits
//! too long, is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// The budget.
#[derive(Debug)]
pub struct Budget {
    cap: usize,
    used: AtomicUsize,
    /// Bytes that wait for room, at most a quarter of the cap.
    waiting: AtomicUsize,
    freed: Notify,
}

/// Bytes taken from a budget; dropping gives them back.
#[derive(Debug)]
pub struct Reserved {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub fn new(cap: usize) -> Self {
        let (used, waiting) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { cap, used, waiting, freed: Notify::new() }
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

    /// Takes bytes; waits for them as long as `patience`, unless too much waits already.
    pub async fn wait(budget: &Arc<Self>, bytes: usize, patience: Duration) -> Option<Reserved> {
        if let Some(room) = Self::reserve(budget, bytes) {
            return Some(room);
        }
        let queue = |waiting: usize| {
            let after = waiting.checked_add(bytes)?;
            (after <= budget.cap / 4).then_some(after)
        };
        budget.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, queue).ok()?;
        let _place = Place { budget, bytes };
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let freed = budget.freed.notified();
            if let Some(room) = Self::reserve(budget, bytes) {
                // What is left may be enough for another.
                budget.freed.notify_one();
                return Some(room);
            }
            tokio::time::timeout_at(deadline, freed).await.ok()?;
        }
    }

    /// How full it is.
    pub fn thousandths(&self) -> u32 {
        u32::try_from(self.used().saturating_mul(1_000) / self.cap.max(1)).unwrap_or(u32::MAX)
    }

    pub fn used(&self) -> usize {
        self.used.load(Ordering::Acquire)
    }
}

impl Reserved {
    /// How many.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::AcqRel);
        if self.budget.waiting.load(Ordering::Acquire) > 0 {
            self.budget.freed.notify_one();
        }
    }
}

/// A place among those who wait.
struct Place<'a> {
    budget: &'a Budget,
    bytes: usize,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.budget.waiting.fetch_sub(self.bytes, Ordering::AcqRel);
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

    #[tokio::test]
    async fn some_wait_for_room_and_the_rest_is_refused() {
        let budget = Arc::new(Budget::new(100));
        let first = Budget::reserve(&budget, 95).expect("room");
        let waiting = (0..5).map(|_| {
            let budget = Arc::clone(&budget);
            tokio::spawn(async move { Budget::wait(&budget, 8, Duration::from_secs(9)).await })
        });
        let waiting: Vec<_> = waiting.collect();
        while budget.waiting.load(Ordering::Acquire) < 24 {
            tokio::task::yield_now().await;
        }
        drop(first);
        let mut taken = Vec::new();
        for waiter in waiting {
            taken.extend(waiter.await.expect("no panic"));
        }
        assert!(taken.len() >= 3, "three fit into the quarter that may wait");
        assert_eq!(budget.used(), taken.len() * 8);
        taken.push(Budget::reserve(&budget, 60).expect("room"));
        let soon = Duration::from_millis(5);
        assert!(Budget::wait(&budget, 20, soon).await.is_none(), "nobody gave room in time");
        assert_eq!(budget.waiting.load(Ordering::Acquire), 0);
    }
}
