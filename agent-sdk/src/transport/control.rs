//! How the program speaks to the transport's thread: offers, flush, stop, and waiting for either by a
//! deadline. The waiting is a plain condition variable, so it works in any runtime and in none.

use super::Encoded;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// No deadline is further away; sums of times must not overflow.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// The caller waits this much longer than the thread works, for the last counting.
const GRACE: Duration = Duration::from_millis(50);

/// What was asked of the thread so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Phase {
    /// Everything offered before this number is to be sent now.
    pub flush: u64,
    /// How often a flush was asked for.
    pub asked: u64,
    /// Set once: be done by then.
    pub stop: Option<Instant>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<(u64, Encoded)>,
    /// Bytes of requests in memory: those that wait, and those the thread holds.
    held: usize,
    /// Number of the next offer.
    next: u64,
    /// Everything before this number has come to its end, or to disk.
    settled: u64,
    /// Nothing more is taken.
    closed: bool,
    /// The thread has done its last counting.
    ended: bool,
}

/// Shared by the program and the thread.
#[derive(Debug)]
pub(crate) struct Control {
    phase: watch::Sender<Phase>,
    state: Mutex<State>,
    changed: Condvar,
    /// Bytes that `held` may reach.
    memory: usize,
    /// Rung when something was offered.
    pub offered: Notify,
}

impl Control {
    pub fn new(memory: usize) -> Self {
        Self {
            phase: watch::Sender::new(Phase::default()),
            state: Mutex::default(),
            changed: Condvar::new(),
            memory,
            offered: Notify::new(),
        }
    }

    /// Puts a request behind the others; gives it back when there is no room, or the thread has ended.
    pub fn offer(&self, encoded: Encoded) -> Result<(), Encoded> {
        let mut state = self.lock();
        let held = state.held + encoded.payload.len();
        // An empty house takes even what is larger than it.
        if state.closed || (held > self.memory && state.held > 0) {
            return Err(encoded);
        }
        state.held = held;
        let number = state.next;
        state.next += 1;
        state.waiting.push_back((number, encoded));
        drop(state);
        self.offered.notify_one();
        Ok(())
    }

    /// The next request and its number, for the thread.
    pub fn take(&self) -> Option<(u64, Encoded)> {
        self.lock().waiting.pop_front()
    }

    /// The number of the oldest that waits, else the next number to come.
    pub fn oldest(&self) -> u64 {
        let state = self.lock();
        state.waiting.front().map_or(state.next, |(number, _)| *number)
    }

    /// The thread let go of so many bytes.
    pub fn release(&self, bytes: usize) {
        let mut state = self.lock();
        state.held = state.held.saturating_sub(bytes);
    }

    /// Whether more than half of the memory is in use.
    pub fn is_crowded(&self) -> bool {
        self.lock().held > self.memory / 2
    }

    /// Asks for everything offered so far to be sent, and waits; false when the deadline came first.
    pub fn flush(&self, deadline: Duration) -> bool {
        let wanted = self.lock().next;
        self.phase.send_modify(|phase| {
            phase.flush = phase.flush.max(wanted);
            phase.asked += 1;
        });
        self.wait(deadline.min(LONGEST), |s| s.ended || s.settled >= wanted)
    }

    /// Asks for the end and waits; false when the deadline came first.
    pub fn stop(&self, deadline: Duration) -> bool {
        let deadline = deadline.min(LONGEST);
        self.phase.send_modify(|phase| {
            phase.stop.get_or_insert(Instant::now() + deadline.saturating_sub(GRACE));
        });
        self.wait(deadline, |s| s.ended)
    }

    /// Notes how far the thread has come.
    pub fn settled(&self, before: u64) {
        let mut state = self.lock();
        if before > state.settled {
            state.settled = before;
            self.changed.notify_all();
        }
    }

    /// Takes nothing more; what waits comes back.
    pub fn close(&self) -> VecDeque<(u64, Encoded)> {
        let mut state = self.lock();
        state.closed = true;
        std::mem::take(&mut state.waiting)
    }

    /// The thread is gone, and everything counted.
    pub fn end(&self) {
        let mut state = self.lock();
        (state.closed, state.ended) = (true, true);
        self.changed.notify_all();
    }

    /// Whether it is.
    pub fn ended(&self) -> bool {
        self.lock().ended
    }

    /// The thread's ear.
    pub fn watch(&self) -> Watch {
        Watch(self.phase.subscribe())
    }

    fn wait(&self, limit: Duration, ready: impl Fn(&State) -> bool) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), limit, |s| !ready(s));
        ready(&waited.unwrap_or_else(PoisonError::into_inner).0)
    }

    /// A panic elsewhere in the program must not spread through a poisoned lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the thread hears.
#[derive(Clone, Debug)]
pub(crate) struct Watch(watch::Receiver<Phase>);

impl Watch {
    /// What is asked now.
    pub fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Waits until something else is asked than `known`.
    pub async fn changed(&self, known: Phase) {
        let mut own = self.0.clone();
        if own.wait_for(|phase| *phase != known).await.is_err() {
            // The sender lives as long as the thread.
            std::future::pending::<()>().await;
        }
    }

    /// Waits until the deadline of a stop has passed; for ever when none comes.
    pub async fn over(&self) {
        let mut own = self.0.clone();
        let stop = own.wait_for(|phase| phase.stop.is_some()).await.ok().and_then(|p| p.stop);
        match stop {
            Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
            None => std::future::pending().await,
        }
    }
}
