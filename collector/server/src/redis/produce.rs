//! The OTLP doors as producers: what they take is cut by shard and written into streams, and acknowledged
//! when Redis has all of it. So there is one log, whatever road a request came by.
//!
//! `parts` cuts, names and packs; `writer` numbers and writes, one pipeline after the other. What a door
//! says to its sender is the door's.
//!
//! **When something is full**: 32 MiB may wait to be written; a request that finds no room within half a
//! second is refused. Where Redis is away or takes nothing, requests are refused at once.

mod parts;
mod writer;

use super::state::State;
use super::{Settings, pause};
use crate::ingest::otlp::Signal;
use crate::log::Producer;
use crate::pipeline::{Budget, Reserved};
use bytes::Bytes;
use parts::Part;
pub use parts::gzip;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use writer::Writer;

/// Bytes of requests that wait to be written.
const QUEUE_BYTES: usize = 32 << 20;
/// A request waits this long for room.
const PATIENCE: Duration = Duration::from_millis(500);
/// A request waits this long for Redis: well below the ten seconds of exporters. Then its sender comes
/// again, and what had been written is recognised.
const ACKNOWLEDGE: Duration = Duration::from_secs(5);
/// Requests above this are cut and packed off the network's threads.
const LARGE: usize = 64 << 10;

/// Why a request was not written, or not known to be. Its sender should come again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotWritten {
    /// Too much waits.
    #[error("Redis is behind: {0} bytes wait to be written; send again in a second")]
    Full(usize),
    /// Redis is away, must not be used, or refuses.
    #[error("not acknowledged: {0}; send again in a second")]
    Refused(Arc<str>),
    /// No answer in time.
    #[error("not acknowledged: Redis did not answer in time; send again in a second")]
    Late,
    /// We are shutting down.
    #[error("the collector is shutting down; send again in a second")]
    Closing,
}

/// How many streams there are, or why nothing is written.
type Road = Result<u32, Arc<str>>;

/// The doors' way into the streams. Cheap to clone.
#[derive(Clone)]
pub struct ToStreams {
    road: watch::Receiver<Road>,
    queue: mpsc::UnboundedSender<Waiting>,
    budget: Arc<Budget>,
}

/// A part that waits for the writer.
struct Waiting {
    part: Part,
    tell: oneshot::Sender<Result<(), NotWritten>>,
    _room: Arc<Reserved>,
}

impl ToStreams {
    /// Begins to write; ends with the last of its clones.
    pub(super) fn start(settings: Settings, state: State) -> Self {
        let (tell, road) = watch::channel(Err("Redis is not connected yet".into()));
        let (queue, waiting) = mpsc::unbounded_channel();
        tokio::spawn(Writer::new(settings, state, waiting, tell).run());
        Self { road, queue, budget: Arc::new(Budget::new(QUEUE_BYTES)) }
    }

    /// Waits until Redis has been reached or not, at most so long.
    pub(super) async fn tried(&mut self, limit: Duration) {
        // Later the road says what it is like.
        let _ = tokio::time::timeout(limit, self.road.changed()).await;
    }

    /// Writes a decoded request of so many `items`; with `Ok` it may be acknowledged. Tells how many items
    /// were left out since they are too large for an entry by themselves.
    ///
    /// # Errors
    /// [`NotWritten`]: it must not be acknowledged. Parts of it may have been written.
    pub async fn put(
        &self,
        signal: Signal,
        payload: Bytes,
        items: u32,
        sender: Option<Producer>,
    ) -> Result<u32, NotWritten> {
        let streams = self.road.borrow().clone().map_err(NotWritten::Refused)?;
        let room = Budget::wait(&self.budget, payload.len(), PATIENCE).await;
        let room = Arc::new(room.ok_or_else(|| NotWritten::Full(self.budget.used()))?);
        let cut = move || parts::of(signal, &payload, items, sender, streams);
        let (parts, too_large) = match room.bytes() > LARGE {
            false => cut(),
            true => tokio::task::spawn_blocking(cut).await.map_err(|_| NotWritten::Closing)?,
        };
        let mut told = Vec::with_capacity(parts.len());
        for part in parts {
            let (tell, hear) = oneshot::channel();
            let waiting = Waiting { part, tell, _room: Arc::clone(&room) };
            self.queue.send(waiting).map_err(|_| NotWritten::Closing)?;
            told.push(hear);
        }
        drop(room);
        let all = async {
            for hear in told {
                hear.await.unwrap_or(Err(NotWritten::Closing))?;
            }
            Ok(too_large)
        };
        tokio::time::timeout(ACKNOWLEDGE, all).await.unwrap_or(Err(NotWritten::Late))
    }
}
