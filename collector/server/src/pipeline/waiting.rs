//! A request between its place in the log and the shards, and what its sender hears.

use super::Refused;
use super::budget::Reserved;
use crate::checkpoint::Seen;
use crate::dedupe::{Fingerprint, Verdict};
use crate::log::Producer;
use longpole_core::aggregate::Dealt;
use longpole_model::signal::{Batch, Rejections, Timestamp};
use tokio::sync::oneshot;

/// A decoded request that has a place in the log.
#[derive(Debug)]
pub struct Waiting {
    pub batch: Batch,
    pub dealt: Dealt,
    pub rejections: Rejections,
    pub room: Reserved,
    pub stamp: Timestamp,
    pub name: Name,
    /// Position behind it.
    pub until: u64,
}

/// What a request is recognised by.
#[derive(Clone, Copy, Debug)]
pub enum Name {
    Batch(Producer),
    Request(Fingerprint),
    /// It holds nothing that could be counted twice, or says nothing of itself.
    Nothing,
}

impl Name {
    /// By its number where it has one, else by its spans.
    pub fn of(producer: Option<Producer>, batch: &Batch) -> Self {
        match producer {
            Some(producer) => Self::Batch(producer),
            None => Fingerprint::of(&batch.spans).map_or(Self::Nothing, Self::Request),
        }
    }

    /// Judges it, and remembers it.
    pub fn judge(self, seen: &mut Seen, stamp: Timestamp) -> Verdict {
        match self {
            Self::Batch(producer) => seen.batches.see(producer),
            Self::Request(print) => seen.requests.see(print, stamp),
            Self::Nothing => Verdict::Fresh,
        }
    }
}

/// What becomes of a request that was handed over.
pub enum Taken {
    /// It may be acknowledged.
    Done(Verdict),
    /// It may be once this says so.
    Soon(oneshot::Receiver<Result<Verdict, Refused>>),
}

/// Tells a sender's task.
pub type Tell = oneshot::Sender<Result<Verdict, Refused>>;
