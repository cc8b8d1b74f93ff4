//! From marks in the log to checkpoints: which mark lies far enough back, and who writes.
//!
//! A mark is laid by the doors, completed by every shard, and used once windows have been told that
//! nothing before it counts in any more; one that carries what is open ([`whole`](super::whole)) is used
//! as soon as the windows are told that were closed before it, or not at all. One checkpoint is written at a time, by a thread of its own;
//! writing takes at most a twentieth of the analyst's time. At most [`MOST`] marks wait: the oldest go,
//! and more of the log is read again.

use super::whole::Turn;
use crate::checkpoint::{Place, Row, Seen, write};
use longpole_core::aggregate::{Held, Shown};
use longpole_core::catalog::Captured;
use longpole_core::engine::analyst::Analyst;
use longpole_core::engine::{Align, Mark, Moment};
use longpole_core::limits::Limits;
use std::collections::VecDeque;
use std::sync::mpsc::SyncSender;
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
    /// Where it carries what is open: the right to do so.
    pub turn: Option<Turn>,
}

/// A checkpoint to be written.
pub struct Draft {
    pub body: Vec<u8>,
    /// Entries before it are not read again from this checkpoint.
    pub position: u64,
    /// Where it has to be all there is: the journal before it is to go at once.
    pub turn: Option<Turn>,
}

/// A mark that shards complete.
struct Open {
    number: u64,
    place: Place,
    /// Shards that have not answered.
    missing: usize,
    turn: Option<Turn>,
    /// What shards have open, as far as they have told.
    held: Vec<Held>,
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
        let Laid { number, position, names, moment, seen, turn } = laid;
        let mark = Mark { names, moment, shown: Vec::new(), open: None };
        let (place, missing) = (Place { position, mark, seen }, self.shards);
        self.marks.push_back(Open { number, place, missing, turn, held: Vec::new() });
        if self.marks.len() > MOST {
            self.marks.pop_front();
        }
    }

    /// A shard says what its series had shown at a mark, and what it had open.
    pub fn shown(&mut self, number: u64, mut shown: Vec<Shown>, held: Option<Held>) {
        let Some(at) = self.marks.iter().position(|m| m.number == number) else { return };
        let open = &mut self.marks[at];
        open.place.mark.shown.append(&mut shown);
        open.held.extend(held);
        open.missing -= 1;
        if open.missing > 0 || open.turn.is_none() {
            return;
        }
        if open.held.len() == self.shards {
            open.place.mark.open = Some(std::mem::take(&mut open.held));
        } else {
            // More is open than may be carried. Another one is laid soon.
            self.marks.remove(at);
        }
    }

    /// Whether a mark waits that is wanted as soon as it can be had.
    pub fn is_wanted(&self) -> bool {
        self.marks.iter().any(|m| m.missing == 0 && m.turn.is_some())
    }

    /// Windows have been told by `align`: takes a checkpoint where one is due, or where it is the `last`.
    pub fn told(&mut self, align: &Align, analyst: &Analyst, last: bool) {
        let Some(told) = align.level() else { return };
        let limits = &self.limits;
        let far = |m: &Open| m.missing == 0 && m.place.mark.is_far(align, told, limits);
        let Some(at) = self.marks.iter().rposition(far) else { return };
        let urgent = self.marks[at].turn.as_ref().is_some_and(Turn::is_urgent);
        let began = Instant::now();
        if began < self.next && !last && !urgent {
            return;
        }
        self.marks.drain(..at);
        let Some(mut open) = self.marks.pop_front() else { return };
        open.place.mark.carry(align);
        let (position, turn) = (open.place.position, open.turn.take());
        let again = turn.is_none();
        let taken = match write(limits, &open.place, told, analyst, (self.outbox)()) {
            // Else the one before is still being written, or nobody writes any more.
            Ok(body) => self.writer.try_send(Draft { body, position, turn }).is_ok(),
            Err(e) => {
                tracing::error!("no checkpoint: {e}");
                false
            }
        };
        // One that carried what is open is as old as that; another is laid soon.
        if !taken && again {
            self.marks.push_front(open);
        }
        self.next = Instant::now() + (began.elapsed() * SHARE).max(Duration::from_secs(1));
    }
}
