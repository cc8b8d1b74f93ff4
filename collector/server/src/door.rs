//! What the OTLP doors share: a payload in, an answer out. Decoding, the partial success, the
//! warnings, and what a sender may do about a refusal. What was taken goes to the pipeline, or, where
//! there are streams, into those, which the pipeline reads.
//!
//! How bytes come in and answers go out is [`grpc`] and [`http`]; profiles that were asked for are `profile`.

mod buffer;
mod decoders;
pub mod grpc;
pub mod http;
mod inflate;
mod producer;
pub mod profile;
mod room;
mod warn;

use crate::control::Control;
use crate::dedupe::Verdict;
use crate::ingest::otlp::{DecodeLimits, Refusal, Signal};
use crate::log::Producer;
use crate::own::Own;
use crate::pipeline::{Pipeline, Refused};
use crate::redis::ToStreams;
use bytes::{Bytes, BytesMut};
use hyper::HeaderMap;
use longpole_model::signal::{Batch, Reason, Rejections, Timestamp};
use longpole_proto::road::UNSHARDED;
use longpole_proto::scrub::scrub;
use std::sync::Arc;
use std::time::Duration;

pub use decoders::Decoders;
pub(crate) use inflate::gunzip;
pub use inflate::{Encoding, InflateError, NotUnpacked, unpack};
pub use room::{BODY_TIMEOUT, NoRoom, Room, Rooms};

/// When a sender should try again.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);
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

/// What the sender of a request is told for which there is no room at the doors.
const FULL: &str = "the collector is receiving as much as it has room for; send again in a second";

/// What the sender of a batch is told whose sequence is older than its window.
const STALE: &str = "stale_sequence: 65,536 later batches of this producer have come; whether this one had \
                     is not known any more, so it was not added";

/// What the sender of too large a span is told, where streams are written.
const OVERSIZE: &str = "too_large: an entry of a stream holds 256 KiB packed, and one of these is larger by \
                        itself; it was left out";

/// What the sender of too large a request is told.
fn too_large(cap: usize) -> String {
    format!("the request is larger than {cap} bytes; send smaller batches")
}

/// Spans or metrics that do not fit into an entry, as refused.
fn oversize(signal: Signal, items: u32) -> Rejections {
    let mut refused = Rejections::default();
    let of = if signal == Signal::Traces { &mut refused.spans } else { &mut refused.points };
    of.add(Reason::TooLarge, u64::from(items));
    refused
}

/// A payload without secrets, in place where nobody else holds it. Our own SDK has masked them already; that
/// somebody says so by a header is no reason to believe it.
fn masked(signal: Signal, payload: Bytes) -> Bytes {
    let mut bytes = payload.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    scrub(&mut bytes, signal == Signal::Metrics);
    bytes.freeze()
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
    /// Room for requests that are received and unpacked.
    pub rooms: Arc<Rooms>,
    /// Own counters.
    pub own: Arc<Own>,
    /// What senders are asked to do.
    pub control: Arc<Control>,
    /// The streams into which requests are written; `None` = the pipeline's own log.
    pub streams: Option<ToStreams>,
    /// Whether requests are written to a disk or to Redis: secrets in them are masked before.
    pub writes: bool,
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
        let (payload, batch, rejections) =
            self.read(signal, payload, now).await.map_err(|refusal| {
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
        let later = |why: String| {
            self.own.overloaded(transport);
            Denied::Later(why)
        };
        // What was only refused, kept out or mended counts, too.
        let empty = items == (0, 0) && rejections == Rejections::default();
        // A number of a stream is awaited there, whatever is left of its batch.
        let awaited = producer.is_some_and(|p| p.shard != UNSHARDED);
        match &self.streams {
            Some(streams) if signal != Signal::Logs && (items != (0, 0) || awaited) => {
                let all = items.0 as u64 + items.1 as u64 + accepted.rejected;
                let all = u32::try_from(all).unwrap_or(u32::MAX);
                let written = streams.put(signal, payload, all, producer).await;
                let too_large = written.map_err(|e| later(e.to_string()))?;
                if too_large > 0 {
                    self.pipeline.count_refused(&oversize(signal, too_large));
                    accepted.rejected += u64::from(too_large);
                    accepted.message.get_or_insert_with(|| OVERSIZE.to_owned());
                }
            }
            Some(_) if !empty => self.pipeline.count_refused(&rejections),
            None if !empty => {
                let taken = self.pipeline.submit(signal, payload, batch, &rejections, producer);
                let verdict = taken.await.map_err(|refused| match &refused {
                    // It never will fit.
                    Refused::Log(_) => {
                        self.refuse(transport, Reason::TooLarge);
                        Denied::Unreadable(Reason::TooLarge, refused.to_string())
                    }
                    _ => later(refused.to_string()),
                })?;
                if verdict == Verdict::Stale {
                    accepted.rejected = (items.0 + items.1) as u64;
                    accepted.message = Some(STALE.to_owned());
                }
            }
            Some(_) | None => {}
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

    /// A payload as it may be written, and what is in it.
    async fn read(
        &self,
        signal: Signal,
        payload: Bytes,
        now: Timestamp,
    ) -> Result<(Bytes, Batch, Rejections), Refusal> {
        let read = move |door: &Self, payload: Bytes| {
            let payload = if door.writes { masked(signal, payload) } else { payload };
            let decoded = door.decode(signal, &payload, now);
            decoded.map(|(batch, rejections)| (payload, batch, rejections))
        };
        if payload.len() <= LARGE {
            return read(self, payload);
        }
        let door = self.clone();
        let work = self.rooms.aside(move || read(&door, payload));
        work.await.unwrap_or_else(|e| {
            Err(Refusal { reason: Reason::Malformed, message: format!("cannot be read: {e}") })
        })
    }

    /// What is in a payload, read by a decoder that rests.
    ///
    /// # Errors
    /// It cannot be read at all.
    pub(crate) fn decode(
        &self,
        signal: Signal,
        payload: &[u8],
        now: Timestamp,
    ) -> Result<(Batch, Rejections), Refusal> {
        let mut decoder = self.decoders.take(&self.limits);
        let decoded = decoder.decode(payload, Some(signal), Some(now));
        self.own.names_forgotten.inc_by(decoder.forgot().into());
        self.decoders.give_back(decoder);
        decoded
    }

    /// Counts a request for which there is no room.
    fn full(&self, transport: Transport) -> Denied {
        self.own.overloaded(transport);
        self.own.full.with_label_values(&[transport.as_str()]).inc();
        Denied::Later(FULL.to_owned())
    }

    /// Counts a request that never became a payload.
    pub fn refuse(&self, transport: Transport, reason: Reason) {
        self.own.refused(transport, reason);
        self.pipeline.refuse(reason);
    }
}
