//! The verb *aggregate*: spans and points in, mergeable [`WindowSummary`]s out.
//!
//! One [`Aggregator`] owns one shard of the traces and knows no other. Names are interned in one
//! place before the split ([`crate::catalog`]), so that ids do not depend on the number of shards. Nothing
//! here knows what a regression is.
//!
//! [`WindowSummary`]: longpole_model::signal::WindowSummary

mod aggregator;
mod cells;
mod clock;
mod clocks;
mod codes;
mod dense;
mod evaluated;
mod group;
mod habits;
mod open;
mod order;
mod partition;
mod segment;
mod series;
mod tables;
mod tree;
mod windows;
mod work;

pub use aggregator::{Aggregator, Closed, Held, STEP};
pub use clock::{Clock, Slot};
pub use series::{Last, Shown};
pub use work::{Dealt, Work};
