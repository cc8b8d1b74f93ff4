//! The road behind the doors: log, shards, analyst. A thread for each shard and one for the analyst;
//! each owns what it works on.
//!
//! Everything that waits is bounded by one budget of bytes: full = the request is not taken and its
//! sender is told to come back; nothing that was acknowledged waits for room. Readers ask the analyst
//! and get an answer between two windows.

mod analyst;
mod budget;
mod commit;
mod durable;
mod gate;
mod intake;
mod kept;
mod lane;
mod lanes;
mod lead;
mod marks;
mod pressure;
mod queue;
mod shard;
mod start;
#[cfg(test)]
mod tests;
mod waiting;
mod whole;

use crate::checkpoint::Seen;
use crate::clock::WallClock;
use crate::dedupe::Verdict;
use crate::ingest::otlp::Signal;
use crate::log::{AppendError, MemoryLog, Producer, Record, journal};
use crate::redis::MOST_STREAMS;
use analyst::{Alone, Role, Told};
use bytes::Bytes;
use intake::Doors;
use kept::Kept;
use lanes::Lanes;
use longpole_core::aggregate::Aggregator;
use longpole_core::engine::analyst::Analyst;
use longpole_core::engine::{Align, Settings};
use longpole_core::shed::Step;
use longpole_model::finding::{Event, Investigation, Totals};
use longpole_model::signal::{Batch, Reason, Rejections, Timestamp};
use marks::Marks;
use pressure::Gauge;
use queue::Queue;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;
use waiting::Taken;

pub use analyst::State;
pub(crate) use budget::{Budget, Reserved};
pub use durable::{Durable, DurableError};
pub use gate::Gate;
pub use lane::{OnLane, Spoken};
pub use lanes::Room;
pub use lead::{Analysis, Part, Sharing};
pub(crate) use waiting::Name;

/// A request waits this long to be made durable; then its sender is told to come again, and is recognised
/// when it does.
const DURABLE: Duration = Duration::from_secs(10);
/// A request waits this long for room.
const PATIENCE: Duration = Duration::from_millis(500);

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
    /// What an earlier life acknowledged is still being read.
    #[error("the collector is reading its journal again; send again in a second")]
    Replaying,
    /// It cannot be made durable.
    #[error("not acknowledged: {0}; send again in a second")]
    Disk(Arc<str>),
    /// The log did not take it.
    #[error(transparent)]
    Log(#[from] AppendError),
}

/// Takes events as they happen, with the investigations they are about.
pub type OnEvents = Box<dyn FnMut(Vec<(Event, Investigation)>) + Send>;

/// The doors' end of the road. Cheap to clone.
#[derive(Clone)]
pub struct Pipeline {
    doors: Arc<Doors>,
    analyst: Arc<Queue<Told>>,
    budget: Arc<Budget>,
    clock: WallClock,
}

/// A thread that dies takes the process with it: half a pipeline would count half of everything.
struct Together;

impl Drop for Together {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

fn thread(name: String, work: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name).spawn(move || {
        let _together = Together;
        work();
    })
}

