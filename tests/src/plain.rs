//! The plain reference: OTLP built by prost and read the obvious way, RED and path profiles computed
//! with maps, sums and sorted lists.
//!
//! Shares no code with the road it judges beyond the nouns.

pub mod aggregate;
pub mod decode;
