//! What the OTLP doors share: a payload in, an answer out. Decoding, the partial success, the
//! warnings, and what a sender may do about a refusal.
//!
//! How bytes come in and answers go out is [`grpc`] and [`http`].

pub mod grpc;
pub mod http;
mod inflate;
mod warn;

use crate::ingest::otlp::{self, DecodeLimits, Signal};
use crate::own::Own;
use crate::pipeline::{Pipeline, Refused};
use bytes::Bytes;
use longpole_model::signal::{Reason, Rejections};
use std::sync::Arc;
use std::time::Duration;

pub use inflate::{Encoding, InflateError, inflate};

/// When a sender should try again.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);
/// A request whose bytes do not come within this time is given up.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(20);
/// Requests above this are decoded off the network's threads.
const LARGE: usize = 256 << 10;

/// The way a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP.
    Http,
}

impl Transport {
    /// Label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
        }
    }
}

/// A request that was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Spans, points or log records that were refused; the rest counts.
    pub rejected: u64,
    /// Why, or a warning; `None` when all is well.
    pub message: Option<String>,
}

/// A request that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// It cannot be read: sending it again is no use.
    Unreadable(Reason, String),
    /// Not now.
    Later(String),
}

/// What every OTLP door needs.
#[derive(Clone)]
pub struct Door {
    /// Where requests go.
    pub pipeline: Pipeline,
    /// Caps on one request.
    pub limits: Arc<DecodeLimits>,
    /// Own counters.
    pub own: Arc<Own>,
}

impl Door {
    /// Takes one request as protobuf.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn take(
        &self,
        signal: Signal,
        transport: Transport,
        payload: Bytes,
    ) -> Result<Accepted, Denied> {
        if payload.len() <= LARGE {
            return self.take_now(signal, transport, payload);
        }
        let door = self.clone();
        let work = tokio::task::spawn_blocking(move || door.take_now(signal, transport, payload));
        work.await.unwrap_or_else(|_| Err(Denied::Later("the request was given up".into())))
    }

    /// Counts a request that never became a payload.
    pub fn refuse(&self, transport: Transport, reason: Reason) {
        self.own.refused(transport, reason);
        self.pipeline.refuse(reason);
    }

    fn take_now(
        &self,
        signal: Signal,
        transport: Transport,
        payload: Bytes,
    ) -> Result<Accepted, Denied> {
        let now = self.pipeline.now();
        let bytes = payload.len();
        let decoded = match signal {
            Signal::Traces => otlp::traces(&payload, &self.limits, Some(now)),
            Signal::Metrics => otlp::metrics(&payload, &self.limits, Some(now)),
            Signal::Logs => otlp::logs(&payload, &self.limits),
        };
        let (batch, rejections) = decoded.map_err(|refusal| {
            self.refuse(transport, refusal.reason);
            Denied::Unreadable(refusal.reason, refusal.message)
        })?;
        let items = (batch.spans.len(), batch.points.len());
        let accepted = Accepted {
            rejected: match signal {
                Signal::Traces => rejections.spans.total(),
                Signal::Metrics => rejections.points.total(),
                Signal::Logs => 0,
            },
            message: warn::message(&batch, &rejections, now),
        };
        // What was only refused, kept out or mended counts, too.
        let empty = items == (0, 0) && rejections == Rejections::default();
        if !empty {
            self.pipeline.submit(signal, payload, batch, &rejections, None).map_err(|refused| {
                match &refused {
                    Refused::Overload { .. } | Refused::Closing => self.own.overloaded(transport),
                    Refused::Log(_) => self.refuse(transport, Reason::TooLarge),
                }
                Denied::Later(refused.to_string())
            })?;
        }
        self.own.taken(transport, signal, items, bytes);
        Ok(accepted)
    }
}
