//! A stream that is ours: its lease, where it was found, and how far it has been taken since.
//!
//! Outlives connections. The reader moves it on, the owner renews and writes it down.

use super::fence::{Held, LEASE, Position};
use super::id::EntryId;
use longpole_core::limits::Limits;
use longpole_model::signal::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The stream of one shard.
#[derive(Clone, Debug)]
pub struct Lane {
    /// The token that writes are fenced with.
    pub token: u64,
    /// Nothing is taken after this moment without a renewal.
    pub until: Instant,
    /// Where it was found: entries up to `found.read` may have been counted before.
    pub found: Position,
    /// The last entry that was taken here, or that nothing before is to be.
    pub taken: EntryId,
    /// Entries that it has had up to the greater of `taken` and `found.read`.
    pub count: u64,
    /// Whether more is there than was taken.
    pub behind: bool,
    /// Everything that arrived before this moment has been taken.
    pub known: Timestamp,
}

impl Lane {
    /// As it was found, the lease asked for at `asked`.
    pub fn new(held: &Held, asked: Instant) -> Self {
        let found = held.position.unwrap_or_default();
        Self {
            token: held.token,
            until: asked + LEASE,
            taken: EntryId::before(found.low),
            count: found.count,
            found,
            behind: true,
            known: Timestamp(0),
        }
    }

    /// Moves on behind an entry that was taken.
    pub fn take(&mut self, id: EntryId) {
        self.taken = self.taken.max(id);
        self.count += u64::from(id > self.found.read);
    }

    /// Seconds since the oldest entry that was not taken arrived, or may have arrived. `now` is our
    /// clock, Redis's is `ahead` nanoseconds before it.
    pub fn lag(&self, now: Timestamp, ahead: i64) -> f64 {
        let known = self.known.max(self.taken.stamp());
        if !self.behind || known == Timestamp(0) {
            return 0.0;
        }
        let there = i128::from(now.0) + i128::from(ahead);
        (there - i128::from(known.0)).max(0) as f64 / 1e9
    }

    /// What is to be written down, log time being `now` and windows closed up to `closed`.
    pub fn position(&self, limits: &Limits, now: Timestamp, closed: Timestamp) -> Position {
        // Log time may be the clock's while nobody knows how far streams are.
        let now = if self.behind { now.min(self.taken.stamp()) } else { now };
        Position {
            read: self.found.read.max(self.taken),
            low: self.found.low.max(needed(limits, now)),
            closed: self.found.closed.max(closed),
            count: self.count,
        }
    }
}

/// What arrived before this moment changes nothing any more, log time being `now`: no open window and
/// no open trace.
pub fn needed(limits: &Limits, now: Timestamp) -> Timestamp {
    now.minus(reach(limits))
}

/// How long an entry matters.
pub fn reach(limits: &Limits) -> u64 {
    limits.horizon + limits.lateness + limits.window + limits.skew
}

/// The streams that are ours.
#[derive(Clone, Debug, Default)]
pub struct Lanes(Arc<Mutex<BTreeMap<u32, Lane>>>);

impl Lanes {
    /// All of them.
    pub fn all(&self) -> MutexGuard<'_, BTreeMap<u32, Lane>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longpole_model::signal::SECOND;

    #[test]
    fn what_is_written_never_goes_back() {
        let id = |millis| EntryId { millis, number: 0 };
        let at = |s| Timestamp(s * SECOND);
        let found = Position { read: id(200_000), low: at(110), closed: at(180), count: 7 };
        let held = Held { token: 3, before: String::new(), position: Some(found) };
        let mut lane = Lane::new(&held, Instant::now());
        assert_eq!(lane.taken, id(110_000 - 1).max(EntryId::before(at(110))));
        let limits = Limits::default();
        lane.take(id(150_000));
        assert_eq!(lane.position(&limits, at(150), at(0)), found, "read again, not new");
        lane.take(id(300_000));
        assert!((lane.lag(at(305), 0) - 5.0).abs() < 1e-9 && lane.lag(at(290), 0) == 0.0);
        let later = lane.position(&limits, at(300), at(280));
        assert_eq!((later.read, later.low), (id(300_000), at(210)));
        assert_eq!((later.closed, later.count), (at(280), 8));
    }
}
