//! axum: a server span per request, named by its route.

use super::{About, Served};
use crate::Span;
use ::axum::extract::MatchedPath;
use http::{HeaderMap, Request, StatusCode};
use std::marker::PhantomData;
use tower_layer::Layer;

/// The layer; put it on the router with `.layer(...)`.
pub fn axum() -> ServerLayer {
    ServerLayer
}

/// See [`axum()`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerLayer;

/// A service under a server span.
pub type ServerService<S> = Served<S, ServerLayer>;

impl<S> Layer<S> for ServerLayer {
    type Service = ServerService<S>;
    fn layer(&self, inner: S) -> Self::Service {
        Served { inner, kind: PhantomData }
    }
}

impl About for ServerLayer {
    fn begin<B>(request: &Request<B>) -> Span {
        let method = request.method().as_str();
        let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        let host = || request.headers().get("host").and_then(|h| h.to_str().ok());
        let mut span = crate::span!(
            kind: Server,
            "request",
            http.request.method = method,
            http.route = route,
            url.path = request.uri().path(),
            url.scheme = request.uri().scheme_str().unwrap_or("http"),
            server.address = host(),
        )
        .detach();
        if span.is_recording() {
            match route {
                Some(route) => span.rename(&format!("{method} {route}")),
                None => span.rename(method),
            }
        }
        span
    }

    fn tell(span: &mut Span, status: StatusCode, _: &HeaderMap) {
        span.set("http.response.status_code", status.as_u16());
        if status.is_server_error() {
            span.set("error.type", status.as_str());
            span.fail("");
        }
    }
}
