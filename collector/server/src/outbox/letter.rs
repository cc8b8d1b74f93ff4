//! What can be told of the outbox: counters, dead letters, and what waits.

use longpole_model::finding::Event;
use longpole_model::signal::Timestamp;

/// Counters of one target. `accepted = delivered + coalesced + duplicate + dead + waiting`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// The target as it may be shown.
    pub target: String,
    /// Events handed to the queue.
    pub accepted: u64,
    /// Events that a 2xx ended.
    pub delivered: u64,
    /// Requests made, good and bad.
    pub attempts: u64,
    /// Requests that failed.
    pub failures: u64,
    /// `updated` events that a later event of their investigation replaced in a full queue.
    pub coalesced: u64,
    /// Events whose key was waiting already.
    pub duplicate: u64,
    /// Dead letters: given up after their time.
    pub dead_gave_up: u64,
    /// Dead letters: the queue was full.
    pub dead_full: u64,
    /// Dead letters: no request can be made of them.
    pub dead_unsendable: u64,
    /// Events waiting or under way.
    pub waiting: u64,
    /// Bytes of their bodies.
    pub waiting_bytes: u64,
    /// When the oldest of them was accepted.
    pub oldest: Option<Timestamp>,
    /// Why the last request failed; empty after one that did not.
    pub last_error: String,
}

impl Stats {
    /// Dead letters of every reason.
    pub fn dead(&self) -> u64 {
        self.dead_gave_up + self.dead_full + self.dead_unsendable
    }
}

/// Why an event was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadReason {
    /// It failed until its time was over.
    GaveUp,
    /// The queue was full and nothing of its investigation could be coalesced.
    Full,
    /// No request can be made of it.
    Unsendable,
}

impl DeadReason {
    /// The word for labels and documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GaveUp => "gave_up",
            Self::Full => "full",
            Self::Unsendable => "unsendable",
        }
    }
}

/// An event that was not delivered. Its body is not kept: the investigation itself is.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// The target as it may be shown.
    pub target: String,
    /// The event.
    pub event: Event,
    /// Why.
    pub reason: DeadReason,
    /// Tries made.
    pub attempts: u32,
    /// What the last one said.
    pub last_error: String,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When it was given up.
    pub at: Timestamp,
}

/// An event still to be delivered.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// The target as it may be shown.
    pub target: String,
    /// The event.
    pub event: Event,
    /// Its rendered body.
    pub body: String,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Tries made so far.
    pub attempts: u32,
}
