//! tonic: a server span per call, named by its method. How a call ends is read from the head of its answer, where tonic
//! says it of every call that fails before its first message; a stream that breaks off later is not seen here.

use super::{About, Served};
use crate::Span;
use crate::propagation::grpc_status;
use ::tonic::Code;
use http::{HeaderMap, Request, StatusCode};
use std::marker::PhantomData;
use tower_layer::Layer;

/// The layer; put it on the server with `Server::builder().layer(...)`.
pub fn tonic() -> GrpcLayer {
    GrpcLayer
}

/// See [`tonic()`].
#[derive(Clone, Copy, Debug, Default)]
pub struct GrpcLayer;

/// A service whose calls are under server spans.
pub type GrpcService<S> = Served<S, GrpcLayer>;

impl<S> Layer<S> for GrpcLayer {
    type Service = GrpcService<S>;
    fn layer(&self, inner: S) -> Self::Service {
        Served { inner, kind: PhantomData }
    }
}

impl About for GrpcLayer {
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
}
