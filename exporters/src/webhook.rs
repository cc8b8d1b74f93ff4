//! The webhook voice: what an investigation's event says to a machine that waits for it.
//!
//! [`event`] renders the body, [`headers`] the headers that prove whose it is. When it is sent, how
//! often and in which order is the collector's outbox's business.

mod event;
mod sign;

pub use event::{CONTENT_TYPE, DATA_SCHEMA, event};
pub use sign::{BadSecret, Secret, headers};

#[cfg(test)]
mod tests;
