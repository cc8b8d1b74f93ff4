//! The handle of a running SDK: flushing, ending, and the last line on stderr.

use crate::metrics::{observe, observe_sum};
use crate::queue::Queue;
use crate::stats::{DropReason, Stats};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long the guard waits for the last spans to be sent.
const FAREWELL: Duration = Duration::from_secs(3);

/// The SDK that was initialised in this process, ended ones included.
static RUNNING: Mutex<Option<Arc<Queue>>> = Mutex::new(None);

pub(crate) fn running() -> MutexGuard<'static, Option<Arc<Queue>>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What became of this process's spans so far.
pub fn stats() -> Stats {
    let queue = running().clone();
    let drains = queue.is_some_and(|q| q.drains());
    if !drains {
        crate::drain::sweep();
    }
    crate::stats::read(drains)
}

/// Sends everything that has ended so far, from anywhere in the program; `true` when that was done by the
/// deadline. Waits on a condition, never on a runtime: safe in a task, in a panic hook, and at exit.
pub fn flush(deadline: Duration) -> bool {
    let queue = running().clone();
    queue.is_none_or(|q| q.flush(deadline))
}

/// Registers the SDK's own figures: what it dropped and what it costs.
pub(crate) fn register() {
    for reason in DropReason::ALL {
        observe_sum("sdk.dropped", "{span}", &[("reason", reason.name())], move || {
            stats().dropped_for(reason) as f64
        });
    }
    observe_sum("sdk.created", "{span}", &[], || stats().created as f64);
    observe_sum("sdk.drain.cpu.time", "s", &[], crate::drain::cpu_seconds);
    observe("sdk.rings.size", "By", &[], || crate::ring::registry::bytes() as f64);
}

/// Keeps the SDK running; sends what is left when it is dropped.
#[must_use = "dropping the guard ends the SDK"]
#[derive(Debug)]
pub struct Guard {
    queue: Option<Arc<Queue>>,
    quiet: bool,
}

impl Guard {
    pub(crate) fn new(queue: Arc<Queue>, quiet: bool) -> Self {
        Self { queue: Some(queue), quiet }
    }

    /// Of an SDK that is turned off.
    pub(crate) fn disabled() -> Self {
        Self { queue: None, quiet: true }
    }

    /// Sends everything that has ended so far; `true` when that was done by the deadline. Safe to
    /// call anywhere: it waits on a condition, never on a runtime.
    pub fn flush(&self, deadline: Duration) -> bool {
        self.queue.as_ref().is_none_or(|q| q.flush(deadline))
    }

    /// Sends what is left and ends the SDK; `true` when that was done by the deadline.
    pub fn shutdown(mut self, deadline: Duration) -> bool {
        self.end(deadline)
    }

    fn end(&mut self, deadline: Duration) -> bool {
        let Some(queue) = self.queue.take() else { return true };
        crate::state::set_active(false);
        let ended = queue.stop(deadline);
        if !self.quiet {
            let s = stats();
            eprintln!("longpole: sent {} spans, dropped {}", s.sent, s.dropped() + s.queued);
        }
        ended
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.end(FAREWELL);
    }
}
