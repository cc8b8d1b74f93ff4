//! The handle of a running SDK: flushing, ending, and the last line on stderr.

use crate::metrics::{observe, observe_sums};
use crate::orders::Orders;
use crate::stats::{DropReason, Stats};
use crate::transport::{Delivery, Transport};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the guard waits for the last spans to be sent.
const FAREWELL: Duration = Duration::from_secs(3);

/// Of the time to end, so much is for handing over; the rest is for sending, or for putting on disk.
const HANDING: f64 = 0.75;

/// What runs: the threads that make requests, and the chain that carries them.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) orders: Arc<Orders>,
    pub(crate) transport: Transport,
}

impl Running {
    fn flush(&self, deadline: Duration) -> bool {
        let began = Instant::now();
        self.orders.flush(deadline)
            && self.transport.flush(deadline.saturating_sub(began.elapsed()))
    }

    fn stop(&self, deadline: Duration) -> bool {
        let began = Instant::now();
        let handed = self.orders.stop(deadline.mul_f64(HANDING));
        self.transport.stop(deadline.saturating_sub(began.elapsed())) && handed
    }
}

/// The lives of the SDK in this process: the one that runs or ended last, and those before it.
#[derive(Debug)]
pub(crate) struct Lives {
    now: Option<Running>,
    /// Earlier ones whose threads may not have ended yet.
    ending: Vec<Transport>,
    /// What all that have ended did.
    past: Option<Delivery>,
}

static LIVES: Mutex<Lives> = Mutex::new(Lives { now: None, ending: Vec::new(), past: None });

pub(crate) fn lives() -> MutexGuard<'static, Lives> {
    LIVES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lives {
    /// Whether one is there that was not told to end.
    pub(crate) fn running(&self) -> bool {
        self.now.as_ref().is_some_and(|r| !r.orders.stopped())
    }

    /// A new one begins.
    pub(crate) fn begin(&mut self, new: Running) {
        self.ending.extend(self.now.replace(new).map(|r| r.transport));
        let past = self.past.get_or_insert_default();
        self.ending.retain(|transport| {
            // Asked in this order, so that nothing is counted behind the reading.
            let ended = transport.ended();
            if ended {
                *past = past.plus(&transport.delivery());
            }
            !ended
        });
    }

    fn delivery(&self) -> Delivery {
        let all = self.ending.iter().chain(self.now.as_ref().map(|r| &r.transport));
        all.fold(self.past.unwrap_or_default(), |sum, t| sum.plus(&t.delivery()))
    }
}

/// What became of this process's spans so far, over all lives of the SDK in it. After a fork: nothing.
pub fn stats() -> Stats {
    if crate::state::forked() {
        return Stats::default();
    }
    let (drains, delivery) = {
        let lives = lives();
        (lives.now.as_ref().is_some_and(|r| r.orders.drains()), lives.delivery())
    };
    if !drains {
        crate::drain::sweep();
    }
    crate::stats::read(drains, &delivery)
}

/// What became of the requests that were handed to this process's transport.
pub fn delivery() -> Delivery {
    if crate::state::forked() { Delivery::default() } else { lives().delivery() }
}

/// Sends everything that has ended so far, from anywhere in the program; `true` when that was done by the
/// deadline. Waits on a condition, never on a runtime: safe in a task, in a panic hook, and at exit. In a process
/// that was forked from one with the SDK nobody sends: `false`, at once.
pub fn flush(deadline: Duration) -> bool {
    if crate::state::forked() {
        return false;
    }
    let running = lives().now.clone();
    running.is_none_or(|r| r.flush(deadline))
}

/// Registers the SDK's own figures: what became of spans, and what it costs.
pub(crate) fn register() {
    observe_sums("sdk.created", "{span}", true, |tell| tell(stats().created as f64, &[]));
    observe_sums("sdk.dropped", "{span}", true, |tell| {
        let read = stats();
        for reason in DropReason::ALL {
            let many = read.dropped_for(reason);
            if many > 0 {
                tell(many as f64, &[("reason", reason.name())]);
            }
        }
    });
    observe_sums("otel.sdk.exporter.span.exported", "{span}", true, |tell| {
        tell(stats().sent as f64, &[]);
    });
    observe_sums("otel.sdk.exporter.span.inflight", "{span}", false, |tell| {
        tell(stats().queued as f64, &[]);
    });
    observe_sums("sdk.spilled", "{span}", false, |tell| tell(stats().on_disk as f64, &[]));
    observe_sums("sdk.retries", "{request}", true, |tell| tell(delivery().retries as f64, &[]));
    observe_sums("sdk.drain.cpu.time", "s", true, |tell| tell(crate::drain::cpu_seconds(), &[]));
    observe("sdk.rings.size", "By", &[], || crate::ring::registry::bytes() as f64);
}

/// Keeps the SDK running; sends what is left when it is dropped.
#[must_use = "dropping the guard ends the SDK"]
#[derive(Debug)]
pub struct Guard {
    running: Option<Running>,
    quiet: bool,
}

impl Guard {
    pub(crate) fn new(running: Running, quiet: bool) -> Self {
        Self { running: Some(running), quiet }
    }

    /// Of an SDK that is turned off.
    pub(crate) fn disabled() -> Self {
        Self { running: None, quiet: true }
    }

    /// Sends everything that has ended so far; `true` when that was done by the deadline. Safe to
    /// call anywhere: it waits on a condition, never on a runtime.
    pub fn flush(&self, deadline: Duration) -> bool {
        self.running.as_ref().is_none_or(|r| !crate::state::forked() && r.flush(deadline))
    }

    /// Sends what is left and ends the SDK; `true` when that was done by the deadline. Then [`init`](crate::init) may
    /// start it again.
    pub fn shutdown(mut self, deadline: Duration) -> bool {
        self.end(deadline)
    }

    fn end(&mut self, deadline: Duration) -> bool {
        let Some(running) = self.running.take() else { return true };
        if crate::state::forked() {
            // The parent's threads are not here; there is nothing to wait for.
            return false;
        }
        crate::state::set_active(false);
        let ended = running.stop(deadline);
        if !self.quiet {
            let s = stats();
            let disk =
                if s.on_disk > 0 { format!(", on disk {}", s.on_disk) } else { String::new() };
            crate::env::warn(&format!(
                "sent {} spans, dropped {}{disk}",
                s.sent,
                s.dropped() + s.queued
            ));
        }
        ended
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.end(FAREWELL);
    }
}
