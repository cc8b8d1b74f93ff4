//! The checkpoint of one stream: a place in it, and what the stream alone does not say there. Framed as the
//! others are. Windows, open spans and names are not in it: reading on builds them, under the ids of
//! whoever reads.

use super::state::Scales;
use super::{CheckpointError, Seen, frame};
use crate::dedupe::Parts;
use longpole_core::aggregate::{Last, Shown};
use longpole_core::catalog::Catalog;
use longpole_core::engine::Moment;
use longpole_core::limits::Limits;
use longpole_model::signal::SeriesIdentity;

/// Milliseconds and number of an entry's id.
pub type EntryPlace = (u64, u64);

/// A place in a stream.
#[derive(Clone, Debug)]
pub struct LanePlace {
    /// The last entry before it.
    pub position: EntryPlace,
    /// The stream's time there.
    pub moment: Moment,
    /// What had come before it.
    pub seen: Seen,
}

/// A place, and what series had shown there.
#[derive(Debug)]
pub struct Lane {
    /// The place.
    pub place: LanePlace,
    /// What series had shown.
    pub shown: Vec<(SeriesIdentity, Last)>,
}

type Form = (Scales, EntryPlace, Moment, Seen, Parts, Vec<(SeriesIdentity, Last)>);

/// The bytes of a place; `shown` is by ids of `catalog`.
///
/// # Errors
/// [`CheckpointError::Damaged`] where something has no stored form.
pub fn write(
    limits: &Limits,
    place: &LanePlace,
    shown: &[Shown],
    catalog: &Catalog,
) -> Result<Vec<u8>, CheckpointError> {
    let named = |(id, last): &Shown| {
        let identity = catalog.series().get(id.0 as usize)?;
        Some((SeriesIdentity::clone(identity), last.clone()))
    };
    let LanePlace { position, moment, seen } = place.clone();
    let parts = seen.parts.clone();
    let shown = shown.iter().filter_map(named).collect();
    let form: Form = (Scales::of(limits), position, moment, seen, parts, shown);
    let body = postcard::to_stdvec(&form);
    let body = body.map_err(|_| CheckpointError::Damaged("it has no stored form"))?;
    Ok(frame::write(0, &body))
}

/// Reads a place.
///
/// # Errors
/// [`CheckpointError`].
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Lane, CheckpointError> {
    let (_, body) = frame::read(bytes)?;
    let bad = CheckpointError::Damaged;
    let (scales, _) = postcard::take_from_bytes::<Scales>(body).map_err(|_| bad("no scales"))?;
    if scales != Scales::of(limits) {
        return Err(CheckpointError::Other(scales));
    }
    let form = postcard::from_bytes::<Form>(body).map_err(|_| bad("its contents end early"))?;
    let (_, position, moment, mut seen, parts, shown) = form;
    seen.parts = parts;
    Ok(Lane { place: LanePlace { position, moment, seen }, shown })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dedupe::Part;
    use crate::log::Producer;
    use longpole_model::signal::{SECOND, SeriesId, Timestamp};

    #[test]
    fn what_is_written_is_read_and_what_is_damaged_is_told() {
        let limits = Limits::default();
        let mut seen = Seen::default();
        let batch = Producer { id: [7; 16], shard: 3, sequence: 9 };
        seen.batches.see(batch);
        seen.parts.see(Part { batch, stream: 1, number: 2 });
        let at = Timestamp(50 * SECOND);
        let moment = Moment { now: at, step: 5_000, closed: Timestamp(20 * SECOND) };
        let place = LanePlace { position: (77, 1), moment, seen };
        // A series without a name could not be found again.
        let shown = [(SeriesId(5), Last::default())];
        let bytes = write(&limits, &place, &shown, &Catalog::default()).expect("a form");
        let lane = read(&bytes, &limits).expect("own bytes");
        assert_eq!((lane.place.position, lane.place.moment), ((77, 1), moment));
        assert!(lane.place.seen == place.seen && lane.shown.is_empty());
        for cut in 0..bytes.len() {
            assert!(read(&bytes[..cut], &limits).is_err(), "cut at {cut}");
            let mut flipped = bytes.clone();
            flipped[cut] ^= 16;
            assert!(read(&flipped, &limits).is_err(), "flipped at {cut}");
        }
        let other = Limits { window: SECOND, ..limits };
        assert!(matches!(read(&bytes, &other), Err(CheckpointError::Other(_))));
    }
}
