//! OTLP over gRPC: three unary methods whose messages stay bytes.
//!
//! tonic does framing, compression and limits; the codec hands the message over as it lies. Status
//! codes are mended where tonic's own would make a client send a hopeless request again.

mod codec;

use super::{BODY_TIMEOUT, Denied, Door, RETRY_AFTER, Transport};
use crate::ingest::otlp::Signal;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use codec::Raw;
use hyper::{Request, Response};
use longpole_model::signal::Reason;
use opentelemetry_proto::tonic::collector::logs::v1 as logs;
use opentelemetry_proto::tonic::collector::metrics::v1 as metrics;
use opentelemetry_proto::tonic::collector::trace::v1 as trace;
use prost::Message;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tonic::codec::CompressionEncoding;
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

/// The gRPC port's routes, with `health` beside them.
pub fn routes(door: &Door, health: Router) -> Router {
    let mut router = health;
    for (path, signal) in METHODS {
        router = router.route_service(path, Export { door: door.clone(), signal });
    }
    router.fallback(unknown)
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

/// One method as a service of bytes.
#[derive(Clone)]
struct Export {
    door: Door,
    signal: Signal,
}

impl tower::Service<Request<Body>> for Export {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let export = self.clone();
        Box::pin(async move {
            let door = export.door.clone();
            let mut grpc = tonic::server::Grpc::new(Raw)
                .accept_compressed(CompressionEncoding::Gzip)
                .accept_compressed(CompressionEncoding::Zstd)
                .max_decoding_message_size(door.limits.bytes);
            let answered = tokio::time::timeout(BODY_TIMEOUT, grpc.unary(export, request)).await;
            let response = match answered {
                Ok(response) => mend(response.map(Body::new), &door),
                Err(_) => Status::cancelled("the request did not come in time").into_http(),
            };
            Ok(response)
        })
    }
}

impl tonic::server::UnaryService<Bytes> for Export {
    type Response = Vec<u8>;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Vec<u8>>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let Self { door, signal } = self.clone();
        Box::pin(async move {
            let payload = request.into_inner();
            match door.take(signal, Transport::Grpc, payload).await {
                Ok(accepted) => Ok(tonic::Response::new(reply(signal, accepted))),
                Err(denied) => Err(status(denied)),
            }
        })
    }
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

/// tonic answers OUT_OF_RANGE to a message that is too large and INTERNAL to one whose compression is
/// broken; clients retry the first and blame us for the second.
fn mend(response: Response<Body>, door: &Door) -> Response<Body> {
    let Some(status) = Status::from_header_map(response.headers()) else { return response };
    match status.code() {
        Code::OutOfRange => {
            door.refuse(Transport::Grpc, Reason::TooLarge);
            let cap = door.limits.bytes;
            Status::resource_exhausted(format!(
                "the request is larger than {cap} bytes; send smaller batches"
            ))
            .into_http()
        }
        // Of the codes that tonic gives, this one comes from nothing else.
        Code::ResourceExhausted if status.message().starts_with("Error decompressing") => {
            door.refuse(Transport::Grpc, Reason::TooLarge);
            response
        }
        Code::Internal => {
            door.refuse(Transport::Grpc, Reason::BadEncoding);
            Status::invalid_argument(format!("cannot read the message: {}", status.message()))
                .into_http()
        }
        Code::Unimplemented => {
            door.refuse(Transport::Grpc, Reason::BadEncoding);
            response
        }
        _ => response,
    }
}
