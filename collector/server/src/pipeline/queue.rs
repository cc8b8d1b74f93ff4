//! A queue to one thread: many push, one takes all that is there.
//!
//! The receiver of a lively queue naps for a millisecond instead of being woken for each job: a
//! wake-up costs more than a small request. Its length is bounded by the bytes that its jobs reserved
//! before they came here ([`super::budget`]); what has no room is refused at the door.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Jobs of a lively queue are taken this often.
const NAP: Duration = Duration::from_millis(1);
/// Naps without a job before the receiver sleeps until it is woken.
const NAPS: u32 = 8;

/// The queue.
#[derive(Debug)]
pub struct Queue<T> {
    held: Mutex<Held<T>>,
    wake: Condvar,
}

#[derive(Debug)]
struct Held<T> {
    jobs: Vec<T>,
    asleep: bool,
    open: bool,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        let held = Held { jobs: Vec::new(), asleep: false, open: true };
        Self { held: Mutex::new(held), wake: Condvar::new() }
    }
}

impl<T> Queue<T> {
    fn held(&self) -> MutexGuard<'_, Held<T>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job; `false` once the queue is closed.
    pub fn push(&self, job: T) -> bool {
        let mut held = self.held();
        if !held.open {
            return false;
        }
        held.jobs.push(job);
        if std::mem::take(&mut held.asleep) {
            drop(held);
            self.wake.notify_one();
        }
        true
    }

    /// Nothing more comes in; what is there is still taken.
    pub fn close(&self) {
        self.held().open = false;
        self.wake.notify_one();
    }

    /// Moves all jobs into `jobs`, which is empty; waits for one as long as `patience`. `lively`: the
    /// jobs taken last were such that more are about to come. `false` when closed and empty.
    pub fn take(&self, jobs: &mut Vec<T>, lively: bool, patience: Duration) -> bool {
        for _ in 0..if lively { NAPS } else { 0 } {
            if !self.held().jobs.is_empty() {
                break;
            }
            std::thread::sleep(NAP);
        }
        let mut held = self.held();
        if held.jobs.is_empty() && held.open {
            held.asleep = true;
            let waited = self.wake.wait_timeout(held, patience);
            held = waited.unwrap_or_else(PoisonError::into_inner).0;
            held.asleep = false;
        }
        std::mem::swap(&mut held.jobs, jobs);
        held.open || !jobs.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn jobs_come_in_order_and_the_last_ones_after_the_end() {
        let queue = Arc::new(Queue::default());
        let pushing = Arc::clone(&queue);
        let sender = std::thread::spawn(move || {
            for i in 0..10_000 {
                assert!(pushing.push(i));
                if i % 1_000 == 0 {
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
            pushing.close();
            assert!(!pushing.push(0));
        });
        let (mut seen, mut jobs) = (Vec::new(), Vec::new());
        while queue.take(&mut jobs, !seen.len().is_multiple_of(3), Duration::from_millis(20)) {
            seen.append(&mut jobs);
        }
        sender.join().expect("sent");
        assert_eq!(seen, (0..10_000).collect::<Vec<_>>());
    }
}
