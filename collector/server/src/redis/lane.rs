//! A stream that is ours: its lease, where it was found, how far it has been taken since, and what was said of
//! it that has not been written yet.
//!
//! Outlives connections. The reader moves it on, its thread says what closes in it, the owner renews it and
//! writes all down.
//!
//! **When it is full**: a stream of which more than [`FULL`] bytes wait to be written is not read on.

use super::fence::{Held, LEASE, Position};
use super::id::EntryId;
use crate::pipeline::{OnLane, Spoken};
use longpole_core::limits::Limits;
use longpole_model::signal::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

/// Bytes of windows that may wait to be written.
pub const FULL: usize = 32 << 20;
/// Windows that are kept when they have been written: a Redis that fails over may go back behind them.
const KEPT: usize = 64;
/// Places to read on from that wait until nothing before them counts any more; of more the oldest go.
const MARKS: usize = 64;

/// The stream of one shard.
#[derive(Clone, Debug)]
pub struct Lane {
    /// The token that writes are fenced with.
    pub token: u64,
    /// Nothing is taken after this moment without a renewal.
    pub until: Instant,
    /// Entries up to here had been taken before it became ours.
    pub found: EntryId,
    /// The last entry that was taken here, or that nothing before is to be.
    pub taken: EntryId,
    /// Entries that it has had up to the greater of `taken` and `found`.
    pub count: u64,
    /// Whether more is there than was taken.
    pub behind: bool,
    /// Everything that arrived before this moment has been taken.
    pub known: Timestamp,
    /// Where it would be read on from, as it is written: what arrived before is needed no more.
    pub low: Timestamp,
    /// What was said and is not written.
    said: Said,
}

/// What was said of a stream.
#[derive(Clone, Debug, Default)]
struct Said {
    /// Windows that end before or here have closed.
    closed: Timestamp,
    /// Up to where that is written.
    written: Timestamp,
    /// Those that are not written, and the latest that are.
    windows: VecDeque<(Timestamp, Arc<[u8]>)>,
    /// Bytes of those that are not written.
    bytes: usize,
    marks: VecDeque<Mark>,
}

impl Said {
    fn unwritten(&self) -> impl Iterator<Item = &(Timestamp, Arc<[u8]>)> {
        self.windows.iter().filter(|(end, _)| *end > self.written)
    }
}

/// A place to read on from.
#[derive(Clone, Debug)]
struct Mark {
    at: Timestamp,
    body: Arc<[u8]>,
}

/// What is to be written of a stream.
#[derive(Clone, Debug)]
pub struct Due {
    /// How far it is.
    pub position: Position,
    /// Windows up to here have been written.
    pub behind: Timestamp,
    /// End and stored form of windows.
    pub windows: Vec<(Timestamp, Arc<[u8]>)>,
    /// The stored form of a place to read on from, where there is a newer one.
    pub mark: Option<Arc<[u8]>>,
}

impl Lane {
    /// As it was found, the lease asked for at `asked`; it is read behind `from`.
    pub fn new(held: &Held, asked: Instant, from: EntryId) -> Self {
        let found = held.position.unwrap_or_default();
        let said = Said { closed: found.closed, written: found.closed, ..Said::default() };
        Self {
            token: held.token,
            until: asked + LEASE,
            taken: from,
            count: found.count,
            found: found.read,
            behind: true,
            known: Timestamp(0),
            low: found.low,
            said,
        }
    }

