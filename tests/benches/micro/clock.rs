//! CPU time of this thread or of all, in nanoseconds. What the scheduler gives to others does not count.
//!
//! `/proc/thread-self/schedstat` has the same number, but as of the last tick: up to 4 ms old.

use rustix::time::{ClockId, Timespec, clock_gettime};
use std::sync::atomic::{AtomicBool, Ordering};

static STOPPED: AtomicBool = AtomicBool::new(false);

/// No time is told any more: where instructions are counted, nobody asks, and valgrind does not
/// survive the way to the clock.
pub fn stop() {
    STOPPED.store(true, Ordering::Relaxed);
}

/// CPU time so far.
pub fn now() -> u64 {
    if STOPPED.load(Ordering::Relaxed) {
        return 0;
    }
    nanos(clock_gettime(ClockId::ThreadCPUTime))
}

/// CPU time of all threads so far, nanoseconds.
pub fn process() -> u64 {
    nanos(clock_gettime(ClockId::ProcessCPUTime))
}

fn nanos(t: Timespec) -> u64 {
    let part = |n: i64| u64::try_from(n).unwrap_or(0);
    part(t.tv_sec) * 1_000_000_000 + part(t.tv_nsec)
}

/// What something gives back and the CPU time that it took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let began = now();
    let done = work();
    (done, now() - began)
}

/// Milliseconds.
pub fn ms(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}
