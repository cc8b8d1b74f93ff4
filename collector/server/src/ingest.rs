//! The doors: bytes from outside become [`Batch`]es, refusals are counted and said.
//!
//! [`otlp`] is pure (bytes in, batch out); [`replay`] reads recordings.
//!
//! [`Batch`]: longpole_model::signal::Batch

pub mod otlp;
pub mod replay;
