//! A place in the log from which everything that is still open can be built again.
//!
//! Open windows and open spans are not stored as a rule. A [`Mark`] holds what the log alone does not say at
//! its place: names, log time, and what series showed last. Read on from there, windows that were
//! told before come out in part and are left out ([`Align::resume`]); later ones come out whole, if
//! the mark lies far enough behind the first of them ([`reach`]).
//!
//! A mark that carries what is open as well ([`Held`]) reaches back nowhere: it can be used as soon as the
//! windows are told that were closed before it. It is for when the log before it has to go soon, since
//! taking and writing it costs what is open.

use super::{Align, Engine, Intake, Moment, Settings, Told};
use crate::aggregate::{Held, STEP, Shown};
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
    /// What all shards held open, in whatever order; `None` = the log has it.
    pub open: Option<Vec<Held>>,
}

impl Mark {
    /// Whether the windows told make it one to read on from; `align` has told them.
    pub fn is_far(&self, align: &Align, told: Told, limits: &Limits) -> bool {
        match self.open {
            Some(_) => self.moment.closed <= align.spoken(),
            None => self.moment.now.plus(reach(limits)) <= told.next,
        }
    }

    /// Adds to what is open the parts that were taken over and not told yet: shards do not have those.
    pub fn carry(&mut self, align: &Align) {
        if let Some(open) = &mut self.open {
            open.push(Held::parts(align.pending().cloned().collect()));
        }
    }
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
        Mark { names, moment, shown, open: None }
    }

    /// The same with what is open; `None` where that is more than `most` bytes a shard. It can be used
    /// here and now.
    pub fn whole_mark(&self, most: usize) -> Option<Mark> {
        let open = self.shards.iter().map(|s| s.held(most)).collect::<Option<_>>()?;
        let mut mark = Mark { open: Some(open), ..self.mark() };
        mark.carry(&self.align);
        Some(mark)
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
        for shard in &mut engine.shards {
            let mine: Vec<&Shown> = shown.iter().filter(|s| shard.owns(s.0)).collect();
            shard.resume(&rows, place, mine.into_iter(), told.next);
        }
        engine
    }

    /// Takes over what was open at the mark that it resumed from.
    pub fn adopt(&mut self, open: &[Held]) {
        self.shards.iter_mut().for_each(|s| s.adopt(open));
        self.align.adopt(open.iter().flat_map(|h| h.windows()).cloned());
    }
}
