//! A tower layer for axum: a server span per request that continues the caller's trace.

use crate::Span;
use crate::propagation::{carried, extract, within};
use crate::span::carried::below;
use ::axum::extract::MatchedPath;
use ::axum::http::{Request, Response};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

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
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Serving<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let header = |name: &str| request.headers().get(name)?.to_str().ok();
        let baggage = carried(header);
        let span = below(extract(header).as_ref(), || server_span(&request));
        let future = span.run(|| self.inner.call(request));
        Serving { future, span: Some(span), baggage }
    }
}

fn server_span<B>(request: &Request<B>) -> Span {
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

pin_project_lite::pin_project! {
    /// A request that is being answered: its span ends with the answer, and its baggage is in place meanwhile.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Serving<F> {
        #[pin]
        future: F,
        span: Option<Span>,
        baggage: Option<Arc<str>>,
    }
}

impl<F, R, E> Future for Serving<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let future = this.future;
        let poll = || within(this.baggage.clone(), || future.poll(cx));
        let polled = match this.span {
            Some(span) => span.run(poll),
            None => poll(),
        };
        if let Poll::Ready(answer) = &polled
            && let Some(mut span) = this.span.take()
        {
            match answer {
                Ok(answer) => {
                    let code = answer.status().as_u16();
                    span.set("http.response.status_code", code);
                    if code >= 500 {
                        span.set("error.type", answer.status().as_str());
                        span.fail("");
                    }
                }
                Err(_) => span.fail("the service failed"),
            }
        }
        polled
    }
}