    /// Moves on behind an entry that was taken.
    pub fn take(&mut self, id: EntryId) {
        self.count += u64::from(id > self.found && id > self.taken);
        self.taken = self.taken.max(id);
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

    /// Whether windows wait to be written, and whether so many that it must not be read on.
    pub fn waits(&self) -> (bool, bool) {
        (self.said.closed > self.said.written, self.said.bytes > FULL)
    }

    /// What is to be written now. A place to read on from is used once nothing before it counts in a window
    /// that is still to be said, which is `reach` nanoseconds behind it.
    pub fn due(&self, reach: u64) -> Due {
        let closed = self.said.closed;
        let far = self.said.marks.iter().rev().find(|m| m.at.plus(reach) <= closed);
        Due {
            position: Position {
                read: self.found.max(self.taken),
                low: far.map_or(self.low, |m| m.at.max(self.low)),
                closed,
                count: self.count,
            },
            behind: self.said.written,
            windows: self.said.unwritten().cloned().collect(),
            mark: far.map(|m| Arc::clone(&m.body)),
        }
    }

    /// That was written.
    pub fn written(&mut self, due: &Due) {
        let Position { low, closed, .. } = due.position;
        let said = &mut self.said;
        self.low = self.low.max(low);
        said.written = said.written.max(closed);
        if due.mark.is_some() {
            said.marks.retain(|m| m.at > low);
        }
        said.bytes = said.unwritten().map(|(_, window)| window.len()).sum();
        while said.windows.len() > KEPT
            && said.windows.front().is_some_and(|(end, _)| *end <= closed)
        {
            said.windows.pop_front();
        }
    }

    /// Redis went back: only windows up to `closed` are there. Tells whether the rest is known here.
    pub fn went_back(&mut self, closed: Timestamp) -> bool {
        let said = &mut self.said;
        let known = said.windows.front().is_some_and(|(end, _)| *end <= closed);
        let whole = known || said.windows.len() < KEPT;
        said.written = closed;
        said.bytes = said.unwritten().map(|(_, window)| window.len()).sum();
        whole
    }

    fn hear(&mut self, spoken: Spoken) {
        let said = &mut self.said;
        match spoken {
            Spoken::Closed { until, windows } => {
                said.closed = said.closed.max(until);
                for (end, window) in windows {
                    said.bytes += window.len();
                    said.windows.push_back((end, window.into()));
                }
            }
            Spoken::Mark { at, body } => {
                said.marks.push_back(Mark { at, body: body.into() });
                if said.marks.len() > MARKS {
                    said.marks.pop_front();
                }
            }
        }
    }
}

/// The streams that are ours.
#[derive(Clone, Debug, Default)]
pub struct Lanes {
    lanes: Arc<Mutex<BTreeMap<u32, Lane>>>,
    /// Something was said.
    pub said: Arc<Notify>,
}

impl Lanes {
    /// All of them.
    pub fn all(&self) -> MutexGuard<'_, BTreeMap<u32, Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what their threads say. What is said under a token that is not ours any more is left out: whoever
    /// has the next one says it again.
    pub fn listener(&self) -> OnLane {
        let lanes = self.clone();
        Arc::new(move |number, token, spoken| {
            let closed = matches!(spoken, Spoken::Closed { .. });
            if let Some(lane) = lanes.all().get_mut(&number).filter(|l| l.token == token) {
                lane.hear(spoken);
            }
            if closed {
                lanes.said.notify_one();
            }
        })
    }
}

/// What arrived before this moment changes nothing any more where a place lies at `mark`.
pub fn trimmed(limits: &Limits, mark: Timestamp) -> EntryId {
    // Twice the horizon stays readable behind what a restart needs.
    EntryId::before(mark.minus(2 * limits.horizon))
}

#[cfg(test)]
mod tests {
    use super::*;
    use longpole_model::signal::SECOND;

    #[test]
    fn what_is_written_never_goes_back_and_marks_wait_until_nothing_before_them_counts() {
        let id = |millis| EntryId { millis, number: 0 };
        let at = |s| Timestamp(s * SECOND);
        let found = Position { read: id(200_000), low: at(110), closed: at(180), count: 7 };
        let held = Held { token: 3, before: String::new(), position: Some(found) };
        let lanes = Lanes::default();
        lanes.all().insert(2, Lane::new(&held, Instant::now(), id(110_000)));
        let listen = lanes.listener();
        let due = |reach| lanes.all()[&2].due(reach * SECOND);
        lanes.all().get_mut(&2).expect("there").take(id(150_000));
        assert_eq!((due(9).position, due(9).windows.len()), (found, 0), "read again, not new");
        lanes.all().get_mut(&2).expect("there").take(id(300_000));
        let lag = |s| lanes.all()[&2].lag(at(s), 0);
        assert!((lag(305) - 5.0).abs() < 1e-9 && lag(290) == 0.0);
        listen(2, 4, Spoken::Closed { until: at(999), windows: Vec::new() });
        assert_eq!(due(9).position.closed, at(180), "under a token that is not ours");
        listen(2, 3, Spoken::Mark { at: at(200), body: vec![1] });
        listen(2, 3, Spoken::Mark { at: at(250), body: vec![2] });
        listen(2, 3, Spoken::Closed { until: at(280), windows: vec![(at(270), vec![0; 9])] });
        assert_eq!((due(99).mark, due(99).position.low), (None, at(110)), "too near");
        let now = due(40);
        assert_eq!((now.position.read, now.position.count), (id(300_000), 8));
        assert_eq!((now.mark.as_deref(), now.position.low), (Some(&[1][..]), at(200)));
        assert_eq!((now.position.closed, now.windows.len()), (at(280), 1));
        assert_eq!(lanes.all()[&2].waits(), (true, false));
        lanes.all().get_mut(&2).expect("there").written(&now);
        assert_eq!(lanes.all()[&2].waits(), (false, false));
        assert_eq!((due(40).mark, due(40).windows.len(), due(40).position.low), (None, 0, at(200)));
        assert_eq!(due(30).mark.as_deref(), Some(&[2][..]));
        assert!(lanes.all().get_mut(&2).expect("there").went_back(at(260)));
        assert_eq!((due(40).windows.len(), due(40).behind), (1, at(260)), "written again");
    }
}
