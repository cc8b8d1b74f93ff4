//! Floors: the same transport with less work, none of the collector's code. What is left of a request
//! is dropped.
//!
//! gRPC is tonic as its users have it, with its defaults but for TCP_NODELAY and the size of a message;
//! HTTP is axum.

use super::red::Red;
use super::{ANY, announce};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::serve::ListenerExt;
use bytes::{Buf, Bytes};
use longpole_tests::h2c::TRACES;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::net::TcpListener;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic::server::{Grpc, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tonic_prost::{ProstCodec, ProstEncoder};

/// Bytes of a request that every floor takes.
const LARGEST: usize = 64 << 20;

/// What a floor does with a request.
#[derive(Clone)]
pub enum Work {
    /// Builds it, counts it, drops it.
    Prost,
    /// Reads all of it in place, keeps rate, errors and durations.
    Walk(Arc<Mutex<Red>>),
    /// Nothing.
    Drop,
}

impl Work {
    /// Does it with bytes.
    fn done(&self, message: Bytes) -> Result<(), String> {
        match self {
            Self::Prost => {
                let built =
                    ExportTraceServiceRequest::decode(message).map_err(|e| e.to_string())?;
                count(built);
                Ok(())
            }
            Self::Walk(red) => {
                let mut red = red.lock().unwrap_or_else(PoisonError::into_inner);
                red.take(&message).map_err(|_| "malformed".to_owned())
            }
            Self::Drop => Ok(()),
        }
    }
}

/// Counts the spans, then drops them.
fn count(request: ExportTraceServiceRequest) {
    let scopes = request.resource_spans.iter().flat_map(|r| &r.scope_spans);
    std::hint::black_box(scopes.map(|s| s.spans.len()).sum::<usize>());
}

/// Serves until told to stop.
pub async fn run(work: Work, stop: impl Future<Output = ()>) -> Result<(), String> {
    let told = |e: std::io::Error| format!("cannot listen: {e}");
    let grpc = TcpListener::bind(ANY).await.map_err(told)?;
    let http = TcpListener::bind(ANY).await.map_err(told)?;
    announce(grpc.local_addr().map_err(told)?, http.local_addr().map_err(told)?, None);

    let methods = axum::Router::new().route_service(TRACES, Method(work.clone()));
    // As large as the collector's: what frames cost is not what is compared.
    let mut server = tonic::transport::Server::builder().max_frame_size(64 << 10);
    let server = server.add_routes(tonic::service::Routes::from(methods));
    let incoming = TcpIncoming::from(grpc).with_nodelay(Some(true));
    let paths = axum::Router::new()
        .route("/v1/traces", post(traces))
        .layer(DefaultBodyLimit::max(LARGEST))
        .with_state(work);
    let listener = http.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    tokio::select! {
        ended = server.serve_with_incoming(incoming) => ended.map_err(|e| e.to_string()),
        ended = axum::serve(listener, paths) => ended.map_err(|e| e.to_string()),
        () = stop => Ok(()),
    }
}

async fn traces(State(work): State<Work>, body: Bytes) -> (StatusCode, String) {
    match work.done(body) {
        Ok(()) => (StatusCode::OK, String::new()),
        Err(why) => (StatusCode::BAD_REQUEST, why),
    }
}

/// The method, as tonic's generator writes one.
#[derive(Clone)]
struct Method(Work);

type Messages = ProstCodec<ExportTraceServiceResponse, ExportTraceServiceRequest>;
type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl tower::Service<axum::extract::Request> for Method {
    type Response = axum::response::Response;
    type Error = Infallible;
    type Future = Boxed<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: axum::extract::Request) -> Self::Future {
        let method = self.clone();
        Box::pin(async move {
            let response = match method.0 {
                Work::Prost => {
                    let mut grpc =
                        Grpc::new(Messages::default()).max_decoding_message_size(LARGEST);
                    grpc.unary(method, request).await
                }
                Work::Walk(_) | Work::Drop => {
                    let mut grpc = Grpc::new(Raw).max_decoding_message_size(LARGEST);
                    grpc.unary(method, request).await
                }
            };
            Ok(response.map(axum::body::Body::new))
        })
    }
}

impl UnaryService<ExportTraceServiceRequest> for Method {
    type Response = ExportTraceServiceResponse;
    type Future = Boxed<Result<Response<Self::Response>, Status>>;

    fn call(&mut self, request: Request<ExportTraceServiceRequest>) -> Self::Future {
        Box::pin(async move {
            count(request.into_inner());
            Ok(Response::new(ExportTraceServiceResponse::default()))
        })
    }
}

impl UnaryService<Bytes> for Method {
    type Response = ExportTraceServiceResponse;
    type Future = Boxed<Result<Response<Self::Response>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let Self(work) = self.clone();
        Box::pin(async move {
            work.done(request.into_inner()).map_err(Status::invalid_argument)?;
            Ok(Response::new(ExportTraceServiceResponse::default()))
        })
    }
}

/// A codec that hands requests over as they lie in tonic's buffer, without a copy.
#[derive(Clone, Copy, Debug, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = ExportTraceServiceResponse;
    type Decode = Bytes;
    type Encoder = ProstEncoder<ExportTraceServiceResponse>;
    type Decoder = Self;

    fn encoder(&mut self) -> Self::Encoder {
        Messages::default().encoder()
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
