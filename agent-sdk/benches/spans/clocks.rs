//! Processor time, and medians of it.

use rustix::time::{ClockId, clock_gettime};

fn nanos(clock: ClockId) -> f64 {
    let at = clock_gettime(clock);
    at.tv_sec as f64 * 1e9 + at.tv_nsec as f64
}

/// Processor nanoseconds of this thread.
pub fn thread() -> f64 {
    nanos(ClockId::ThreadCPUTime)
}

/// Processor nanoseconds of this process.
pub fn process() -> f64 {
    nanos(ClockId::ProcessCPUTime)
}

pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
