//! Longpole's SDK: spans from `tracing`, metrics, and W3C propagation, sent by OTLP.
//!
//! ```no_run
//! # fn main() -> Result<(), longpole_sdk::InitError> {
//! let _guard = longpole_sdk::init("checkout")?; // flushes and says what it sent when dropped
//! let app: axum::Router = axum::Router::new().layer(longpole_sdk::axum());
//! # Ok(()) }
//! ```
//!
//! From there `#[tracing::instrument]` and `tracing::info_span!` are the whole API: `otel.name`,
//! `otel.kind` and `otel.status_code` are understood, an error event becomes an exception.
//! Everything is set by the usual `OTEL_*` variables.
//!
//! It never panics, and a host thread never waits for the network: finished spans go to a bounded
//! queue, a thread of the SDK sends them. Full = the newest is dropped and counted ([`stats`]).

#[cfg(feature = "bridge")]
pub mod bridge;
mod builder;
mod clock;
mod context;
pub mod database;
mod env;
mod export;
mod id;
mod layer;
mod metrics;
mod propagation;
mod queue;
mod sampler;
mod span;
mod transport;
mod usage;

#[cfg(feature = "axum")]
mod server;

/// Calls with context: a client span around a request, `traceparent` in its headers.
#[cfg(feature = "reqwest")]
pub mod reqwest {
    pub use crate::client::execute;
}
#[cfg(feature = "reqwest")]
mod client;

pub use builder::{Builder, Guard, InitError, Protocol, init};
pub use context::{Context, current};
pub use layer::{layer, with_parent};
pub use metrics::{
    BoundCounter, BoundHistogram, BoundUpDownCounter, Counter, Gauge, Histogram, UpDownCounter,
    observe, observe_many,
};
pub use propagation::{Received, baggage, extract, inject, inject_fields, receive, with_baggage};
#[cfg(feature = "tonic")]
pub use propagation::{grpc_inject, grpc_span};
pub use queue::{Stats, stats};
pub use sampler::Sampler;
#[cfg(feature = "axum")]
pub use server::{ServerLayer, ServerService, axum};
pub use transport::{Delivery, DropReason, delivery};
pub use usage::{Pool, watch_pool, watch_queue};
#[cfg(feature = "tokio-metrics")]
pub use usage::{watch_runtime, watch_tasks};
