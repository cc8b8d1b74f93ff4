//! Encoded batches between the drain and the sender, and the orders to both: flush, stop.
//!
//! Bounded in spans. Full = the drain waits, and does not read the rings meanwhile. Locks are held for a push or
//! a take, never while anything is encoded or sent; no thread of the host's but one that flushes or stops
//! is ever here.

use crate::drain::batch::Encoded;
use crate::stats::counters;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The queue, and the orders.
#[derive(Debug)]
pub(crate) struct Queue {
    /// Spans that may wait here.
    cap: usize,
    state: Mutex<State>,
    to_drain: Condvar,
    to_sender: Condvar,
    to_caller: Condvar,
}

#[derive(Debug, Default)]
struct State {
    batches: VecDeque<Encoded>,
    spans: usize,
    /// Flushes: asked for, brought here by the drain, sent.
    asked: u64,
    drained: u64,
    done: u64,
    /// Once set, everything is over by then.
    stop_by: Option<Instant>,
    drain_ended: bool,
    ended: bool,
}

/// What the drain is to do now.
#[derive(Debug)]
pub(crate) struct Orders {
    /// Flush this number.
    pub(crate) flush: Option<u64>,
    pub(crate) stop: bool,
}

/// What the sender is to do now.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) batch: Option<Encoded>,
    /// Flush this number with it.
    pub(crate) flush: Option<u64>,
    /// Nothing will come any more.
    pub(crate) ending: bool,
    pub(crate) stop_by: Option<Instant>,
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

impl Queue {
    pub(crate) fn new(cap: usize) -> Self {
        Self {
            cap: cap.max(1),
            state: Mutex::default(),
            to_drain: Condvar::new(),
            to_sender: Condvar::new(),
            to_caller: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        on: &Condvar,
        state: MutexGuard<'a, State>,
        for_: Duration,
    ) -> MutexGuard<'a, State> {
        on.wait_timeout(state, for_).unwrap_or_else(PoisonError::into_inner).0
    }

    /// For the drain: waits for an order, `nap` at most.
    pub(crate) fn orders(&self, nap: Duration) -> Orders {
        let until = Instant::now() + nap;
        let mut state = self.state();
        loop {
            let flush = (state.asked > state.drained).then_some(state.asked);
            let stop = state.stop_by.is_some();
            if flush.is_some() || stop || left(until).is_zero() {
                return Orders { flush, stop };
            }
            state = Self::wait(&self.to_drain, state, left(until));
        }
    }

    /// For the drain: takes a batch, when there is room; counts it as lost when the end comes first.
    pub(crate) fn push(&self, batch: Encoded) {
        let spans = batch.spans as usize;
        let mut state = self.state();
        while !state.ended && !state.batches.is_empty() && state.spans + spans > self.cap {
            state = Self::wait(&self.to_drain, state, Duration::from_secs(1));
        }
        if state.ended {
            counters().unsent(u64::from(batch.spans));
            return;
        }
        state.spans += spans;
        state.batches.push_back(batch);
        self.to_sender.notify_one();
    }

    /// For the drain: everything that ended before this flush is here.
    pub(crate) fn drained(&self, number: u64) {
        let mut state = self.state();
        state.drained = state.drained.max(number);
        self.to_sender.notify_one();
    }

    /// For the drain: it has ended.
    pub(crate) fn drain_ended(&self) {
        self.state().drain_ended = true;
        self.to_sender.notify_one();
        self.to_caller.notify_all();
    }

    /// For the sender: waits until there is something to do, `delay` at most.
    pub(crate) fn take(&self, delay: Duration) -> Work {
        let until = Instant::now() + delay;
        let mut state = self.state();
        loop {
            let over = state.stop_by.is_some_and(|by| state.drain_ended || left(by).is_zero());
            let ready = !state.batches.is_empty() || state.drained > state.done || over;
            if ready || left(until).is_zero() {
                break;
            }
            let by = state.stop_by.map_or(until, |by| by.min(until));
            state = Self::wait(&self.to_sender, state, left(by));
        }
        let batch = state.batches.pop_front();
        if let Some(batch) = &batch {
            state.spans -= batch.spans as usize;
            self.to_drain.notify_one();
        }
        let rest = !state.batches.is_empty();
        let flush = (state.drained > state.done && !rest).then_some(state.drained);
        let ending = state.stop_by.is_some() && state.drain_ended && batch.is_none();
        Work { batch, flush, ending, stop_by: state.stop_by }
    }

    /// For the sender: waits before another try; ends early when the end is near.
    pub(crate) fn pause(&self, for_: Duration) {
        let until = Instant::now() + for_;
        let mut state = self.state();
        while state.stop_by.is_none() && !left(until).is_zero() {
            state = Self::wait(&self.to_sender, state, left(until));
        }
    }

    /// When everything has to be over.
    pub(crate) fn stop_by(&self) -> Option<Instant> {
        self.state().stop_by
    }

    /// For the sender: a flush is done.
    pub(crate) fn flushed(&self, number: u64) {
        let mut state = self.state();
        state.done = state.done.max(number);
        self.to_caller.notify_all();
    }

    /// For the sender: it has ended; what is left is counted.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        state.done = u64::MAX;
        counters().unsent(state.spans as u64);
        (state.spans, state.batches) = (0, VecDeque::new());
        self.to_drain.notify_all();
        self.to_caller.notify_all();
    }

    /// Asks for everything to be sent and waits for it, at most until the deadline. `true` = done.
    pub(crate) fn flush(&self, deadline: Duration) -> bool {
        let until = Instant::now() + deadline;
        let mut state = self.state();
        if state.ended {
            return true;
        }
        state.asked += 1;
        let number = state.asked;
        self.to_drain.notify_all();
        self.until(state, until, |s| s.done >= number)
    }

    /// Tells drain and sender to end by the deadline and waits for it. `true` = ended.
    pub(crate) fn stop(&self, deadline: Duration) -> bool {
        let until = Instant::now() + deadline;
        let mut state = self.state();
        state.stop_by.get_or_insert(until);
        self.to_drain.notify_all();
        self.to_sender.notify_all();
        self.until(state, until, |s| s.ended && s.drain_ended)
    }

    fn until(
        &self,
        mut state: MutexGuard<'_, State>,
        until: Instant,
        reached: impl Fn(&State) -> bool,
    ) -> bool {
        while !reached(&state) {
            if left(until).is_zero() {
                return false;
            }
            state = Self::wait(&self.to_caller, state, left(until));
        }
        true
    }

    /// Whether somebody still reads the rings.
    pub(crate) fn drains(&self) -> bool {
        !self.state().drain_ended
    }
}
