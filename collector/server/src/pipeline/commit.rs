//! The thread between log and shards: makes what waits durable, a group at a time, then deals it and
//! tells its senders.
//!
//! While one group is written the next one gathers, so that a group is as large as the disk is slow. A
//! group that fails is taken back whole, with all that came behind it; until the disk takes a new
//! segment nothing is taken any more. What waits is bounded by the budget of bytes.

use super::Refused;
use super::gate::Gate;
use super::intake::Doors;
use crate::disk::Folder;
use crate::log::journal::{CommitError, Committer};
use crate::own::Kept as Figures;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// Requests dealt under one lock.
const AT_ONCE: usize = 64;
/// A disk that failed is tried again this often.
const PROBE: Duration = Duration::from_millis(500);

/// Works until the doors are closed and nothing waits.
pub fn run(doors: &Doors, mut committer: Committer<Folder>, figures: &Figures) {
    loop {
        let mut ordered = doors.ordered();
        if ordered.waiting.is_empty() {
            match &ordered.gate {
                Gate::Closed => break,
                Gate::Failing(_) => {
                    let stamp = ordered.log.stamp();
                    drop(ordered);
                    std::thread::sleep(PROBE);
                    probe(doors, committer.probe(stamp));
                }
                Gate::Open | Gate::Replaying => {
                    let woken = doors.wake.wait_timeout(ordered, PROBE);
                    drop(woken.unwrap_or_else(PoisonError::into_inner));
                }
            }
            continue;
        }
        let mut waiting = std::mem::take(&mut ordered.waiting);
        let group = ordered.log.take_tail();
        drop(ordered);
        let began = Instant::now();
        let done = committer.commit(&group);
        figures.commit_seconds.observe(began.elapsed().as_secs_f64());
        drop(group);
        match done {
            Ok(_) => {
                let mut waiting = waiting.into_iter();
                while waiting.len() > 0 {
                    let mut ordered = doors.ordered();
                    let part = waiting.by_ref().take(AT_ONCE);
                    let told: Vec<_> =
                        part.map(|(w, tell)| (doors.deal(&mut ordered, w), tell)).collect();
                    drop(ordered);
                    for (verdict, tell) in told {
                        // A sender that has gone needs no answer.
                        let _ = tell.send(Ok(verdict));
                    }
                }
            }
            Err(e) => {
                tracing::error!("{e}; requests are refused until it can be written again");
                let why: Arc<str> = e.to_string().into();
                let mut ordered = doors.ordered();
                ordered.log.roll_back();
                waiting.append(&mut ordered.waiting);
                if ordered.gate == Gate::Open {
                    ordered.gate = Gate::Failing(Arc::clone(&why));
                }
                drop(ordered);
                for (_, tell) in waiting {
                    let _ = tell.send(Err(Refused::Disk(Arc::clone(&why))));
                }
            }
        }
    }
    doors.end();
}

fn probe(doors: &Doors, tried: Result<(), CommitError>) {
    if tried.is_ok() {
        let mut ordered = doors.ordered();
        if let Gate::Failing(_) = ordered.gate {
            tracing::info!("the journal can be written again");
            ordered.gate = Gate::Open;
        }
    }
}
