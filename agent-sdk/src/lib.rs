//! Longpole's SDK: spans, metrics and W3C propagation, sent by OTLP.
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
//! A thread of the SDK reads the rings on a timer, another sends. Full = the newest is dropped and
//! counted ([`stats`]): `created = sent + dropped + queued`. After a fork the new process records
//! nothing unless it is the one that calls [`init`].
//!
//! Feature `off`: everything compiles and nothing is left of it. `OTEL_SDK_DISABLED=true`: nothing is started.

// Spans are made through macros that name this crate.
extern crate self as longpole_sdk;

mod builder;
mod clock;
mod context;
mod drain;
mod env;
mod export;
mod guard;
mod id;
mod layer;
mod local;
mod metrics;
mod process;
mod propagation;
mod queue;
mod raw;
mod record;
mod ring;
mod sampler;
mod site;
mod span;
mod state;
mod stats;
mod value;

#[cfg(feature = "axum")]
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
pub use guard::{Guard, flush, stats};
pub use layer::{layer, with_parent};
pub use longpole_sdk_macros::trace;
pub use metrics::{Counter, Histogram, UpDownCounter, observe};
pub use propagation::{extract, inject};
pub use record::body::{Body, Key};
pub use sampler::rates::set_rate;
pub use sampler::{Sampler, set_sampler};
#[cfg(feature = "axum")]
pub use server::{ServerLayer, ServerService, axum};
pub use site::Kind;
#[doc(hidden)]
pub use site::{Fixed, Site};
pub use span::carried::{FutureExt, InContext, InSpan, in_current_span, with_context};
pub use span::{Entered, Span};
pub use stats::{DropReason, Stats, dropped_by_call_site};
pub use value::{Debugged, Shown, Value};
