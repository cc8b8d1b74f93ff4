//! A simulated shop with faults of known truth, recorded as OTLP.
//!
//! Faults are causes in the simulation (more queries, dearer work, a held lock), never painted onto
//! the telemetry: what shows is what follows. Deterministic: same scenario and seed, same bytes. No
//! clock, socket or file there; writing recordings is the command line's business. [`live`] is the shop
//! as real processes, for the demo.

mod fault;
pub mod live;
mod meter;
mod queue;
mod readings;
mod record;
mod rng;
mod shop;
mod telemetry;

pub use fault::Fault;
pub use record::{Options, Recording, record};
pub use telemetry::Telemetry;
