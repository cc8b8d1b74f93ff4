//! Which traces of a partition were evaluated, and when, until nothing of them can be under way.
//!
//! There are some eight times more of them than open traces, so each takes eight bytes: 55 bits of its hash, whose
//! lowest 9 are the partition's and the same for all, and the number of the visit that evaluated it.

use crate::hash::IdHash;
use longpole_model::signal::{PARTITIONS, Timestamp};
use std::collections::HashSet;
use std::hash::{Hash, Hasher};

/// A trace and the number of a visit.
#[derive(Clone, Copy, Debug)]
struct Trace(u64);

/// Bits of a visit's number; they lie where all hashes of a partition are the same.
const VISIT: u64 = PARTITIONS as u64 - 1;

impl Trace {
    fn visit(self) -> usize {
        (self.0 & VISIT) as usize
    }
}

impl PartialEq for Trace {
    fn eq(&self, other: &Self) -> bool {
        self.0 | VISIT == other.0 | VISIT
    }
}

impl Eq for Trace {}

impl Hash for Trace {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0 | VISIT);
    }
}

/// When traces with one number were evaluated: the first, and the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Visit {
    first: Timestamp,
    last: Timestamp,
}

/// Traces that were evaluated.
#[derive(Clone, Debug, Default)]
pub struct Evaluated {
    traces: HashSet<Trace, IdHash>,
    /// Visits of which there are traces, by number; `None` = free.
    visits: Vec<Option<Visit>>,
    /// The number that was given last.
    latest: usize,
    /// Visits that lie nearer to one another than this share a number, and are forgotten with the last of them: a
    /// two-hundredth of the horizon, so that numbers suffice. Up to a horizon of eight minutes it is less than lies
    /// between two visits.
    grain: u64,
    /// What all hashes end in.
    partition: u64,
}

impl Evaluated {
    /// Files a trace; whether it had been filed before.
    pub fn insert(&mut self, hash: u64, at: Timestamp) -> bool {
        self.partition = hash & VISIT;
        let number = self.number(at) as u64;
        self.traces.replace(Trace(hash & !VISIT | number)).is_some()
    }

    fn number(&mut self, at: Timestamp) -> usize {
        if let Some(Some(visit)) = self.visits.get_mut(self.latest) {
            if visit.last == at {
                return self.latest;
            }
            if visit.last < at && at.since(visit.first) < self.grain {
                visit.last = at;
                return self.latest;
            }
        }
        let visit = Some(Visit { first: at, last: at });
        let known = self.visits.iter().position(|v| v.is_some_and(|v| v.last == at));
        self.latest = known.unwrap_or_else(|| {
            let free = self.visits.iter().position(Option::is_none);
            let free = free.or((self.visits.len() < PARTITIONS).then_some(self.visits.len()));
            match free {
                Some(n) if n < self.visits.len() => self.visits[n] = visit,
                Some(_) => self.visits.push(visit),
                None => {}
            }
            free.unwrap_or_else(|| self.join(at))
        });
        self.latest
    }

    /// The number of the visit that is nearest, for want of a free one: several earlier lives may have cut time in
    /// different ways.
    #[cold]
    fn join(&mut self, at: Timestamp) -> usize {
        let far = |v: &Option<Visit>| v.map_or(u64::MAX, |v| v.last.0.abs_diff(at.0));
        let nearest = self.visits.iter().enumerate().min_by_key(|(_, v)| far(v));
        let n = nearest.map_or(0, |(n, _)| n);
        if let Some(Some(visit)) = self.visits.get_mut(n) {
            visit.last = visit.last.max(at);
        }
        n
    }

    /// Forgets traces that were evaluated a `horizon` ago or earlier.
    pub fn forget(&mut self, now: Timestamp, horizon: u64) {
        self.grain = horizon / 200;
        let mut gone = false;
        for visit in
            self.visits.iter_mut().filter(|v| v.is_some_and(|v| now.since(v.last) >= horizon))
        {
            *visit = None;
            gone = true;
        }
        if gone {
            let visits = &self.visits;
            self.traces.retain(|t| visits.get(t.visit()).is_some_and(Option::is_some));
        }
    }

    /// All of them, by hash, with the time that each was evaluated at.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u64, Timestamp)> {
        self.traces.iter().map(|t| {
            let visit = self.visits.get(t.visit()).copied().flatten();
            (t.0 & !VISIT | self.partition, visit.map_or(Timestamp(0), |v| v.last))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longpole_model::signal::SECOND;
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// Hashes of partition 7, and seconds until the next visit.
    fn visits() -> impl Strategy<Value = Vec<(Vec<u64>, u64)>> {
        let hash = (0..40u64).prop_map(|n| n << 57 ^ n << 9 | 7);
        prop::collection::vec((prop::collection::vec(hash, 0..6), 1..9u64), 0..80)
    }

    proptest! {
        #[test]
        fn it_is_a_table_of_times(visits in visits(), horizon in 1..60u64) {
            let horizon = horizon * SECOND;
            let (mut packed, mut plain) = (Evaluated::default(), HashMap::new());
            let mut now = Timestamp(0);
            for (hashes, pause) in visits {
                now = now.plus(pause * SECOND);
                packed.forget(now, horizon);
                plain.retain(|_, at: &mut Timestamp| now.since(*at) < horizon);
                for hash in hashes {
                    prop_assert_eq!(packed.insert(hash, now), plain.insert(hash, now).is_some());
                }
                prop_assert_eq!(packed.iter().collect::<HashMap<_, _>>(), plain.clone());
            }
            let mut other = Evaluated::default();
            for (hash, at) in packed.iter() {
                other.insert(hash, at);
            }
            prop_assert_eq!(other.iter().collect::<HashMap<_, _>>(), plain);
        }
    }

    #[test]
    fn over_a_long_horizon_nothing_is_forgotten_early_or_kept_for_long() {
        let horizon = 3_600 * SECOND;
        let mut packed = Evaluated::default();
        for round in 0..5_000u64 {
            let now = Timestamp(round * 2_560_000_000);
            packed.forget(now, horizon);
            packed.insert(round << 9, now);
            let due = round.saturating_sub(horizon / 2_560_000_000);
            let held: Vec<u64> = packed.iter().map(|(hash, _)| hash >> 9).collect();
            assert!((due + 1..=round).all(|n| held.contains(&n)), "{round}");
            let grace = horizon / 200 / 2_560_000_000 + 1;
            assert!(held.iter().all(|n| n + grace >= due), "{round}: {:?}", held.iter().min());
        }
        // More times than there are numbers, in any order.
        let mut taken = Evaluated::default();
        for n in (0..1_000u64).rev() {
            taken.insert(n << 9, Timestamp(n * SECOND));
        }
        assert_eq!(taken.iter().len(), 1_000);
        assert!(taken.iter().all(|(hash, at)| at >= Timestamp((hash >> 9) * SECOND)));
    }
}
