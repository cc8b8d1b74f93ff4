//! The plain reference: OTLP built by prost, read the obvious way.
//!
//! Shares no code with the road it judges beyond the nouns.

pub mod decode;
