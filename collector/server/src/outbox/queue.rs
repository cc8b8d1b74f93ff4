//! The queue of one target: what is tried next, what is tried again, what is given up. Pure: the time
//! is an argument, and what went out is told by [`Queue::done`].
//!
//! One lane for each investigation. The first event of a lane is the only one that may be under way,
//! and it keeps its place until it is delivered or dead: so nothing overtakes within a lane, and lanes
//! do not hold each other up.
//!
//! When full: see the module above. Does not send, and does not know addresses.

mod lane;

use super::backoff;
use super::clock::nanos;
use super::letter::{DeadLetter, DeadReason, Stats, Waiting};
use super::settings::Settings;
use hyper::body::Bytes;
use lane::{Lane, Row};
use longpole_model::finding::Event;
use longpole_model::signal::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Events waiting for one target.
#[derive(Debug)]
pub struct Queue {
    settings: Settings,
    lanes: BTreeMap<String, Lane>,
    letters: VecDeque<DeadLetter>,
    stats: Stats,
}

/// An event to be sent now. It must be answered by [`Queue::done`].
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The event.
    pub event: Event,
    /// Its rendered body.
    pub body: Bytes,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The target took it.
    Delivered,
    /// It did not, and said or showed why.
    Failed {
        /// In words.
        error: String,
        /// The distance it asked for.
        retry_after: Option<Duration>,
    },
    /// No request can be made of it, now or later.
    Unsendable(String),
}

impl Queue {
    /// An empty queue; `target` is how letters and counters name it.
    pub fn new(target: String, settings: Settings) -> Self {
        let stats = Stats { target, ..Stats::default() };
        Self { settings, lanes: BTreeMap::new(), letters: VecDeque::new(), stats }
    }

    /// Takes an event in.
    pub fn push(&mut self, now: Timestamp, event: Event, body: Bytes) {
        self.stats.accepted += 1;
        let row = Row { event, body, accepted: now, attempts: 0, last_error: String::new() };
        let lane = self.lanes.get(&row.event.investigation);
        let key = &row.event.idempotency_key;
        if lane.is_some_and(|l| l.rows.iter().any(|r| r.event.idempotency_key == *key)) {
            self.stats.duplicate += 1;
            return;
        }
        if !self.make_room(&row) {
            self.bury(now, row, DeadReason::Full);
            return;
        }
        self.stats.waiting += 1;
        self.stats.waiting_bytes += row.body.len() as u64;
        let id = row.event.investigation.clone();
        let fresh = || Lane { rows: VecDeque::new(), busy: false, ready: now };
        self.lanes.entry(id).or_insert_with(fresh).rows.push_back(row);
    }

    /// Makes room by coalescing the oldest `updated` events of the same investigation; takes none
    /// when all of them together would not be enough.
    fn make_room(&mut self, new: &Row) -> bool {
        let (events, bytes) = (self.settings.events as u64, self.settings.bytes as u64);
        let (mut count, mut size) = (self.stats.waiting, self.stats.waiting_bytes);
        let fits = |count: u64, size: u64| count < events && size + new.body.len() as u64 <= bytes;
        let mut superseded = 0;
        let lane = self.lanes.get_mut(&new.event.investigation);
        if let Some(lane) = &lane {
            for row in lane.coalescible() {
                if fits(count, size) {
                    break;
                }
                (count, size, superseded) =
                    (count - 1, size - row.body.len() as u64, superseded + 1);
            }
        }
        if !fits(count, size) {
            return false;
        }
        if let Some(lane) = lane {
            lane.coalesce(superseded);
        }
        self.stats.coalesced += superseded as u64;
        (self.stats.waiting, self.stats.waiting_bytes) = (count, size);
        true
    }

    /// The attempt that is due, the longest overdue first.
    pub fn take(&mut self, now: Timestamp) -> Option<Attempt> {
        let due = self.lanes.values_mut().filter(|l| !l.busy && l.ready <= now);
        let lane = due.min_by_key(|l| (l.ready, l.rows.front().map(|r| r.accepted)))?;
        let row = lane.rows.front()?;
        let attempt = Attempt { event: row.event.clone(), body: row.body.clone() };
        lane.busy = true;
        self.stats.attempts += 1;
        Some(attempt)
    }

