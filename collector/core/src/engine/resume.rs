//! A place in the log from which everything that is still open can be built again.
//!
//! Open windows and open spans are never stored. A [`Mark`] holds what the log alone does not say at
//! its place: names, log time, and what series showed last. Read on from there, windows that were
//! told before come out in part and are left out ([`Align::resume`]); later ones come out whole, if
//! the mark lies far enough behind the first of them ([`reach`]).

use super::{Align, Engine, Intake, Moment, Settings, Told};
use crate::aggregate::{STEP, Shown};
use crate::catalog::{Captured, Stored};
use crate::limits::Limits;
use longpole_model::signal::PARTITIONS;

/// One place in the log.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Names given out before it.
    pub names: Captured,
    /// Log time there.
    pub moment: Moment,
    /// What series of all shards had shown, in whatever order.
    pub shown: Vec<Shown>,
}

/// Nanoseconds of log time that a mark must lie before the end of the last window told.
///
/// What counts in a later window ends at most `skew` ahead of its arrival. A trace that leaves rows there
/// has spans of one horizon before, and whether it was evaluated in parts is known for another one; a
/// partition is looked at once a round.
pub fn reach(limits: &Limits) -> u64 {
    let round = (PARTITIONS as u64 + 2) * STEP;
    limits.skew.saturating_add(2 * limits.horizon.saturating_add(round))
}

impl Engine {
    /// The place between the last request and the next.
    pub fn mark(&self) -> Mark {
        let (names, moment) = self.intake.capture();
        let shown = self.shards.iter().flat_map(|s| s.shown()).collect();
        Mark { names, moment, shown }
    }

    /// Up to where windows have been told.
    pub fn told(&self) -> Option<Told> {
        self.align.level()
    }

    /// An engine that reads on from a mark; windows that `told` covers are left out.
    pub fn resume(
        settings: Settings,
        names: Stored,
        at: Moment,
        shown: &[Shown],
        told: Told,
    ) -> Self {
        let mut engine = Self::new(settings.clone());
        engine.intake = Intake::resume(&settings, names, at);
        engine.align = Align::resume(&settings, told);
        let rows = engine.intake.catalog().red_since(0).to_vec();
        let place = (at.step, at.closed);
        engine.shards.iter_mut().for_each(|s| s.resume(&rows, place, shown, told.next));
        engine
    }
}
