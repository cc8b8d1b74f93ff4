//! Finished spans between the host's threads and the sender, and the account of them.
//!
//! Bounded: full = the newest is dropped and counted. The lock is held for a push or for taking the
//! whole queue, never while anything is sent.

use crate::span::Span;
use crate::transport::{DropReason, delivery};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// What became of spans: `created = sent + dropped (all reasons) + queued`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Recorded spans that ended.
    pub created: u64,
    /// Accepted by the collector.
    pub sent: u64,
    /// Dropped because the queue was full.
    pub queue_full: u64,
    /// Dropped because the collector refused them for good.
    pub refused: u64,
    /// Dropped because they were still there at the end.
    pub unsent: u64,
    /// Still waiting or on their way.
    pub queued: u64,
}

impl Stats {
    /// Dropped for any reason.
    pub fn dropped(&self) -> u64 {
        self.queue_full + self.refused + self.unsent
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) created: AtomicU64,
    pub(crate) queue_full: AtomicU64,
    pub(crate) unsent: AtomicU64,
}

/// The queue, and the orders to its sender.
#[derive(Debug)]
pub(crate) struct Queue {
    cap: usize,
    batch: usize,
    state: Mutex<State>,
    wake: Condvar,
    done: Condvar,
    pub(crate) counters: Counters,
}

#[derive(Debug, Default)]
struct State {
    spans: VecDeque<Span>,
    /// Flushes asked for and done.
    asked: u64,
    done: u64,
    /// Once set, everything is over by then.
    stop_by: Option<Instant>,
    ended: bool,
}

/// What the sender is to do now.
pub(crate) struct Work {
    pub(crate) spans: Vec<Span>,
    /// Flush this number with it.
    pub(crate) flush: Option<u64>,
    pub(crate) stop_by: Option<Instant>,
}

impl Queue {
    pub(crate) fn new(cap: usize, batch: usize) -> Self {
        Self {
            cap: cap.max(1),
            batch: batch.clamp(1, cap.max(1)),
            state: Mutex::default(),
            wake: Condvar::new(),
            done: Condvar::new(),
            counters: Counters::default(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a finished span, or counts it as dropped.
    pub(crate) fn push(&self, span: Span) {
        self.counters.created.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state();
        if state.ended || state.stop_by.is_some() {
            self.counters.unsent.fetch_add(1, Ordering::Relaxed);
        } else if state.spans.len() >= self.cap {
            self.counters.queue_full.fetch_add(1, Ordering::Relaxed);
        } else {
            state.spans.push_back(span);
            if state.spans.len() == self.batch {
                self.wake.notify_one();
            }
        }
    }

    /// Waits until a batch is there, a flush is asked for, the end is near or `delay` has passed.
    pub(crate) fn take(&self, delay: Duration) -> Work {
        let until = Instant::now() + delay;
        let mut state = self.state();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let ready = state.spans.len() >= self.batch
                || state.asked > state.done
                || state.stop_by.is_some();
            if ready || left.is_zero() {
                break;
            }
            state = self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let n = state.spans.len().min(self.batch);
        let spans: Vec<Span> = state.spans.drain(..n).collect();
        let rest = !state.spans.is_empty();
        let flush = (state.asked > state.done && !rest).then_some(state.asked);
        Work { spans, flush, stop_by: state.stop_by }
    }

    /// When everything has to be over.
    pub(crate) fn stop_by(&self) -> Option<Instant> {
        self.state().stop_by
    }

    /// Says that a flush is done.
    pub(crate) fn flushed(&self, number: u64) {
        let mut state = self.state();
        state.done = state.done.max(number);
        self.done.notify_all();
    }

    /// Says that the sender has ended; what is left is counted.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        state.done = u64::MAX;
        let left = state.spans.len() as u64;
        state.spans.clear();
        self.counters.unsent.fetch_add(left, Ordering::Relaxed);
        self.done.notify_all();
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
        self.wake.notify_one();
        self.wait(state, until, |s| s.done >= number)
    }

    /// Tells the sender to end by the deadline and waits for it. `true` = ended.
    pub(crate) fn stop(&self, deadline: Duration) -> bool {
        let until = Instant::now() + deadline;
        let mut state = self.state();
        state.stop_by.get_or_insert(until);
        self.wake.notify_all();
        self.wait(state, until, |s| s.ended)
    }

    fn wait(
        &self,
        mut state: std::sync::MutexGuard<'_, State>,
        until: Instant,
        reached: impl Fn(&State) -> bool,
    ) -> bool {
        while !reached(&state) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.done.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    pub(crate) fn stats(&self) -> Stats {
        let c = &self.counters;
        let read = |a: &AtomicU64| a.load(Ordering::Relaxed);
        let d = delivery();
        let refused = d.dropped_for(DropReason::Refused) + d.dropped_for(DropReason::Rejected);
        let mut s = Stats {
            created: read(&c.created),
            sent: d.delivered,
            queue_full: read(&c.queue_full),
            refused,
            unsent: read(&c.unsent) + d.dropped() - refused,
            queued: 0,
        };
        s.queued = s.created.saturating_sub(s.sent + s.dropped());
        s
    }
}

/// The queue of the SDK that was initialised first in this process.
pub(crate) static GLOBAL: OnceLock<std::sync::Arc<Queue>> = OnceLock::new();

/// What became of this process's spans so far.
pub fn stats() -> Stats {
    GLOBAL.get().map(|q| q.stats()).unwrap_or_default()
}
