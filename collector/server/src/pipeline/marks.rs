//! From marks in the log to checkpoints: which mark lies far enough back, and who writes.
//!
//! A mark is laid by the doors, completed by every shard, and used once windows have been told that
//! nothing before it counts in any more. One checkpoint is written at a time, by a thread of its own;
//! writing takes at most a twentieth of the analyst's time. At most [`MOST`] marks wait: the oldest go,
//! and more of the log is read again.

use crate::checkpoint::{Place, Row, Seen, write};
use longpole_core::aggregate::Shown;
use longpole_core::catalog::Captured;
use longpole_core::engine::analyst::Analyst;
use longpole_core::engine::{Mark, Moment, Told, reach};
use longpole_core::limits::Limits;
use std::collections::VecDeque;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::{Duration, Instant};

/// Marks that wait.
const MOST: usize = 64;
/// Encoding takes at most one part in so many of the analyst's time.
const SHARE: u32 = 20;

/// A mark as the doors lay it.
pub struct Laid {
    pub number: u64,
    pub position: u64,
    pub names: Captured,
    pub moment: Moment,
    pub seen: Seen,
}

/// A checkpoint to be written.
pub struct Draft {
    pub body: Vec<u8>,
    /// Entries before it are not read again from this checkpoint.
    pub position: u64,
}

/// A mark that shards complete.
struct Open {
    number: u64,
    place: Place,
    /// Shards that have not answered.
    missing: usize,
}

/// What is given to whoever takes checkpoints.
pub struct Marks {
    limits: Limits,
    shards: usize,
    marks: VecDeque<Open>,
    outbox: Box<dyn Fn() -> Vec<Row> + Send>,
    writer: SyncSender<Draft>,
    next: Instant,
}

impl Marks {
    /// `outbox` gives the events not delivered yet.
    pub fn new(
        limits: &Limits,
        shards: usize,
        outbox: Box<dyn Fn() -> Vec<Row> + Send>,
        writer: SyncSender<Draft>,
    ) -> Self {
        let (limits, next) = (limits.clone(), Instant::now());
        Self { limits, shards, marks: VecDeque::new(), outbox, writer, next }
    }

    /// A mark was laid.
    pub fn laid(&mut self, laid: Laid) {
        let Laid { number, position, names, moment, seen } = laid;
        let place = Place { position, mark: Mark { names, moment, shown: Vec::new() }, seen };
        self.marks.push_back(Open { number, place, missing: self.shards });
        if self.marks.len() > MOST {
            self.marks.pop_front();
        }
    }

    /// A shard says what its series had shown at a mark.
    pub fn shown(&mut self, number: u64, mut shown: Vec<Shown>) {
        if let Some(open) = self.marks.iter_mut().find(|m| m.number == number) {
            open.place.mark.shown.append(&mut shown);
            open.missing -= 1;
        }
    }

    /// Windows have been told: takes a checkpoint where one is due, or where it is the `last`.
    pub fn told(&mut self, told: Told, analyst: &Analyst, last: bool) {
        let reach = reach(&self.limits);
        let far = |m: &Open| m.missing == 0 && m.place.mark.moment.now.plus(reach) <= told.next;
        let Some(at) = self.marks.iter().rposition(far) else { return };
        let began = Instant::now();
        if began < self.next && !last {
            return;
        }
        self.marks.drain(..at);
        let Some(open) = self.marks.front() else { return };
        let position = open.place.position;
        match write(&self.limits, &open.place, told, analyst, (self.outbox)()) {
            Ok(body) => match self.writer.try_send(Draft { body, position }) {
                Ok(()) => {
                    self.marks.pop_front();
                }
                // The one before is still being written, or nobody writes any more.
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
            },
            Err(e) => tracing::error!("no checkpoint: {e}"),
        }
        self.next = Instant::now() + (began.elapsed() * SHARE).max(Duration::from_secs(1));
    }
}
