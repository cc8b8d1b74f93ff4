//! The outbox: hands events of investigations to webhooks, at least once, in order for each
//! investigation, under a key that never changes.
//!
//! [`Queue`] decides (pure, time is an argument), `deliver` carries. What is said is rendered
//! before (`longpole_exporters::webhook`); which addresses are allowed is decided by whoever makes
//! the [`Target`]s.
//!
//! **What may be relied on.** An answer of 2xx ends an event; anything else is tried again under the
//! same `Idempotency-Key` and `webhook-id`, 1 s later, then at doubling distances up to 5 minutes,
//! with jitter. After 24 h it becomes a dead letter. Of one investigation nothing overtakes; of
//! several, one that fails holds up no other. Each target has a queue of its own.
//!
//! **When a queue is full**, an event takes the place of the oldest waiting `updated` events of its
//! own investigation: it tells all that they told (`coalesced`). Where there are none it becomes a
//! dead letter at once (`full`). Nothing blocks the caller, and every fate is counted:
//! `accepted = delivered + coalesced + duplicate + dead + waiting`.

mod backoff;
mod clock;
mod deliver;
mod letter;
mod post;
mod queue;
mod settings;
mod target;

pub use letter::{DeadLetter, DeadReason, Stats, Waiting};
pub use queue::{Attempt, Outcome, Queue};
pub use settings::Settings;
pub use target::{BadTarget, Target};

use clock::Clock;
use deliver::Line;
use longpole_model::finding::Event;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// Why the outbox cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// Called outside of an asynchronous runtime.
    #[error("the outbox was started outside of a tokio runtime")]
    NoRuntime,
    /// No trust for `https:` targets.
    #[error(
        "cannot check certificates of https webhooks: {0}. Install ca-certificates, or set \
         SSL_CERT_FILE to a file of trusted roots"
    )]
    Trust(String),
}

/// Starts outboxes.
#[derive(Debug)]
pub struct Outbox;

impl Outbox {
    /// Starts a queue and its carriers for each target. They stop when the last handle is dropped.
    ///
    /// # Errors
    /// [`OutboxError`]: no runtime, or no trusted roots for an `https:` target.
    pub fn start(targets: Vec<Target>, settings: Settings) -> Result<OutboxHandle, OutboxError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| OutboxError::NoRuntime)?;
        let poster = Arc::new(post::Poster::new(&targets, &settings)?);
        let clock = Clock::start();
        let lines: Vec<Arc<Line>> =
            targets.into_iter().map(|t| Arc::new(Line::new(t, &settings, clock))).collect();
        let carriers = lines
            .iter()
            .flat_map(|line| std::iter::repeat_n(line, settings.in_flight.max(1)))
            .map(|line| runtime.spawn(deliver::carry(line.clone(), poster.clone())).abort_handle())
            .collect();
        Ok(OutboxHandle(Arc::new(Inner { lines, carriers })))
    }
}

/// The running outbox. Clones are the same outbox.
#[derive(Clone, Debug)]
pub struct OutboxHandle(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    lines: Vec<Arc<Line>>,
    carriers: Vec<AbortHandle>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        for carrier in &self.carriers {
            carrier.abort();
        }
    }
}

impl OutboxHandle {
    /// Queues an event with its rendered body for every target that wants its kind. Never blocks.
    pub fn push(&self, event: Event, body: String) {
        let body = hyper::body::Bytes::from(body);
        for line in self.0.lines.iter().filter(|l| l.target.wants(event.kind)) {
            line.push(event.clone(), body.clone());
        }
    }

    /// Takes back what an earlier life had not delivered to a target; one that is not there any more is
    /// passed over. The day after which it is given up begins anew.
    pub fn resume(&self, target: &str, event: Event, body: String) {
        let body = hyper::body::Bytes::from(body);
        for line in self.0.lines.iter().filter(|l| l.target.shown() == target) {
            line.push(event.clone(), body.clone());
        }
    }

    /// Counters by target, in the order the targets were given.
    pub fn stats(&self) -> Vec<Stats> {
        self.0.lines.iter().map(|l| l.queue().stats()).collect()
    }

    /// The latest dead letters, oldest first within each target; how many are kept is in
    /// [`Settings::letters`], all are counted.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.0
            .lines
            .iter()
            .flat_map(|l| l.queue().dead_letters().cloned().collect::<Vec<_>>())
            .collect()
    }

    /// What is still to be delivered, for a checkpoint: pushed again after a restart it goes out
    /// under the same key.
    pub fn waiting(&self) -> Vec<Waiting> {
        self.0.lines.iter().flat_map(|l| l.queue().waiting()).collect()
    }

    /// Tries what waits at once, and returns when nothing waits any more or after `deadline`: how
    /// many events are left.
    pub async fn drain(&self, deadline: Duration) -> usize {
        for line in &self.0.lines {
            line.hurry();
        }
        let all = async {
            for line in &self.0.lines {
                line.idle().await;
            }
        };
        // Running out of time is told by what is left.
        let _ = tokio::time::timeout(deadline, all).await;
        self.0.lines.iter().map(|l| l.queue().len()).sum()
    }
}

#[cfg(test)]
mod tests;