impl Pipeline {
    /// Starts the threads. The one given back ends after [`Pipeline::close`], when the queues are
    /// empty.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        settings: &Settings,
        analyst: Analyst,
        clock: WallClock,
        on_events: OnEvents,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let pipeline = Self::new(settings, clock, None);
        let last = pipeline.run(settings, analyst, on_events, Align::new(settings), None)?;
        Ok((pipeline, last))
    }

    /// Starts without shards: streams are read, each begun by itself ([`Pipeline::begin`]), and `tell` takes
    /// what they say. Nothing is judged until the process leads ([`Pipeline::lead`]).
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start_for_streams(
        settings: &Settings,
        analyst: Analyst,
        clock: WallClock,
        on_events: OnEvents,
        tell: OnLane,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let lanes = Lanes { settings: settings.clone(), tell };
        let pipeline = Self::new(settings, clock, Some(lanes));
        let last = pipeline.work(Vec::new(), analyst, on_events, Role::Follows)?;
        Ok((pipeline, last))
    }

    fn new(settings: &Settings, clock: WallClock, lanes: Option<Lanes>) -> Self {
        let analyst: Arc<Queue<Told>> = Arc::default();
        let limits = &settings.limits;
        let log = Kept::Memory(MemoryLog::with_cap(limits.log_bytes));
        let budget = Arc::new(Budget::new(limits.queue_bytes));
        let shards = if lanes.is_some() { MOST_STREAMS } else { settings.shards };
        let gauge = Arc::new(Gauge::new(limits, shards, Arc::clone(&budget)));
        let doors = Arc::new(Doors::new(settings, log, Arc::clone(&analyst), None, gauge, lanes));
        Self { doors, analyst, budget, clock }
    }

    fn run(
        &self,
        settings: &Settings,
        analyst: Analyst,
        on_events: OnEvents,
        align: Align,
        marks: Option<Marks>,
    ) -> std::io::Result<JoinHandle<()>> {
        self.work(
            settings.aggregators(),
            analyst,
            on_events,
            Role::Alone(Box::new(Alone { align, marks })),
        )
    }

    fn work(
        &self,
        aggregators: Vec<Aggregator>,
        analyst: Analyst,
        on_events: OnEvents,
        role: Role,
    ) -> std::io::Result<JoinHandle<()>> {
        let shards = aggregators.into_iter().zip(self.doors.queues());
        for (i, (aggregator, queue)) in shards.enumerate() {
            let (queue, tell) = (Arc::clone(queue), Arc::clone(&self.analyst));
            let gauge = Arc::clone(&self.doors.gauge);
            let work = move || shard::run(i, aggregator, &queue, &tell, &gauge);
            thread(format!("shard-{i}"), work)?;
        }
        let doors = Arc::clone(&self.doors);
        let mut state = State::new(analyst, doors, on_events, role);
        let (told, clock) = (Arc::clone(&self.analyst), self.clock);
        thread("analyst".into(), move || state.run(&told, clock))
    }

    /// The clock of arrivals.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Takes a decoded request with the bytes it was decoded from: room first, for which it may wait,
    /// then the log, then (with a journal: once it is on the disk) the shards' queues. When it comes back
    /// with `Ok`, the request may be acknowledged.
    ///
    /// # Errors
    /// [`Refused`]: nothing of it was taken.
    pub async fn submit(
        &self,
        signal: Signal,
        payload: Bytes,
        batch: Batch,
        rejections: &Rejections,
        producer: Option<Producer>,
    ) -> Result<Verdict, Refused> {
        let room = self.room(payload.len(), &batch).await?.into_inner();
        let record = Record { signal, producer, payload };
        match self.doors.take(batch, rejections, record, room, self.clock)? {
            Taken::Done(verdict) => Ok(verdict),
            Taken::Soon(told) => match tokio::time::timeout(DURABLE, told).await {
                Ok(Ok(told)) => told,
                Ok(Err(_)) => Err(Refused::Closing),
                Err(_) => Err(Refused::Disk("the disk does not answer".into())),
            },
        }
    }

    /// Counts a request that could not be read.
    pub fn refuse(&self, reason: Reason) {
        self.doors.refuse(reason);
    }

    /// Totals as of now, open windows included. `None` when the pipeline has ended.
    pub async fn totals(&self) -> Option<Arc<Totals>> {
        let (tell, told) = oneshot::channel();
        self.analyst.push(Told::Totals(tell));
        told.await.ok()
    }

    /// Asks the analyst, between two windows. `None` when it has ended.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut State) -> T + Send + 'static,
    ) -> Option<T> {
        let (tell, told) = oneshot::channel();
        self.analyst.push(Told::Ask(Box::new(move |state| {
            // A reader that has gone needs no answer.
            let _ = tell.send(question(state));
        })));
        told.await.ok()
    }

    /// Bytes that wait in the queues.
    pub fn queued_bytes(&self) -> usize {
        self.budget.used()
    }

    /// How full the queues are, from 0 to 1.
    pub fn filled(&self) -> f64 {
        f64::from(self.budget.thousandths()) / 1_000.0
    }

    /// What is given up now, and how many requests' bytes were not held so far.
    pub fn shedding(&self) -> (Step, u64) {
        (self.doors.gauge.step(), self.doors.ordered().log.given_up())
    }

    /// Requests that left the memory log for newer ones, and what a journal takes on the disk.
    pub fn log_figures(&self) -> (u64, Option<journal::Figures>) {
        self.doors.ordered().log.figures()
    }

    /// Whether requests are taken, and why not.
    pub fn gate(&self) -> Gate {
        self.doors.gate()
    }

    /// Whether what is acknowledged outlives a crash.
    pub fn is_durable(&self) -> bool {
        self.doors.ordered().log.is_durable()
    }

    /// Reads what came before: of the doors' own log, and of each stream that is read.
    pub fn seen(&self, mut read: impl FnMut(&Seen)) {
        let ordered = self.doors.ordered();
        read(&ordered.seen);
        ordered.lanes.values().for_each(|lane| read(&lane.seen));
    }

    /// Takes nothing more; what is queued is still worked off.
    pub fn close(&self) {
        self.doors.close();
    }
}
