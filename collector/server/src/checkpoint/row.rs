//! An event that was not delivered yet, as a checkpoint keeps it.

use crate::outbox::Waiting;
use longpole_model::finding::{BottleneckKind, Event, EventKind};
use longpole_model::signal::Timestamp;
use serde::{Deserialize, Serialize};

/// One event for one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    target: String,
    at: Timestamp,
    kind: EventKind,
    investigation: String,
    verdict: BottleneckKind,
    key: String,
    body: String,
}

impl From<Waiting> for Row {
    fn from(w: Waiting) -> Self {
        let Event { at, kind, investigation, verdict, idempotency_key } = w.event;
        let (target, body) = (w.target, w.body);
        Self { target, at, kind, investigation, verdict, key: idempotency_key, body }
    }
}

impl Row {
    /// The target, the event, its body.
    pub fn parts(self) -> (String, Event, String) {
        let Self { target, at, kind, investigation, verdict, key, body } = self;
        (target, Event { at, kind, investigation, verdict, idempotency_key: key }, body)
    }
}
