//! Longpole's voices: pure rendering of findings.
//!
//! Each voice takes nouns and returns text; none of them reads, judges or changes a finding. Every
//! text that came in with telemetry goes through [`text::clean`] or, in JSON, is escaped losslessly.

pub mod json;
pub mod prometheus;
pub mod report;
pub mod text;
pub mod webhook;

#[cfg(test)]
mod fixture;
