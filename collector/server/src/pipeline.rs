//! The road behind the doors: log, engine, analyst, in one thread that owns them.
//!
//! One queue leads there. It is bounded by bytes: full = the request is not taken and its sender is
//! told to come back; nothing that was acknowledged waits for room. Readers ask the owner and get an
//! answer between two batches, so no lock is held while a window closes.

mod budget;
mod owner;
#[cfg(test)]
mod tests;

use crate::clock::WallClock;
use crate::ingest::otlp::Signal;
use crate::log::{AppendError, Log, MemoryLog, Producer, Record};
use budget::{Budget, Reserved};
use bytes::Bytes;
use longpole_core::engine::Settings;
use longpole_core::engine::analyst::Analyst;
use longpole_model::finding::{Event, Investigation};
use longpole_model::signal::{Batch, Reason, Rejections, Timestamp};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

pub use owner::State;

/// Bytes of requests between the doors and the engine.
pub const QUEUE_BYTES: usize = 128 << 20;

/// Why a request was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The queue is full; the sender should try again.
    #[error("the collector is behind: {queued} bytes wait already; send again in a second")]
    Overload {
        /// Bytes that wait.
        queued: usize,
    },
    /// It is shutting down.
    #[error("the collector is shutting down; send again in a second")]
    Closing,
    /// The log did not take it.
    #[error(transparent)]
    Log(#[from] AppendError),
}

/// What goes to the owner.
enum Job {
    Batch(Box<Arrival>),
    Refuse(Reason),
    Ask(Box<dyn FnOnce(&mut State) + Send>),
}

/// A request that was taken.
struct Arrival {
    batch: Batch,
    rejections: Rejections,
    stamp: Timestamp,
    room: Reserved,
}

/// Takes events as they happen, with the investigations they are about.
pub type OnEvents = Box<dyn FnMut(Vec<(Event, Investigation)>) + Send>;

/// The doors' end of the road. Cheap to clone.
#[derive(Clone)]
pub struct Pipeline {
    intake: Arc<Mutex<Intake>>,
    budget: Arc<Budget>,
    clock: WallClock,
}

/// Log and queue in one order: a stamp that is given first is taken first.
struct Intake {
    log: MemoryLog,
    jobs: Option<Sender<Job>>,
}

impl Pipeline {
    /// Starts the owner's thread. It ends after [`Pipeline::close`], when the queue is empty.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        settings: Settings,
        analyst: Analyst,
        clock: WallClock,
        on_events: OnEvents,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (jobs, queue): (Sender<Job>, Receiver<Job>) = channel();
        let pipeline = Self {
            intake: Arc::new(Mutex::new(Intake { log: MemoryLog::default(), jobs: Some(jobs) })),
            budget: Arc::new(Budget::new(QUEUE_BYTES)),
            clock,
        };
        let owner =
            std::thread::Builder::new().name("longpole-engine".into()).spawn(move || {
                State::new(settings, analyst, on_events).run(&queue, clock);
            })?;
        Ok((pipeline, owner))
    }

    /// The clock of arrivals.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Takes a decoded request: room first, then the log, then the queue. When it comes back with
    /// `Ok`, the request may be acknowledged.
    ///
    /// # Errors
    /// [`Refused`]: nothing of it was taken.
    pub fn submit(
        &self,
        signal: Signal,
        mut batch: Batch,
        rejections: Rejections,
        producer: Option<Producer>,
    ) -> Result<(), Refused> {
        let payload = Bytes::from(std::mem::take(&mut batch.payload));
        let bytes = payload.len() + size_of::<Batch>() + batch.spans.len() * 64;
        let Some(room) = Budget::reserve(&self.budget, bytes) else {
            return Err(Refused::Overload { queued: self.budget.used() });
        };
        let mut intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(jobs) = intake.jobs.clone() else { return Err(Refused::Closing) };
        let record = Record { signal, producer, payload };
        let stamp = intake.log.append(record, self.clock.now())?.stamp;
        let job = Job::Batch(Box::new(Arrival { batch, rejections, stamp, room }));
        // The lock is held: the queue's order is the log's.
        jobs.send(job).map_err(|_| Refused::Closing)
    }

    /// Counts a request that could not be read.
    pub fn refuse(&self, reason: Reason) {
        self.send(Job::Refuse(reason));
    }

    /// Asks the owner, between two batches. `None` when it has ended.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut State) -> T + Send + 'static,
    ) -> Option<T> {
        let (tell, told) = tokio::sync::oneshot::channel();
        self.send(Job::Ask(Box::new(move |state| {
            // A reader that has gone needs no answer.
            let _ = tell.send(question(state));
        })));
        told.await.ok()
    }

    /// Bytes that wait in the queue.
    pub fn queued_bytes(&self) -> usize {
        self.budget.used()
    }

    /// Requests that had to leave the memory log for newer ones, and bytes it holds.
    pub fn log_figures(&self) -> (u64, usize) {
        let intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        (intake.log.evicted(), intake.log.bytes())
    }

    /// Takes nothing more; what is queued is still worked off.
    pub fn close(&self) {
        self.intake.lock().unwrap_or_else(PoisonError::into_inner).jobs = None;
    }

    fn send(&self, job: Job) {
        let intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(jobs) = &intake.jobs {
            // An owner that has ended counts nothing more.
            let _ = jobs.send(job);
        }
    }
}
