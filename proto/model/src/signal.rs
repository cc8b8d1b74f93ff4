//! What comes in: identifiers, time, operations, spans, metric points, and their summaries.
//!
//! Does not hold what was concluded from them ([`crate::finding`]).

mod batch;
mod classic;
mod counters;
mod edge;
mod fixed;
mod given;
mod identity;
mod metric;
mod operation;
mod profile;
mod resource;
mod sketch;
mod span;
mod summary;
mod tally;
mod time;

pub use batch::*;
pub use classic::*;
pub use counters::*;
pub use edge::*;
pub use fixed::*;
pub use given::*;
pub use identity::*;
pub use metric::*;
pub use operation::*;
pub use profile::*;
pub use resource::*;
pub use sketch::*;
pub use span::*;
pub use summary::*;
pub use tally::*;
pub use time::*;
