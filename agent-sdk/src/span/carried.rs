//! Places in a trace that go along: with a future, to another thread, into a task.
//!
//! A future has its place set on whatever thread polls it, and taken away again; nothing is shared and
//! nothing locked.

use super::{Entered, Span};
use crate::context::Context;
use crate::local::{self, Scope};
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

/// The thread is elsewhere until this is dropped, panics included.
struct Visit(Option<Scope>);

impl Visit {
    fn new(scope: Option<Scope>) -> Self {
        Self(scope.map(|scope| local::with(|local| local.enter(scope))))
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if let Some(before) = self.0.take() {
            drop(local::with(|local| local.enter(before)));
        }
    }
}

/// Runs `work` with `context` as the current one; spans begun in it are its children.
pub fn with_context<R>(context: &Context, work: impl FnOnce() -> R) -> R {
    let _visit = Visit::new(Some(context.scope()));
    work()
}

/// As [`with_context`], with `None` for outside of any trace: what begins is a root.
pub(crate) fn below<R>(parent: Option<&Context>, work: impl FnOnce() -> R) -> R {
    let _visit = Visit::new(Some(parent.map(Context::scope).unwrap_or_default()));
    work()
}

/// Gives work that is to run elsewhere the current context along: for threads and blocking tasks.
///
/// ```
/// let _span = longpole_sdk::span!("request");
/// std::thread::spawn(longpole_sdk::in_current_span(|| {
///     let _inner = longpole_sdk::span!("on another thread");
/// }));
/// ```
pub fn in_current_span<R>(work: impl FnOnce() -> R) -> impl FnOnce() -> R {
    let scope = local::with(local::Local::scope);
    move || {
        let _visit = Visit::new(Some(scope));
        work()
    }
}

impl Span {
    /// Runs `work` with this as the current span.
    pub fn run<R>(&self, work: impl FnOnce() -> R) -> R {
        let _visit = Visit::new(self.scope());
        work()
    }
}

impl Span {
    /// A future below this span, which lives on: where it is off, below what is current now.
    pub(crate) fn around<F: Future>(&self, future: F) -> InContext<F> {
        InContext {
            future,
            scope: self.scope().unwrap_or_else(|| local::with(local::Local::scope)),
        }
    }
}

/// What may be carried by a future: a [`Span`], or an [`Entered`] one, which is detached first.
impl From<Entered> for Span {
    fn from(entered: Entered) -> Self {
        entered.detach()
    }
}

/// Futures with a place in a trace.
pub trait FutureExt: Future + Sized {
    /// Runs it under a span that ends when it does: `work().in_span(span!("work")).await`.
    fn in_span(self, span: impl Into<Span>) -> InSpan<Self> {
        InSpan { future: self, span: Some(span.into()) }
    }

    /// Runs it under the span that is current now: for tasks that are spawned.
    fn in_current_span(self) -> InContext<Self> {
        InContext { future: self, scope: local::with(local::Local::scope) }
    }

    /// Runs it under a context.
    fn in_context(self, context: &Context) -> InContext<Self> {
        InContext { future: self, scope: context.scope() }
    }
}

impl<F: Future> FutureExt for F {}

pin_project_lite::pin_project! {
    /// See [`FutureExt::in_span`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct InSpan<F> {
        #[pin]
        future: F,
        span: Option<Span>,
    }
}

impl<F> InSpan<F> {
    /// The span, until the future has ended.
    pub fn span(self: Pin<&mut Self>) -> Option<&mut Span> {
        self.project().span.as_mut()
    }
}

impl<F: Future> Future for InSpan<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let polled = {
            let _visit = Visit::new(this.span.as_ref().and_then(Span::scope));
            this.future.poll(cx)
        };
        if polled.is_ready() {
            // Here, not when the future is dropped, which may be much later.
            *this.span = None;
        }
        polled
    }
}

pin_project_lite::pin_project! {
    /// See [`FutureExt::in_current_span`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct InContext<F> {
        #[pin]
        future: F,
        scope: Scope,
    }
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _visit = Visit::new(Some(this.scope.clone()));
        this.future.poll(cx)
    }
}
