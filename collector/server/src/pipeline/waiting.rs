//! A request between its place in the log and the shards, and what its sender hears.

use super::Refused;
use super::budget::Reserved;
use crate::checkpoint::Seen;
use crate::dedupe::{Fingerprint, Part, Verdict};
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

/// What a request is recognised by: all that is known of it. Where nothing is, it holds nothing that could be
/// counted twice, or says nothing of itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Name {
    batch: Option<Producer>,
    part: Option<Part>,
    request: Option<Fingerprint>,
}

impl Name {
    /// By its number where it has one, else by its spans.
    pub fn of(producer: Option<Producer>, batch: &Batch) -> Self {
        let request = if producer.is_some() { None } else { Fingerprint::of(&batch.spans) };
        Self { batch: producer, part: None, request }
    }

    /// Of what a door wrote under a number of its own, for a batch of somebody's.
    pub fn part(written: Producer, part: Part) -> Self {
        Self { batch: Some(written), part: Some(part), request: None }
    }

    /// Of what a door wrote under a number of its own, for somebody who numbers nothing.
    pub fn written(written: Producer, batch: &Batch) -> Self {
        Self { batch: Some(written), part: None, request: Fingerprint::of(&batch.spans) }
    }

    /// Judges it, and remembers it.
    pub fn judge(self, seen: &mut Seen, stamp: Timestamp) -> Verdict {
        let Self { batch, part, request } = self;
        let mut verdict = batch.map_or(Verdict::Fresh, |b| seen.batches.see(b));
        if let (Verdict::Fresh, Some(part)) = (verdict, part) {
            verdict = seen.parts.see(part);
        }
        if let (Verdict::Fresh, Some(print)) = (verdict, request) {
            verdict = seen.requests.see(print, stamp);
        }
        verdict
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
