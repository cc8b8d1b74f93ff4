//! A tower layer for axum: a server span per request that continues the caller's trace.

use crate::layer::with_parent;
use crate::propagation::{carried, extract, swap_baggage};
use ::axum::extract::MatchedPath;
use ::axum::http::{Request, Response};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;
use tracing::field::Empty;
use tracing::{Instrument, Span};

/// The layer; put it on the router with `.layer(...)`.
pub fn axum() -> ServerLayer {
    ServerLayer
}

/// See [`axum()`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerLayer;

impl<S> Layer<S> for ServerLayer {
    type Service = ServerService<S>;
    fn layer(&self, inner: S) -> Self::Service {
        ServerService { inner }
    }
}

/// A service under a server span.
#[derive(Clone, Copy, Debug)]
pub struct ServerService<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for ServerService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    R: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let header = |name: &str| request.headers().get(name)?.to_str().ok();
        let carried = carried(header);
        let span = with_parent(extract(header), || server_span(&request));
        let inner = span.in_scope(|| self.inner.call(request));
        let told = span.clone();
        let work = async move {
            let answer = inner.await;
            if let Ok(answer) = &answer {
                let code = answer.status().as_u16();
                told.record("http.response.status_code", code);
                if code >= 500 {
                    told.record("otel.status_code", "error");
                    told.record("error.type", code.to_string());
                }
            }
            answer
        };
        Box::pin(Carrying { baggage: carried, work: Box::pin(work.instrument(span)) })
    }
}

fn server_span<B>(request: &Request<B>) -> Span {
    let method = request.method().as_str();
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let name = match route {
        Some(route) => format!("{method} {route}"),
        None => method.to_owned(),
    };
    let host = request.headers().get("host").and_then(|h| h.to_str().ok()).unwrap_or_default();
    let span = tracing::info_span!(
        parent: None,
        "request",
        otel.name = name,
        otel.kind = "server",
        otel.status_code = Empty,
        error.type = Empty,
        http.request.method = method,
        http.route = Empty,
        http.response.status_code = Empty,
        url.path = request.uri().path(),
        url.scheme = request.uri().scheme_str().unwrap_or("http"),
        server.address = host,
    );
    if let Some(route) = route {
        span.record("http.route", route);
    }
    span
}

/// A future that has its request's baggage in place whenever it is polled.
struct Carrying<T> {
    baggage: Option<Arc<str>>,
    work: Pin<Box<dyn Future<Output = T> + Send>>,
}

impl<T> Future for Carrying<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let outside = swap_baggage(self.baggage.clone());
        let polled = self.work.as_mut().poll(cx);
        swap_baggage(outside);
        polled
    }
}
