//! Every limit of the outbox, in one place.

use std::time::Duration;

/// How patient the outbox is and how much it holds. The defaults are the promise of the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Events that may wait for one target.
    pub events: usize,
    /// Bytes of bodies that may wait for one target.
    pub bytes: usize,
    /// Dead letters kept for listing, by target.
    pub letters: usize,
    /// Requests to one target at a time.
    pub in_flight: usize,
    /// First distance between two tries.
    pub first_delay: Duration,
    /// Greatest distance between two tries; also the most that a `Retry-After` is obeyed.
    pub max_delay: Duration,
    /// Age at which an event that fails becomes a dead letter.
    pub give_up: Duration,
    /// For the connection to stand.
    pub connect_timeout: Duration,
    /// For the answer, once it stands.
    pub response_timeout: Duration,
    /// Of an answer's body, bytes that are read.
    pub response_bytes: usize,
    /// Spreads the tries of several collectors; give each another one.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            events: 1_024,
            bytes: 64 << 20,
            letters: 256,
            in_flight: 4,
            first_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(300),
            give_up: Duration::from_secs(24 * 3_600),
            connect_timeout: Duration::from_secs(10),
            response_timeout: Duration::from_secs(10),
            response_bytes: 64 << 10,
            seed: 0,
        }
    }
}
