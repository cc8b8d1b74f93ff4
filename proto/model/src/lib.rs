//! Longpole's nouns: plain data, no behaviour beyond what keeps the data consistent.
//!
//! [`signal`] is what comes in, [`finding`] is what goes out. No clock, file, socket, environment
//! or randomness lives here, and nothing of this workspace is used here: everyone may use this.

pub mod finding;
pub mod signal;
