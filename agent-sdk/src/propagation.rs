//! Contexts into and out of carriers of text: HTTP headers, gRPC metadata, messages, anything with keys.
//!
//! The grammar of each header is in its own file below; messages of Redis Streams are `message`, calls of
//! tonic `grpc`. Baggage (W3C) is carried on from what came in to what goes out, within its caps.

mod baggage;
#[cfg(feature = "tonic")]
mod grpc;
mod message;
mod tracestate;

#[cfg(feature = "tonic")]
pub(crate) use grpc::call as grpc_call;
#[cfg(feature = "tonic")]
pub use grpc::{grpc_inject, grpc_span, grpc_status};
pub use message::{Received, batch_span, inject_fields, receive};

use crate::context::{Context, current};
use std::cell::RefCell;
use std::sync::Arc;

thread_local! {
    static BAGGAGE_HERE: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
}

/// Reads a context through `get(key)`.
pub fn extract<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Option<Context> {
    if !crate::env::propagates("tracecontext") {
        return None;
    }
    let state = get("tracestate").and_then(tracestate::check);
    Context::parse(get("traceparent")?, state.as_deref())
}

/// Writes the current context through `set(key, value)`; nothing when there is none.
pub fn inject(mut set: impl FnMut(&'static str, &str)) {
    if let Some(context) = current()
        && crate::env::propagates("tracecontext")
    {
        set("traceparent", &context.traceparent());
        if let Some(state) = &context.trace_state {
            set("tracestate", state);
        }
    }
    if let Some(text) = here() {
        set("baggage", &text);
    }
}

fn here() -> Option<Arc<str>> {
    BAGGAGE_HERE.try_with(|b| b.try_borrow().ok()?.clone()).ok().flatten()
}

/// A value of the baggage that is in place on this thread, decoded.
pub fn baggage(key: &str) -> Option<String> {
    baggage::get(&here()?, key)
}

/// Runs `work` with an entry added to the baggage, or replaced. Where the key is no token or W3C's caps
/// (64 entries, 8,192 bytes) would be passed, the baggage stays as it is.
pub fn with_baggage<R>(key: &str, value: &str, work: impl FnOnce() -> R) -> R {
    let before = here();
    let fresh = baggage::set(before.as_deref().unwrap_or(""), key, value).map(Arc::from);
    within(fresh.or(before), work)
}

/// Runs `work` with this baggage in place.
pub(crate) fn within<R>(baggage: Option<Arc<str>>, work: impl FnOnce() -> R) -> R {
    /// Puts back what was there, also when `work` panics.
    struct Back(Option<Arc<str>>);
    impl Drop for Back {
        fn drop(&mut self) {
            swap(self.0.take());
        }
    }
    let _back = Back(swap(baggage));
    work()
}

/// Baggage that came with a request, if it may be carried on.
pub(crate) fn carried<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Option<Arc<str>> {
    if !crate::env::propagates("baggage") {
        return None;
    }
    get("baggage").and_then(baggage::check).map(Arc::from)
}

fn swap(fresh: Option<Arc<str>>) -> Option<Arc<str>> {
    BAGGAGE_HERE.try_with(|b| b.replace(fresh)).unwrap_or(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baggage_is_set_for_a_while_and_goes_out() {
        let out = || {
            let mut all = Vec::new();
            inject(|k, v| all.push((k, v.to_owned())));
            all
        };
        assert!(out().is_empty());
        with_baggage("user", "a b", || {
            with_baggage("tier", "gold", || {
                assert_eq!(out(), [("baggage", "user=a%20b,tier=gold".to_owned())]);
                assert_eq!(baggage("user").as_deref(), Some("a b"));
            });
            with_baggage("no token", "x", || assert_eq!(baggage("tier"), None));
            assert_eq!(out(), [("baggage", "user=a%20b".to_owned())]);
        });
        assert!(out().is_empty());
        let carried = carried(|_| Some("a=1, b = 2 ,broken"));
        assert_eq!(carried.as_deref(), Some("a=1,b = 2"));
    }
}
