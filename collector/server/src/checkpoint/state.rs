//! What a checkpoint holds, to bytes and back. Numbers in postcard, whose form is narrow and written
//! down; words (investigations) as JSON, whose fields have names.
//!
//! A change of any type in it is another [`super::FORMAT`].

use super::CheckpointError;
use super::row::Row;
use crate::dedupe::{Dedupe, Fingerprints, Parts};
use longpole_core::aggregate::{Held, Shown};
use longpole_core::catalog::Stored;
use longpole_core::engine::analyst::{Analyst, Kept, Words};
use longpole_core::engine::{Mark, Moment, Told};
use longpole_core::limits::Limits;
use serde::{Deserialize, Serialize};

/// Settings that the state depends on: windows cut otherwise cannot go on from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scales {
    /// All in nanoseconds.
    pub window: u64,
    /// How far the watermark stays behind.
    pub lateness: u64,
    /// When a trace is settled.
    pub settle: u64,
    /// When it is at the latest.
    pub horizon: u64,
    /// How far ahead of its arrival a span may end.
    pub skew: u64,
}

impl Scales {
    /// Those of some limits.
    pub fn of(limits: &Limits) -> Self {
        let Limits { window, lateness, settle, horizon, skew, .. } = *limits;
        Self { window, lateness, settle, horizon, skew }
    }
}

/// What came before, as far as it is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Batches with numbers.
    pub batches: Dedupe,
    /// Requests without.
    pub requests: Fingerprints,
    /// Parts that doors cut. Only streams have them, and those are read again: it is not written down.
    #[serde(skip)]
    pub parts: Parts,
}

/// A place of the log, and all that is needed to read on from it.
#[derive(Clone, Debug)]
pub struct Place {
    /// Low water: entries before it are not read again.
    pub position: u64,
    /// Names, time and series there.
    pub mark: Mark,
    /// What had come before it.
    pub seen: Seen,
}

/// A checkpoint, read back.
#[derive(Debug)]
pub struct State {
    /// See [`Place::position`].
    pub position: u64,
    /// Names at the place.
    pub names: Stored,
    /// Log time at the place.
    pub moment: Moment,
    /// Series at the place.
    pub shown: Vec<Shown>,
    /// What was open at the place, where the log before it was let go. Until somebody takes it over.
    pub open: Option<Vec<Held>>,
    /// What had come before the place.
    pub seen: Seen,
    /// Windows told, which the rest holds.
    pub told: Told,
    /// Closed windows and detectors; investigations, changes, alarms. Until somebody takes them over.
    pub known: Option<(Kept, Words)>,
    /// Events not yet delivered.
    pub outbox: Vec<Row>,
}

/// What shards say of a place: what series had shown, what was open.
type Shards<H> = (Vec<Shown>, Option<H>);
type Form<N, H> = (Scales, (u64, Moment, Told), Stored, Shards<H>, Seen, Vec<Row>, N, String);

/// The body of a checkpoint: `place` in the log, and what the analyst knows of the windows told.
///
/// # Errors
/// [`CheckpointError::Damaged`] where something has no stored form: a number that is none in a text.
pub fn write(
    limits: &Limits,
    place: &Place,
    told: Told,
    analyst: &Analyst,
    outbox: Vec<Row>,
) -> Result<Vec<u8>, CheckpointError> {
    let words = serde_json::to_string(&analyst.words());
    // JSON has no word for what is no number: better no new checkpoint than one that nobody reads.
    let words = words.ok().filter(|text| serde_json::from_str::<Words>(text).is_ok());
    let words = words.ok_or(CheckpointError::Damaged("an investigation has no stored form"))?;
    let form: Form<_, _> = (
        Scales::of(limits),
        (place.position, place.mark.moment, told),
        place.mark.names.stored(),
        (place.mark.shown.clone(), place.mark.open.as_ref()),
        place.seen.clone(),
        outbox,
        analyst.numbers(),
        words,
    );
    postcard::to_stdvec(&form).map_err(|_| CheckpointError::Damaged("it has no stored form"))
}

/// Reads a body.
///
/// # Errors
/// [`CheckpointError::Damaged`], or [`CheckpointError::Other`] where it was written under other scales.
pub fn read(body: &[u8], limits: &Limits) -> Result<State, CheckpointError> {
    let bad = CheckpointError::Damaged;
    let (scales, _) = postcard::take_from_bytes::<Scales>(body).map_err(|_| bad("no scales"))?;
    if scales != Scales::of(limits) {
        return Err(CheckpointError::Other(scales));
    }
    let form: Form<Kept, _> =
        postcard::from_bytes(body).map_err(|_| bad("its contents end early"))?;
    let (_, (position, moment, told), names, (shown, open), seen, outbox, kept, words) = form;
    let words = serde_json::from_str(&words).map_err(|_| bad("its investigations are no JSON"))?;
    let known = Some((kept, words));
    Ok(State { position, names, moment, shown, open, seen, told, known, outbox })
}
