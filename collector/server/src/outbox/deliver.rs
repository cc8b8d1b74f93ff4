//! The carriers: tasks that take what is due from a target's queue and send it.
//!
//! Decides nothing: order, distances and giving up are the queue's.

use super::clock::{Clock, unix_seconds};
use super::post::Poster;
use super::queue::Queue;
use super::settings::Settings;
use super::target::Target;
use hyper::body::Bytes;
use longpole_model::finding::Event;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// A target, its queue, and the bell that rings when the queue changed.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) target: Target,
    queue: Mutex<Queue>,
    changed: Notify,
    clock: Clock,
}

impl Line {
    pub(super) fn new(target: Target, settings: &Settings, clock: Clock) -> Self {
        let queue = Mutex::new(Queue::new(target.shown(), settings.clone()));
        Self { target, queue, changed: Notify::new(), clock }
    }

    /// The queue. Never held across an await.
    pub(super) fn queue(&self) -> MutexGuard<'_, Queue> {
        // The queue's steps cannot panic half-way; were one to, its counters still serve.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, event: Event, body: Bytes) {
        // The time is read under the lock: rows stand in the order of their times.
        let mut queue = self.queue();
        queue.push(self.clock.now(), event, body);
        drop(queue);
        self.changed.notify_waiters();
    }

    pub(super) fn hurry(&self) {
        self.queue().hurry(self.clock.now());
        self.changed.notify_waiters();
    }

    /// Returns when nothing waits and nothing is under way.
    pub(super) async fn idle(&self) {
        self.until(|queue| (queue.is_empty().then_some(()), None)).await;
    }

    /// Asks the queue again whenever it changed, or after the time that `ask` names, until it answers.
    async fn until<T>(
        &self,
        mut ask: impl FnMut(&mut Queue) -> (Option<T>, Option<Duration>),
    ) -> T {
        loop {
            let mut changed = pin!(self.changed.notified());
            // Listen first: a change between asking and waiting must not be missed.
            changed.as_mut().enable();
            let (answer, wake) = ask(&mut self.queue());
            if let Some(answer) = answer {
                return answer;
            }
            either(changed, wake).await;
        }
    }
}

async fn either(changed: impl Future<Output = ()>, wake: Option<Duration>) {
    match wake {
        None => changed.await,
        // Which of the two it was does not matter.
        Some(wake) => drop(tokio::time::timeout(wake, changed).await),
    }
}

/// Carries one event at a time, for ever.
pub(super) async fn carry(line: Arc<Line>, poster: Arc<Poster>) {
    loop {
        let attempt = line
            .until(|queue| {
                let now = line.clock.now();
                let attempt = queue.take(now);
                let wake = queue.next_at().map(|at| Duration::from_nanos(at.since(now)));
                (attempt, wake)
            })
            .await;
        let outcome =
            poster.send(&line.target, &attempt.event, attempt.body.clone(), unix_seconds()).await;
        line.queue().done(line.clock.now(), &attempt, outcome);
        line.changed.notify_waiters();
    }
}
