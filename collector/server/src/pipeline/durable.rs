//! What a pipeline needs beside memory to outlive a crash, opened before it starts: the folder, what an
//! earlier life left in it, and the threads that write and read it.

use super::budget::Budget;
use super::intake::Doors;
use super::marks::Draft;
use super::waiting::{Name, Waiting};
use crate::checkpoint::{self, CheckpointError, Row, State, Store};
use crate::disk::{Folder, LockError};
use crate::ingest::otlp::{DecodeLimits, Decoder};
use crate::log::journal::{Caps, Committer, Journal, OpenError, Opened, Replay, Trimmer};
use crate::own::Kept as Figures;
use longpole_core::aggregate::Dealt;
use longpole_core::engine::analyst::Analyst;
use longpole_core::limits::Limits;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// The journal's progress is told this often.
const TELL: Duration = Duration::from_secs(2);

/// Why what an earlier life left cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DurableError {
    /// The folder.
    #[error(transparent)]
    Folder(#[from] LockError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// The checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// An opened folder.
pub struct Durable {
    /// What the newest whole checkpoint holds.
    pub(super) state: Option<State>,
    pub(super) journal: Journal<Folder>,
    pub(super) committer: Committer<Folder>,
    pub(super) store: Store<Folder>,
    pub(super) figures: Figures,
}

impl Durable {
    /// Takes a folder and opens what is in it; says what is damaged.
    ///
    /// # Errors
    /// [`DurableError`].
    pub fn open(
        path: &Path,
        bytes: u64,
        limits: &Limits,
        figures: Figures,
    ) -> Result<Self, DurableError> {
        let folder = Folder::lock(path)?;
        let (store, found) = Store::open(folder.clone(), |body| checkpoint::read(body, limits))?;
        for damaged in &found.damaged {
            tracing::error!("{damaged}; going on without it");
            figures.checkpoint_errors.inc();
        }
        let state = found.whole.into_iter().next();
        let from = state.as_ref().map_or(0, |s| s.position);
        if state.is_none() && !found.damaged.is_empty() {
            tracing::error!(
                "no checkpoint is whole: totals begin with what the journal still holds"
            );
        }
        let caps = Caps { bytes, segment: (bytes / 8).clamp(64 << 10, 64 << 20) };
        let Opened { journal, committer, torn } = Journal::open(folder, caps, from)?;
        if torn != (0, 0) {
            let (files, bytes) = torn;
            tracing::warn!(files, bytes, "the journal ends within an entry: a write was cut off");
            figures.torn.inc_by(files);
        }
        let known = state.is_some();
        tracing::info!(path = %path.display(), checkpoint = known, "the data folder was opened");
        Ok(Self { state, journal, committer, store, figures })
    }

    /// Hands what an earlier life knew to the analyst; gives back its events that were not delivered.
    pub fn adopt(&mut self, analyst: &mut Analyst) -> Vec<Row> {
        let Some(state) = &mut self.state else { return Vec::new() };
        if let Some((kept, words)) = state.known.take() {
            analyst.resume(kept, words);
        }
        std::mem::take(&mut state.outbox)
    }
}

/// Writes checkpoints until nobody takes any more, and lets go of the journal behind the older one.
pub(super) fn write(
    drafts: &Receiver<Draft>,
    mut store: Store<Folder>,
    trim: &Trimmer<Folder>,
    mut older: u64,
    figures: &Figures,
) {
    while let Ok(Draft { body, position, turn }) = drafts.recv() {
        // In a hurry it takes the place of both: then nothing needs what the older one did.
        let written = store.write(&body).and_then(|bytes| {
            if turn.is_some() {
                store.write(&body)?;
                older = position;
            }
            Ok(bytes)
        });
        match written {
            Ok(bytes) => {
                figures.checkpoints.inc();
                figures.checkpoint_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
                trim.trim(older);
                older = position;
            }
            Err(e) => {
                figures.checkpoint_errors.inc();
                tracing::error!("cannot write a checkpoint: {e}; the journal grows until one is");
            }
        }
    }
}

/// Reads the journal again; gives back entries and items that could not be decoded. Ends early when
/// the doors close.
pub(super) fn replay(
    doors: &Doors,
    mut replay: Replay<Folder>,
    budget: &Arc<Budget>,
    decode: &DecodeLimits,
    figures: &Figures,
) -> Result<(), OpenError> {
    let (from, began) = (replay.progress().0, Instant::now());
    let mut decoder = Decoder::new(decode);
    let (mut entries, mut told) = (0u64, began);
    while let Some(entry) = replay.next_entry()? {
        let (record, stamp) = (entry.record, entry.receipt.stamp);
        // What was taken once was readable; what is not now is passed over like a bad request.
        match decoder.decode(&record.payload, Some(record.signal), Some(stamp)) {
            Ok((batch, rejections)) => {
                let bytes = record.payload.len() + batch.spans.len() * 64;
                let room = loop {
                    if let Some(room) = Budget::reserve(budget, bytes) {
                        break room;
                    }
                    std::thread::sleep(Duration::from_millis(1));
                };
                let dealt = Dealt::new(&batch.spans, doors.queues().len() as u32);
                let name = Name::of(record.producer, &batch);
                let until = replay.progress().0;
                let waiting = Waiting { batch, dealt, rejections, room, stamp, name, until };
                let mut ordered = doors.ordered();
                if ordered.gate == super::gate::Gate::Closed {
                    return Ok(());
                }
                doors.deal(&mut ordered, waiting);
            }
            Err(refusal) => doors.refuse(refusal.reason),
        }
        entries += 1;
        figures.replayed.inc();
        if told.elapsed() > TELL {
            told = Instant::now();
            let (at, end) = replay.progress();
            let percent = (at - from) * 100 / (end - from).max(1);
            tracing::info!(entries, percent, "reading the journal again");
        }
    }
    let (places, bytes) = replay.damaged();
    if places > 0 {
        figures.torn.inc_by(places);
        tracing::error!(places, bytes, "parts of the journal cannot be read and are lost");
    }
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(entries, ms, "the journal was read again");
    Ok(())
}
