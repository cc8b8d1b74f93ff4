//! The sentence itself: record, close, observe. The only place that names all of the verbs.
//!
//! The engine is pure: the log's stamps are its only time, and the same log gives the same bytes
//! whatever the number of shards. It reads no file and renders nothing.

pub mod analyst;
pub mod conclude;
pub mod diagnose;
pub mod history;
mod intake;
pub mod investigations;
pub mod regressions;
pub mod snapshot;
pub mod totals;

pub use intake::{Engine, Settings};
