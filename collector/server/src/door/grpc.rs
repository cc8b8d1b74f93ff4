//! OTLP over gRPC: three unary methods whose messages stay bytes.
//!
//! What a call costs beside its message is most of a small request, so the export methods are answered
//! right here: frame in, frame and trailers out. Everything else (health, unknown paths) takes the
//! router. Status codes say what a client may do about them.

pub(super) mod frame;

use super::{Denied, Door, Encoding, RETRY_AFTER, Transport, too_large};
use crate::ingest::otlp::Signal;
use axum::Router;
use axum::body::Body;
use frame::Broken;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response};
use longpole_model::signal::Reason;
use longpole_proto::order::METHOD_PROFILE;
use opentelemetry_proto::tonic::collector::logs::v1 as logs;
use opentelemetry_proto::tonic::collector::metrics::v1 as metrics;
use opentelemetry_proto::tonic::collector::trace::v1 as trace;
use prost::Message;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// Paths of the methods.
const METHODS: [(&str, Signal); 3] = [
    ("/opentelemetry.proto.collector.trace.v1.TraceService/Export", Signal::Traces),
    ("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", Signal::Metrics),
    ("/opentelemetry.proto.collector.logs.v1.LogsService/Export", Signal::Logs),
];
/// Names for the health service.
pub const SERVICES: [&str; 3] = [
    "opentelemetry.proto.collector.trace.v1.TraceService",
    "opentelemetry.proto.collector.metrics.v1.MetricsService",
    "opentelemetry.proto.collector.logs.v1.LogsService",
];

/// The gRPC port as a service.
#[derive(Clone)]
pub struct Grpc {
    door: Door,
    /// Health, and what nobody knows.
    rest: Router,
}

impl Grpc {
    /// With `health` beside the doors.
    pub fn new(door: &Door, health: Router) -> Self {
        Self { door: door.clone(), rest: health.fallback(unknown) }
    }
}

impl<B> tower::Service<Request<B>> for Grpc
where
    B: hyper::body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let path = request.uri().path();
        let method = METHODS.iter().find(|(known, _)| *known == path);
        match method {
            Some((_, signal)) if request.method() == Method::POST && is_grpc(&request) => {
                let (door, signal) = (self.door.clone(), *signal);
                let request = request.map(Body::new);
                Box::pin(async move { Ok(export(&door, signal, request).await) })
            }
            None if path == METHOD_PROFILE && is_grpc(&request) => {
                let (door, request) = (self.door.clone(), request.map(Body::new));
                Box::pin(async move {
                    let taken = super::profile::by_grpc(&door, request).await;
                    Ok(taken.map_or_else(Status::into_http, |message| answer(&message)))
                })
            }
            _ => {
                let rest = tower::ServiceExt::oneshot(self.rest.clone(), request);
                Box::pin(rest)
            }
        }
    }
}

fn is_grpc<B>(request: &Request<B>) -> bool {
    let value = request.headers().get(CONTENT_TYPE);
    value.is_some_and(|v| v.as_bytes().starts_with(b"application/grpc"))
}

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
/// What a message may be compressed with.
const ACCEPTED: &str = "gzip,deflate,zstd,identity";

async fn export(door: &Door, signal: Signal, request: Request<Body>) -> Response<Body> {
    let order = door.control.answer(request.headers(), || door.pipeline.now());
    let mut response = match taken(door, signal, request).await {
        Ok(message) => answer(&message),
        Err(status) => status.into_http(),
    };
    response.headers_mut().extend(order.map(|(name, text)| (HeaderName::from_static(name), text)));
    response
}

async fn taken(door: &Door, signal: Signal, request: Request<Body>) -> Result<Vec<u8>, Status> {
    let refused = |reason: Reason| door.refuse(Transport::Grpc, reason);
    let Some(encoding) = Encoding::of(request.headers(), GRPC_ENCODING) else {
        refused(Reason::BadEncoding);
        let text = "grpc-encoding must be gzip, deflate, zstd or identity";
        let mut status = Status::unimplemented(text);
        let accepted = tonic::metadata::MetadataValue::from_static(ACCEPTED);
        status.metadata_mut().insert("grpc-accept-encoding", accepted);
        return Err(status);
    };
    let cap = door.limits.bytes;
    let producer = door.producer(request.headers());
    let (rooms, mut room) = (&door.rooms, door.rooms.enter());
    let message = frame::message(request.into_body(), encoding, cap, rooms, &mut room);
    let payload = match rooms.in_time(message).await {
        Some(Ok(payload)) => payload,
        Some(Err(Broken::TooLarge(most))) => {
            refused(Reason::TooLarge);
            return Err(Status::resource_exhausted(too_large(most)));
        }
        Some(Err(Broken::Full)) => return Err(status(door.full(Transport::Grpc))),
        Some(Err(Broken::Encoding(why))) => {
            refused(Reason::BadEncoding);
            return Err(Status::invalid_argument(format!("cannot read the message: {why}")));
        }
        None => return Err(Status::cancelled("the request did not come in time")),
    };
    let accepted = door.take(signal, Transport::Grpc, payload, producer).await.map_err(status)?;
    Ok(reply(signal, accepted))
}

/// A message and the status OK behind it.
fn answer(message: &[u8]) -> Response<Body> {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
    let body = Full::new(frame::framed(message));
    let body = body.with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    response
}

/// What an unknown path gets: gRPC clients a status, all others a pointer to the right port.
async fn unknown(request: Request<Body>) -> Response<Body> {
    let grpc = request
        .headers()
        .get("content-type")
        .is_some_and(|v| v.as_bytes().starts_with(b"application/grpc"));
    if grpc {
        return Status::unimplemented("OTLP services are trace.v1, metrics.v1 and logs.v1")
            .into_http();
    }
    let text = "this is the OTLP/gRPC port. OTLP/HTTP (http/protobuf, http/json) is served on the \
                port beside it, 4318 unless configured.\n";
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = hyper::StatusCode::NOT_FOUND;
    response
}

/// The reply message. Without anything to say it is empty, as the protocol wants.
pub(super) fn reply(signal: Signal, accepted: super::Accepted) -> Vec<u8> {
    let rejected = i64::try_from(accepted.rejected).unwrap_or(i64::MAX);
    let Some(error_message) = accepted.message else { return Vec::new() };
    match signal {
        Signal::Traces => trace::ExportTraceServiceResponse {
            partial_success: Some(trace::ExportTracePartialSuccess {
                rejected_spans: rejected,
                error_message,
            }),
        }
        .encode_to_vec(),
        Signal::Metrics => metrics::ExportMetricsServiceResponse {
            partial_success: Some(metrics::ExportMetricsPartialSuccess {
                rejected_data_points: rejected,
                error_message,
            }),
        }
        .encode_to_vec(),
        Signal::Logs => logs::ExportLogsServiceResponse {
            partial_success: Some(logs::ExportLogsPartialSuccess {
                rejected_log_records: rejected,
                error_message,
            }),
        }
        .encode_to_vec(),
    }
}

/// What a client may do about it: the code decides whether it sends again.
fn status(denied: Denied) -> Status {
    match denied {
        Denied::Later(message) => {
            let details = ErrorDetails::with_retry_info(Some(RETRY_AFTER));
            Status::with_error_details(Code::Unavailable, message, details)
        }
        Denied::Unreadable(Reason::TooLarge, message) => Status::resource_exhausted(message),
        Denied::Unreadable(_, message) => Status::invalid_argument(message),
    }
}
