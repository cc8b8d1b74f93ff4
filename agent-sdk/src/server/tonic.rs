//! tonic: a server span per call, named by its method. How a call ends is read from the head of its answer, where tonic
//! says it of every call that fails before its first message; a stream that breaks off later is not seen here.

use super::{Serving, serve};
use crate::Span;
use crate::propagation::grpc_status;
use ::tonic::Code;
use http::{HeaderMap, Request, Response, StatusCode};
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// The layer; put it on the server with `Server::builder().layer(...)`.
pub fn tonic() -> GrpcLayer {
    GrpcLayer
}

/// See [`tonic()`].
#[derive(Clone, Copy, Debug, Default)]
pub struct GrpcLayer;

impl<S> Layer<S> for GrpcLayer {
    type Service = GrpcService<S>;
    fn layer(&self, inner: S) -> Self::Service {
        GrpcService { inner }
    }
}

/// A service whose calls are under server spans.
#[derive(Clone, Copy, Debug)]
pub struct GrpcService<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for GrpcService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Serving<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        serve(&mut self.inner, request, begin, tell)
    }
}

fn begin<B>(request: &Request<B>) -> Span {
    let method = request.uri().path().trim_start_matches('/');
    crate::propagation::grpc_call(method)
}

fn tell(span: &mut Span, status: StatusCode, headers: &HeaderMap) {
    let code = match headers.get("grpc-status") {
        Some(code) => Code::from_bytes(code.as_bytes()),
        None if status == StatusCode::OK => Code::Ok,
        None => Code::Unknown,
    };
    grpc_status(span, code);
}
