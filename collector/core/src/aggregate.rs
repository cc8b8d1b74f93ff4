//! The verb *aggregate*: spans and points in, mergeable [`WindowSummary`]s out.
//!
//! One [`Aggregator`] owns one shard of the traces and knows no other. Names are interned in one
//! place before the split ([`Catalog`]), so that ids do not depend on the number of shards. Nothing
//! here knows what a regression is.
//!
//! [`WindowSummary`]: longpole_model::signal::WindowSummary

mod aggregator;
mod catalog;
mod clock;
mod open;
mod role;
mod segment;
mod series;
mod tables;
mod tree;

pub use aggregator::Aggregator;
pub use catalog::{Catalog, Mapped, MappedSeries, RedId};
pub use clock::{Clock, Slot};
pub use role::role_of;
