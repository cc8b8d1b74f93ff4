//! What the OTLP doors share: a payload in, an answer out. Decoding, the partial success, the
//! warnings, and what a sender may do about a refusal.
//!
//! How bytes come in and answers go out is [`grpc`] and [`http`]; profiles that were asked for are `profile`.

mod decoders;
pub mod grpc;
pub mod http;
mod inflate;
mod producer;
mod profile;
mod warn;

use crate::control::Control;
use crate::dedupe::Verdict;
use crate::ingest::otlp::{DecodeLimits, Refusal, Signal};
use crate::log::Producer;
use crate::own::Own;
use crate::pipeline::{Pipeline, Refused};
use bytes::Bytes;
use hyper::HeaderMap;
use longpole_model::signal::{Batch, Reason, Rejections, Timestamp};
use std::sync::Arc;
use std::time::Duration;

pub use decoders::Decoders;
pub(crate) use inflate::gunzip;
pub use inflate::{Encoding, InflateError, inflate_aside};

/// When a sender should try again.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);
/// A request whose bytes do not come within this time is given up.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(20);
/// Room made at once for an announced length; beyond it room grows with what comes.
const AT_ONCE: usize = 1 << 20;
/// Requests above this are decoded off the network's threads.
const LARGE: usize = 256 << 10;

/// The way a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP.
    Http,
    /// Streams in Redis.
    Redis,
}

impl Transport {
    /// Label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
            Self::Redis => "redis",
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

/// What the sender of a batch is told whose sequence is older than its window.
const STALE: &str = "stale_sequence: 65,536 later batches of this producer have come; whether this one had \
                     is not known any more, so it was not added";

/// What the sender of too large a request is told.
fn too_large(cap: usize) -> String {
    format!("the request is larger than {cap} bytes; send smaller batches")
}

/// What every OTLP door needs.
#[derive(Clone)]
pub struct Door {
    /// Where requests go.
    pub pipeline: Pipeline,
    /// Caps on one request.
    pub limits: Arc<DecodeLimits>,
    /// Decoders at rest.
    pub decoders: Arc<Decoders>,
    /// Own counters.
    pub own: Arc<Own>,
    /// What senders are asked to do.
    pub control: Arc<Control>,
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
        producer: Option<Producer>,
    ) -> Result<Accepted, Denied> {
        let now = self.pipeline.now();
        let bytes = payload.len();
        let (batch, rejections) = self.decode(signal, &payload, now).await.map_err(|refusal| {
            self.refuse(transport, refusal.reason);
            Denied::Unreadable(refusal.reason, refusal.message)
        })?;
        let items = (batch.spans.len(), batch.points.len());
        let mut accepted = Accepted {
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
            let taken = self.pipeline.submit(signal, payload, batch, &rejections, producer).await;
            let verdict = taken.map_err(|refused| {
                match &refused {
                    Refused::Log(_) => self.refuse(transport, Reason::TooLarge),
                    _ => self.own.overloaded(transport),
                }
                Denied::Later(refused.to_string())
            })?;
            if verdict == Verdict::Stale {
                accepted.rejected = (items.0 + items.1) as u64;
                accepted.message = Some(STALE.to_owned());
            }
        }
        self.own.taken(transport, signal, items, bytes);
        Ok(accepted)
    }

    /// Who sent a request, as far as its headers say.
    fn producer(&self, headers: &HeaderMap) -> Option<Producer> {
        producer::producer(headers).unwrap_or_else(|_| {
            self.own.bad_producers.inc();
            None
        })
    }

    async fn decode(
        &self,
        signal: Signal,
        payload: &Bytes,
        now: Timestamp,
    ) -> Result<(Batch, Rejections), Refusal> {
        let decode = move |door: &Self, payload: &Bytes| {
            let mut decoder = door.decoders.take(&door.limits);
            let decoded = decoder.decode(payload, Some(signal), Some(now));
            door.decoders.give_back(decoder);
            decoded
        };
        if payload.len() <= LARGE {
            return decode(self, payload);
        }
        let (door, payload) = (self.clone(), payload.clone());
        let work = tokio::task::spawn_blocking(move || decode(&door, &payload));
        work.await.unwrap_or_else(|e| {
            Err(Refusal { reason: Reason::Malformed, message: format!("cannot be read: {e}") })
        })
    }

    /// Counts a request that never became a payload.
    pub fn refuse(&self, transport: Transport, reason: Reason) {
        self.own.refused(transport, reason);
        self.pipeline.refuse(reason);
    }
}