    /// When the next attempt is due; `None` while nothing waits that is not under way.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.lanes.values().filter(|l| !l.busy).map(|l| l.ready).min()
    }

    /// Notes what became of an attempt.
    pub fn done(&mut self, now: Timestamp, attempt: &Attempt, outcome: Outcome) {
        let Some(lane) = self.lanes.get_mut(&attempt.event.investigation) else { return };
        let Some(row) = lane.rows.front_mut().filter(|_| lane.busy) else { return };
        lane.busy = false;
        row.attempts = row.attempts.saturating_add(1);
        let end = row.accepted.plus(nanos(self.settings.give_up));
        let dead = match outcome {
            Outcome::Delivered => {
                self.stats.last_error.clear();
                None
            }
            Outcome::Failed { error, retry_after } => {
                self.stats.failures += 1;
                self.stats.last_error.clone_from(&error);
                row.last_error = error;
                if now < end {
                    let asked = retry_after.unwrap_or_default().min(self.settings.max_delay);
                    let own =
                        backoff::delay(&self.settings, &row.event.idempotency_key, row.attempts);
                    // The last try falls on the end itself: the promise is a whole day.
                    lane.ready = now.plus(own.max(nanos(asked))).min(end);
                    return;
                }
                Some(DeadReason::GaveUp)
            }
            Outcome::Unsendable(error) => {
                self.stats.failures += 1;
                row.last_error = error;
                Some(DeadReason::Unsendable)
            }
        };
        lane.ready = now;
        let Some(row) = lane.rows.pop_front() else { return };
        if lane.rows.is_empty() {
            self.lanes.remove(&attempt.event.investigation);
        }
        self.stats.waiting -= 1;
        self.stats.waiting_bytes -= row.body.len() as u64;
        match dead {
            None => self.stats.delivered += 1,
            Some(reason) => self.bury(now, row, reason),
        }
    }

    /// Makes everything that waits due now: before a shutdown.
    pub fn hurry(&mut self, now: Timestamp) {
        for lane in self.lanes.values_mut() {
            lane.ready = lane.ready.min(now);
        }
    }

    fn bury(&mut self, now: Timestamp, row: Row, reason: DeadReason) {
        match reason {
            DeadReason::GaveUp => self.stats.dead_gave_up += 1,
            DeadReason::Full => self.stats.dead_full += 1,
            DeadReason::Unsendable => self.stats.dead_unsendable += 1,
        }
        self.letters.push_back(DeadLetter {
            target: self.stats.target.clone(),
            event: row.event,
            reason,
            attempts: row.attempts,
            last_error: row.last_error,
            accepted_at: row.accepted,
            at: now,
        });
        while self.letters.len() > self.settings.letters {
            self.letters.pop_front();
        }
    }

    /// Events waiting or under way.
    pub fn len(&self) -> usize {
        self.lanes.values().map(|l| l.rows.len()).sum()
    }

    /// Whether nothing waits and nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Counters as they stand.
    pub fn stats(&self) -> Stats {
        let heads = self.lanes.values().filter_map(|l| l.rows.front());
        Stats { oldest: heads.map(|r| r.accepted).min(), ..self.stats.clone() }
    }

    /// Dead letters still listed, oldest first.
    pub fn dead_letters(&self) -> impl Iterator<Item = &DeadLetter> {
        self.letters.iter()
    }

    /// What waits, in order within each investigation.
    pub fn waiting(&self) -> Vec<Waiting> {
        let rows = self.lanes.values().flat_map(|l| &l.rows);
        rows.map(|r| Waiting {
            target: self.stats.target.clone(),
            event: r.event.clone(),
            body: String::from_utf8_lossy(&r.body).into_owned(),
            accepted_at: r.accepted,
            attempts: r.attempts,
        })
        .collect()
    }
}

#[cfg(test)]
mod tests;
