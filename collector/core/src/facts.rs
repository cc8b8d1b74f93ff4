//! What changed between two stretches of time, signal by signal, against each signal's own spread.
//!
//! Facts are measured here once and read by *attribute* and *classify*; nothing here says whose
//! fault anything is. Times are never averaged: a site's visits are counted above the baseline's
//! own 90th percentile, and what they exceed it by is summed.

mod calls;
mod demand;
mod edges;
mod exceed;
mod felt;
mod fresh;
mod graph;
mod habits;
mod held;
mod plans;
mod population;
mod series;
mod served;
mod service;
mod shift;
mod sites;
mod stretch;
mod surge;

pub use calls::{CallFacts, Calls};
pub use edges::EdgeFact;
pub use graph::Graph;
pub use habits::{Habits, PayloadFact, RepeatFact, SerialFact, WaitFact};
pub use held::HeldFact;
pub use plans::PlanFact;
pub use population::{Population, Reached};
pub(crate) use series::says;
pub use series::{SeriesFact, series_facts};
pub use service::{CLEAR, CPU_STEP, Facts};
pub use shift::Shift;
pub use sites::{Flow, FlowFact, Flows, flows};
pub use stretch::Stretch;
pub use surge::surge;
