//! What comes in: bytes become batches.
//!
//! [`otlp`] is pure and knows no file and no socket; [`replay`] is the door for recordings. What a
//! batch means is the core's business.

pub mod otlp;
pub mod replay;
