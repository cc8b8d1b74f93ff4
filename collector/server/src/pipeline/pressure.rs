//! How full the road is, measured where it fills: bytes of requests before the shards, spans that wait for the
//! rest of their traces. What follows from it is decided in [`longpole_core::shed`].
//!
//! Read twenty times a second by the thread that moves log time. Measured are bytes that are in use,
//! not the process's size: an allocator gives memory back when it likes, and waiting for that would mean
//! giving things up for ever.

use super::budget::Budget;
use longpole_core::limits::Limits;
use longpole_core::shed::Step;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// The gauge.
#[derive(Debug)]
pub struct Gauge {
    budget: Arc<Budget>,
    /// Spans open, by shard.
    open: Vec<AtomicUsize>,
    most_open: usize,
    step: AtomicU8,
}

impl Gauge {
    pub fn new(limits: &Limits, shards: u32, budget: Arc<Budget>) -> Self {
        let open = (0..shards.max(1)).map(|_| AtomicUsize::new(0)).collect();
        Self { budget, open, most_open: limits.open_spans.max(1), step: AtomicU8::new(0) }
    }

    /// A shard says how many spans it holds open.
    pub fn holds(&self, shard: usize, spans: usize) {
        if let Some(open) = self.open.get(shard) {
            open.store(spans, Ordering::Relaxed);
        }
    }

    /// The step that was taken last.
    pub fn step(&self) -> Step {
        Step::new(self.step.load(Ordering::Relaxed))
    }

    /// Looks; gives back the step to take. `patient`: what fills the queue has a log of its own to wait in, so
    /// that a full queue is no pressure.
    pub fn look(&self, patient: bool) -> Step {
        let open: usize = self.open.iter().map(|n| n.load(Ordering::Relaxed)).sum();
        let queue = if patient { 0 } else { self.budget.thousandths() };
        let open = u32::try_from(open.saturating_mul(1_000) / self.most_open).unwrap_or(u32::MAX);
        let step = self.step().next(queue.max(open));
        self.rest(step);
        step
    }

    /// Takes a step whatever the pressure is.
    pub fn rest(&self, step: Step) {
        self.step.store(step.number(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fuller_of_the_two_decides() {
        let budget = Arc::new(Budget::new(1_000));
        let limits = Limits { open_spans: 100, ..Limits::default() };
        let gauge = Gauge::new(&limits, 2, Arc::clone(&budget));
        assert_eq!(gauge.look(false).number(), 0);
        let room = Budget::reserve(&budget, 700).expect("room");
        assert_eq!(gauge.look(true).number(), 0, "it waits in Redis");
        assert_eq!(gauge.look(false).number(), 2);
        drop(room);
        gauge.holds(0, 40);
        gauge.holds(1, 45);
        assert_eq!(gauge.look(false).number(), 3);
        gauge.holds(0, 0);
        let steps: Vec<u8> = (0..4).map(|_| gauge.look(false).number()).collect();
        assert_eq!(steps, [2, 2, 2, 2], "450 is not far enough below 650");
        gauge.holds(1, 0);
        assert_eq!((gauge.look(false).number(), gauge.look(false).number()), (1, 0));
    }
}
