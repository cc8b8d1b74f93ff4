//! The thread of one shard: owns an aggregator and shares none of it.

use super::analyst::Told;
use super::budget::Reserved;
use super::pressure::Gauge;
use super::queue::Queue;
use longpole_core::aggregate::{Aggregator, Work};
use longpole_core::engine::Tick;
use longpole_model::signal::{Counters, Given};
use std::sync::Arc;
use std::time::Duration;

/// A request that was taken, with the room it takes until the last shard has read it.
pub struct Arrived {
    pub work: Work,
    pub _room: Reserved,
}

/// What a shard is told, in log order.
pub enum Job {
    Work(Arc<Arrived>),
    Tick(Tick),
    /// Tell the analyst what is open: everything that came before this, nothing that comes after.
    Peek(u64),
    /// Tell the analyst what series have shown, as of here: a mark with this number; and, where it says
    /// how many bytes of it at most, what is open.
    Mark(u64, Option<usize>),
}

/// What a shard has not closed yet.
pub struct Peeked {
    /// Number of the question.
    pub question: u64,
    pub open: Counters,
    pub open_spans: u64,
    pub given: Given,
}

impl Peeked {
    pub fn of(aggregator: &Aggregator, question: u64) -> Self {
        Self {
            question,
            open: aggregator.peek(),
            open_spans: aggregator.open_spans() as u64,
            given: aggregator.given(),
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(60);

/// Works until the queue is closed and empty.
pub fn run(
    shard: usize,
    mut aggregator: Aggregator,
    queue: &Queue<Job>,
    analyst: &Queue<Told>,
    gauge: &Gauge,
) {
    let mut jobs = Vec::new();
    let mut lively = false;
    while queue.take(&mut jobs, lively, PATIENCE) {
        lively = jobs.iter().any(|j| matches!(j, Job::Work(_)));
        for job in jobs.drain(..) {
            match job {
                Job::Work(arrived) => aggregator.take(&arrived.work),
                Job::Tick(Tick { at, catalog }) => {
                    if let Some(closed) = aggregator.advance(at) {
                        analyst.push(Told::Closed { shard, closed, catalog });
                    }
                }
                Job::Mark(number, whole) => {
                    let (shown, held) =
                        (aggregator.shown(), whole.and_then(|n| aggregator.held(n)));
                    analyst.push(Told::Marked { number, shown, held });
                }
                Job::Peek(question) => {
                    let peeked = Box::new(Peeked::of(&aggregator, question));
                    analyst.push(Told::Peeked { shard, peeked });
                }
            }
        }
        gauge.holds(shard, aggregator.open_spans());
    }
    analyst.push(Told::Ended(shard));
}
