//! Layers of tower for servers: a span per request that continues the caller's trace and ends with the answer, the
//! caller's baggage in place meanwhile. What is said about a request is `server/axum`'s and `server/tonic`'s.

#[cfg(feature = "axum")]
pub(crate) mod axum;
#[cfg(feature = "tonic")]
pub(crate) mod tonic;

use crate::Span;
use crate::propagation::{carried, extract, within};
use crate::span::carried::below;
use http::{HeaderMap, Request, Response, StatusCode};
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_service::Service;

/// What is said about requests of one kind of server.
trait About {
    /// A request's span, below the current one.
    fn begin<B>(request: &Request<B>) -> Span;
    /// How it ended.
    fn tell(span: &mut Span, status: StatusCode, headers: &HeaderMap);
}

/// A service whose requests are under server spans.
#[derive(Clone, Copy, Debug)]
pub struct Served<S, K> {
    inner: S,
    kind: PhantomData<K>,
}

impl<S, K, B, R> Service<Request<B>> for Served<S, K>
where
    S: Service<Request<B>, Response = Response<R>>,
    K: About,
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
        let span = below(extract(header).as_ref(), || K::begin(&request));
        let future = span.run(|| within(baggage.clone(), || self.inner.call(request)));
        Serving { future, span: Some(span), baggage, tell: K::tell }
    }
}

/// Says on a span how its request ended.
type Tell = fn(&mut Span, StatusCode, &HeaderMap);

pin_project_lite::pin_project! {
    /// A request that is being answered: its span ends with the answer.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Serving<F> {
        #[pin]
        future: F,
        span: Option<Span>,
        baggage: Option<Arc<str>>,
        tell: Tell,
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
                Ok(answer) => (this.tell)(&mut span, answer.status(), answer.headers()),
                Err(_) => span.fail("the service failed"),
            }
        }
        polled
    }
}
