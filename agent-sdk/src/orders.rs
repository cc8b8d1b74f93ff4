//! What the program asks of the SDK's threads: to flush, to stop. And waiting for either by a deadline, on a
//! plain condition variable, so that it works in any runtime and in none.
//!
//! Locks are held for a look or a note, never while anything is encoded or sent; no thread of the host's but one
//! that flushes or stops is ever here. The transport has orders of its own (`transport/control`).

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// No deadline is further away; sums of times must not overflow.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Who takes orders: both hand what they make to the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Reads the rings.
    Drain,
    /// Reads the metrics.
    Reader,
}

/// The orders.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    state: Mutex<State>,
    given: Condvar,
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Flushes asked for.
    asked: u64,
    /// Done of them, by [`Who`].
    flushed: [u64; 2],
    ended: [bool; 2],
    /// Once set, everything is over by then.
    stop_by: Option<Instant>,
}

/// What one of the threads is to do now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    /// Flush this number.
    pub(crate) flush: Option<u64>,
    pub(crate) stop: bool,
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

impl Orders {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere in the program must not spread through a poisoned lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the threads: waits for an order, `nap` at most.
    pub(crate) fn wait(&self, who: Who, nap: Duration) -> Order {
        let until = Instant::now() + nap;
        let mut state = self.state();
        loop {
            let flush = (state.asked > state.flushed[who as usize]).then_some(state.asked);
            let stop = state.stop_by.is_some();
            let nap = left(until);
            if flush.is_some() || stop || nap.is_zero() {
                return Order { flush, stop };
            }
            state = self.given.wait_timeout(state, nap).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// For the threads: everything that was there before this flush is the transport's now.
    pub(crate) fn flushed(&self, who: Who, number: u64) {
        let mut state = self.state();
        let flushed = &mut state.flushed[who as usize];
        *flushed = number.max(*flushed);
        self.done.notify_all();
    }

    /// For the threads: this one has ended.
    pub(crate) fn ended(&self, who: Who) {
        let mut state = self.state();
        state.flushed[who as usize] = u64::MAX;
        state.ended[who as usize] = true;
        self.done.notify_all();
    }

    /// Whether the end was ordered and its time is over.
    pub(crate) fn over(&self) -> bool {
        self.state().stop_by.is_some_and(|by| left(by).is_zero())
    }

    /// Whether the end was ordered.
    pub(crate) fn stopped(&self) -> bool {
        self.state().stop_by.is_some()
    }

    /// Whether somebody still reads the rings.
    pub(crate) fn drains(&self) -> bool {
        !self.state().ended[Who::Drain as usize]
    }

    /// Asks for everything to be handed to the transport and waits for it. `true` = done by the deadline.
    pub(crate) fn flush(&self, deadline: Duration) -> bool {
        let mut state = self.state();
        state.asked += 1;
        let number = state.asked;
        self.given.notify_all();
        self.until(state, deadline, |s| s.flushed.iter().all(|f| *f >= number))
    }

    /// Tells both to end by the deadline and waits for it. `true` = ended.
    pub(crate) fn stop(&self, deadline: Duration) -> bool {
        let mut state = self.state();
        state.stop_by.get_or_insert(Instant::now() + deadline.min(LONGEST));
        self.given.notify_all();
        self.until(state, deadline, |s| s.ended == [true; 2])
    }

    fn until(
        &self,
        state: MutexGuard<'_, State>,
        deadline: Duration,
        reached: impl Fn(&State) -> bool,
    ) -> bool {
        let limit = deadline.min(LONGEST);
        let waited = self.done.wait_timeout_while(state, limit, |s| !reached(s));
        reached(&waited.unwrap_or_else(PoisonError::into_inner).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const SOON: Duration = Duration::from_millis(10);
    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_flush_is_done_when_both_have_done_it() {
        let orders = Arc::new(Orders::default());
        assert!(orders.wait(Who::Drain, Duration::ZERO).flush.is_none());
        assert!(!orders.flush(SOON), "nobody is there");
        let order = orders.wait(Who::Drain, LONG);
        assert_eq!((order.flush, order.stop), (Some(1), false));
        orders.flushed(Who::Drain, 1);
        assert!(orders.wait(Who::Drain, Duration::ZERO).flush.is_none());
        let reader = Arc::clone(&orders);
        let thread = std::thread::spawn(move || {
            let number = reader.wait(Who::Reader, LONG).flush.expect("ordered");
            reader.flushed(Who::Reader, number);
            reader.ended(Who::Reader);
        });
        thread.join().expect("ends");
        assert!(!orders.flush(SOON), "the drain has not");
        orders.ended(Who::Drain);
        assert!(orders.flush(Duration::MAX) && !orders.drains());
    }

    #[test]
    fn the_first_deadline_of_a_stop_stands() {
        let orders = Orders::default();
        assert!(!orders.over() && !orders.stop(SOON) && orders.over());
        assert!(!orders.stop(Duration::ZERO) && orders.wait(Who::Reader, LONG).stop);
        orders.ended(Who::Reader);
        orders.ended(Who::Drain);
        assert!(orders.stop(LONG));
    }
}
