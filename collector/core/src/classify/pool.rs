//! Whose doing it is that a pool of connections to a database is full: its own, or that of the queries which
//! hold them.
//!
//! Connections in use are queries a second times the time that each holds one (Little's law). Where queries take
//! so much longer that they account for the connections in use, the pool is the victim and the database the
//! cause. Where they take as long as before, connections are fewer, not given back, or asked for oftener. Both
//! look the same to who waits.

use super::{evidence, queue};
use crate::facts::{Facts, HeldFact, SeriesFact, Shift, says};
use longpole_model::finding::Evidence;
use longpole_model::signal::{Category, Facility};

/// Queries that take this many times as long can fill a pool that had room: half of it is what pools are given.
const SLOWER: f64 = 2.0;
/// Queries that take no more than this times as long leave a pool as it was.
const STEADY: f64 = 1.3;
/// Demand that grew by more than this fills a pool by itself, unless queries got slower by more still.
const ASKED: f64 = 1.5;
/// Least share of the connections in use that queries must account for; others are held by nobody's query. Traces
/// that have not settled yet are missing among the queries, so it cannot be much.
const ACCOUNTED: f64 = 0.25;
/// Queries account for no more connections than there are, but for those under way at the end of a recording, which
/// count whole; more means that their spans cover the waits.
const ROOM: f64 = 1.25;
/// Growth of the mean number of declared waits under way, and how many it must be at least.
const WAITERS: (f64, f64) = (2.0, 0.1);
/// What is left of a pool as a cause where queries got slower and it is not clear that they fill it.
pub(super) const UNDECIDED: f64 = 0.6;
/// A pool with less than this share of its former connections has shrunk.
const SHRUNK: f64 = 0.9;

/// A pool that is full because of the queries.
pub(super) struct Victim {
    held: HeldFact,
    /// Queries under way at a time, without those that only wait.
    busy: f64,
    slower: f64,
    /// Connections that there are, where that is told.
    room: Option<f64>,
}

impl Victim {
    /// Why it is not the pool.
    pub(super) fn reason(&self) -> String {
        let room = self.room.map_or(String::new(), |n| format!(" of {n:.0}"));
        format!(
            "waits for the pool follow from queries that take {:.1} times as long: they hold {:.1}{room} \
             connections at a time",
            self.slower, self.busy
        )
    }

    /// What speaks for the database.
    pub(super) fn evidence(&self) -> Evidence {
        let before = self.held.busy[0];
        let sigma = (self.busy - before).abs() / 10.0;
        let shift = Shift { before, after: self.busy, sigma, samples: self.held.queries };
        evidence(self.reason(), "connections held, by Little's law", "{connection}", &shift, true)
    }
}

/// Whether a service waits for its pool because its queries hold connections longer.
pub(super) fn victim(facts: &Facts, service: &str) -> Option<Victim> {
    let held = *facts.held.get(service)?;
    let [then, now] = held.waiting;
    let declared = now >= WAITERS.1 && now >= WAITERS.0 * then;
    let waits = queue::longer(facts, service, Facility::Pool).filter(|s| of_database(s));
    let slower = facts.flows_from(service, Category::Store).any(|(_, f)| f.grew());
    if !slower || !(declared || waits.is_some()) || shrunk(facts, service) {
        return None;
    }
    let used = total(facts, service, is_used);
    let room = total(facts, service, is_size).or(used).map(|[_, n]| n);
    let mut busy = held.busy[1];
    match room {
        Some(n) if busy > ROOM * n => busy -= total(facts, service, is_pending)?[1],
        // Without a figure of the pool only what is longer than all waiting is surely the query itself.
        None if !declared => {
            let more_ns = (1.0 - 1.0 / held.slower) * busy / held.queries[1].max(1) as f64
                * facts.seconds[1]
                * 1e9;
            waits.filter(|s| queue::is_timed(s) && s.up.delta() * 1e9 <= more_ns)?;
        }
        _ => {}
    }
    let slower = held.slower * busy / held.busy[1];
    let accounted =
        room.is_none_or(|n| busy <= ROOM * n) && used.is_none_or(|[_, n]| busy >= ACCOUNTED * n);
    let by_queries = slower >= SLOWER && (held.asked <= ASKED || slower >= held.asked);
    (by_queries && accounted).then_some(Victim { held, busy, slower, room })
}

/// What the queries of a service say of its pool, which waits: that they are as quick as before speaks for the pool;
/// that they are not, for a cause elsewhere, which cannot be told (yet: traces settle later than metrics come).
pub(super) fn own_doing(facts: &Facts, service: &str) -> Option<Evidence> {
    let held = facts.held.get(service)?;
    let (steady, slower) = (held.slower <= STEADY, held.slower);
    let fewer = shrunk(facts, service);
    let why = match steady {
        _ if fewer => "the pool has fewer connections",
        false => "it may be they that hold the connections",
        true if held.asked > ASKED => "more is asked of the pool",
        true => "connections are not given back in time",
    };
    let claim = format!("queries take {slower:.1} times what they took: {why}");
    let shift = Shift { before: 1.0, after: slower, sigma: 0.1, samples: held.queries };
    let supports = steady || fewer;
    Some(evidence(claim, "time of a query, of what it took before", "1", &shift, supports))
}

/// Whether the pool has fewer connections than before.
fn shrunk(facts: &Facts, service: &str) -> bool {
    total(facts, service, is_size).is_some_and(|[then, now]| now < SHRUNK * then)
}

/// Sums of the medians, before and after, of the series of a service's pool that `is` picks; `None` without any.
fn total(facts: &Facts, service: &str, is: fn(&SeriesFact) -> bool) -> Option<[f64; 2]> {
    let all = facts.series.get(service).into_iter().flatten();
    let ours = all.filter(|s| s.identity.facility == Facility::Pool && of_database(s) && is(s));
    ours.map(|s| s.medians).reduce(|a, b| [a[0] + b[0], a[1] + b[1]])
}

/// Pools of threads and of connections to other services have nothing to do with queries.
fn of_database(s: &SeriesFact) -> bool {
    !says(&s.identity, &["http", "rpc", "grpc", "thread", "threads", "executor", "tokio"])
}

fn is_size(s: &SeriesFact) -> bool {
    says(&s.identity, &["max", "limit", "size", "capacity"])
        && !says(&s.identity, &["idle", "min", "wait", "time"])
}

fn is_used(s: &SeriesFact) -> bool {
    let share = matches!(s.identity.unit.as_str(), "1" | "%") || s.identity.name.contains("utili");
    let state = s.identity.attributes.iter().any(|(_, v)| v == "used" || v == "active");
    !share && (state || says(&s.identity, &["used", "use", "inuse", "active", "busy"]))
}

fn is_pending(s: &SeriesFact) -> bool {
    says(&s.identity, &["pending", "waiting", "waiters"]) && !queue::is_timed(s)
}

#[cfg(test)]
mod tests;
