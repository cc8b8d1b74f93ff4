//! What no road takes: kept on disk, read again when a road is open, or counted.

use super::super::Signal;
use super::super::parcel::Parcel;
use super::super::spill::{Spill, Unkept};
use super::{HURRIED, Worker, parcel, stamp};
use crate::stats::DropReason;
use longpole_proto::road::UNSHARDED;
use std::time::Instant;

impl Worker {
    pub(super) fn take_from_disk(&mut self) {
        match self.spill.as_mut().and_then(Spill::next) {
            Some(Ok(parcel)) => self.pending.push_back(parcel),
            Some(Err(spans)) => {
                self.account.dropped(DropReason::SpillFailed, spans.into());
                self.note_disk();
            }
            None => {}
        }
    }

    pub(super) fn has_unread(&self) -> bool {
        self.spill.as_ref().is_some_and(Spill::has_unread)
    }

    pub(super) fn note_disk(&self) {
        self.account.on_disk(self.spill.as_ref().map_or(0, Spill::spans));
    }

    /// Puts one request on disk or counts it as dropped. Metrics are dropped: the next reading tells all
    /// that this one did.
    pub(super) fn keep(&mut self, mut parcel: Parcel) {
        let next = self.next_try();
        let Some(spill) = self.spill.as_mut().filter(|_| parcel.signal == Signal::Traces) else {
            self.account.given_up(&parcel, DropReason::Shutdown);
            self.control.release(parcel.charge);
            return;
        };
        if let Some(place) = parcel.place {
            spill.unread(place);
            self.disk_pause = next.or_else(|| Some(Instant::now() + HURRIED));
            return;
        }
        // Without Redis its name can be settled now: whoever sends it later sends it under this one.
        if parcel.stamp.is_none() && self.redis.is_none() {
            parcel.stamp = Some(stamp(&mut self.sequences, self.producer, UNSHARDED));
        }
        if let Err(why) = spill.append(&mut parcel) {
            let (reason, text) = match why {
                Unkept::Full => (DropReason::SpillFull, "it is full".to_owned()),
                Unkept::Failed(e) => (DropReason::SpillFailed, e.to_string()),
            };
            self.account.given_up(&parcel, reason);
            self.voice.once(reason.name(), || {
                format!("the spill on disk takes no more ({text}); further spans are dropped")
            });
        }
        self.control.release(parcel.charge);
    }

    /// The last counting.
    pub(super) fn end(mut self) {
        let waiting = self.control.close();
        self.pending.extend(waiting.into_iter().map(|(number, encoded)| parcel(number, encoded)));
        while let Some(parcel) = self.pending.pop_front() {
            self.keep(parcel);
        }
        self.note_disk();
    }
}
