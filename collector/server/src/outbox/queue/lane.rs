//! One investigation's events on their way to one target, and which of them later ones replace.

use hyper::body::Bytes;
use longpole_model::finding::{Event, EventKind};
use longpole_model::signal::Timestamp;
use std::collections::VecDeque;

/// Events in order, oldest first. Never empty while it stands in the queue.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) rows: VecDeque<Row>,
    /// Whether the first row is under way.
    pub(super) busy: bool,
    /// When the first row may be tried.
    pub(super) ready: Timestamp,
}

/// An event and its tries.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) event: Event,
    pub(super) body: Bytes,
    pub(super) accepted: Timestamp,
    pub(super) attempts: u32,
    pub(super) last_error: String,
}

impl Lane {
    /// Rows that a later event of the investigation may replace, oldest first. Openings and ends are
    /// never among them, nor what is under way: it may have arrived.
    pub(super) fn coalescible(&self) -> impl Iterator<Item = &Row> {
        let rows = self.rows.iter().skip(usize::from(self.busy));
        rows.filter(|r| r.event.kind == EventKind::Updated)
    }

    /// Removes the first `n` of them.
    pub(super) fn coalesce(&mut self, n: usize) {
        let (mut left, mut under_way) = (n, self.busy);
        self.rows.retain(|r| {
            let keep =
                std::mem::take(&mut under_way) || left == 0 || r.event.kind != EventKind::Updated;
            left -= usize::from(!keep);
            keep
        });
    }
}
