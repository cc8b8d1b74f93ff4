//! Longpole's SDK: spans, metrics and W3C propagation, sent by Redis Streams and OTLP.
//!
//! ```no_run
//! use longpole_sdk::{FutureExt, span, trace};
//!
//! #[trace]
//! async fn order(id: u64) -> Result<(), std::io::Error> {
//!     let mut span = span!("price", order.id = id, currency = "EUR");
//!     span.set("price", 9.5);
//!     drop(span);
//!     pay().in_span(span!(kind: Client, "pay")).await
//! }
//! # async fn pay() -> Result<(), std::io::Error> { Ok(()) }
//!
//! # fn main() -> Result<(), longpole_sdk::InitError> {
//! let _guard = longpole_sdk::init("checkout")?; // flushes and says what it sent when dropped
//! let app: axum::Router = axum::Router::new().layer(longpole_sdk::axum());
//! # Ok(()) }
//! ```
//!
//! Programs that speak `tracing` need none of it: `#[tracing::instrument]` and `tracing::info_span!` are recorded
//! on the same road, `otel.name`, `otel.kind` and `otel.status_code` are understood, an error event
//! becomes an exception. Everything is set by the usual `OTEL_*` variables.
//!
//! It never panics, never blocks a thread of the host's, and takes no more memory than it is given. A finished
//! span is written into a ring of its thread: no lock, no allocation, no system call, nobody woken.
//! A thread of the SDK reads the rings on a timer, another reads the metrics, a third sends: to Redis, else by
//! OTLP, else to a bounded place on disk. Full = the newest is dropped and counted ([`stats`]):
//! `created + recovered = sent + dropped + on disk + queued`. After a shutdown [`init`] may start it again. A
//! process forked after [`init`] records nothing and waits for nothing; one that is to record is forked before.
//!
//! Feature `off`: everything compiles and nothing is left of it. `OTEL_SDK_DISABLED=true`: nothing is started.

// Spans are made through macros that name this crate.
extern crate self as longpole_sdk;

#[cfg(feature = "bridge")]
pub mod bridge;
mod builder;
mod clock;
mod context;
pub mod database;
mod drain;
mod env;
mod guard;
mod id;
mod layer;
mod local;
mod metrics;
mod orders;
mod profile;
mod propagation;
mod raw;
mod reader;
mod record;
mod ring;
mod sampler;
mod site;
mod span;
mod state;
mod stats;
mod transport;
mod usage;
mod value;

#[cfg(any(feature = "axum", feature = "tonic"))]
mod server;

/// Calls with context: a client span around a request, `traceparent` in its headers.
#[cfg(feature = "reqwest")]
pub mod reqwest {
    pub use crate::client::execute;
}
#[cfg(feature = "reqwest")]
mod client;

pub use builder::{Builder, InitError, Protocol, init};
pub use context::{Context, current};
pub use guard::{Guard, delivery, flush, stats};
pub use layer::{layer, with_parent};
pub use longpole_sdk_macros::trace;
pub use metrics::{
    BoundCounter, BoundHistogram, BoundUpDownCounter, Counter, Gauge, Histogram, UpDownCounter,
    observe, observe_many,
};
pub use propagation::{
    Received, baggage, batch_span, extract, inject, inject_fields, receive, with_baggage,
};
#[cfg(feature = "tonic")]
pub use propagation::{grpc_inject, grpc_span, grpc_status};
pub use record::body::{Body, Key};
pub use sampler::rates::set_rate;
pub use sampler::{Sampler, set_sampler};
#[cfg(feature = "axum")]
pub use server::axum::{ServerLayer, ServerService, axum};
#[cfg(feature = "tonic")]
pub use server::tonic::{GrpcLayer, GrpcService, tonic};
pub use site::Kind;
#[doc(hidden)]
pub use site::{Fixed, Site};
pub use span::carried::{FutureExt, InContext, InSpan, in_current_span, with_context};
pub use span::{Entered, Span};
pub use stats::{DropReason, Stats, dropped_by_call_site};
pub use transport::Delivery;
pub use usage::{Pool, watch_pool, watch_queue};
#[cfg(feature = "tokio-metrics")]
pub use usage::{watch_runtime, watch_tasks};
pub use value::{Debugged, Shown, Value};
