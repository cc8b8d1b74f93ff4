//! The pipeline's end for whoever reads logs of their own: streams. Room, order and time; what a door
//! without a log needs is in [`super`].

use super::budget::{Budget, Reserved};
use super::{LogTime, Name, PATIENCE, Pipeline, Refused};
use crate::dedupe::Verdict;
use longpole_model::signal::{Batch, Rejections, Timestamp};

/// Room that a request takes until the last shard has read it.
#[derive(Debug)]
pub struct Room(Reserved);

impl Room {
    pub(super) fn into_inner(self) -> Reserved {
        self.0
    }
}

impl Pipeline {
    /// Room for a request of so many bytes; waits for it a moment.
    ///
    /// # Errors
    /// [`Refused::Overload`].
    pub async fn room(&self, payload: usize, batch: &Batch) -> Result<Room, Refused> {
        let bytes = payload + size_of::<Batch>() + batch.spans.len() * 64;
        let room = Budget::wait(&self.budget, bytes, PATIENCE).await;
        room.map(Room).ok_or_else(|| Refused::Overload { queued: self.budget.used() })
    }

    /// Takes a decoded entry of a stream, which is a log of its own: it has its stamp, and moves the
    /// time of the streams there ([`LogTime`]). Whatever door it came by before, it is recognised.
    ///
    /// # Errors
    /// [`Refused`]: nothing of it was taken.
    pub fn submit_logged(
        &self,
        room: Room,
        batch: Batch,
        rejections: Rejections,
        name: Name,
        stamp: Timestamp,
    ) -> Result<Verdict, Refused> {
        self.doors.take_logged(batch, rejections, name, stamp, room.0)
    }

    /// How far the streams have come: the time of the log where there are any.
    pub fn time(&self) -> &LogTime {
        &self.doors.time
    }

    /// Where the log is: the streams' time, or the clock.
    pub fn log_time(&self) -> Timestamp {
        self.doors.time.at(self.clock.now())
    }

    /// Windows that end before or here have been closed and judged.
    pub fn closed(&self) -> Timestamp {
        self.doors.time.closed()
    }
}
