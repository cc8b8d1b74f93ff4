//! Contexts into and out of carriers of text: HTTP headers, messages, anything with keys.
//!
//! Baggage (W3C) is carried on from what came in to what goes out, within its caps; its entries are
//! not looked at.

use crate::context::{Context, current};
use std::cell::RefCell;
use std::sync::Arc;

/// Bytes of baggage that are carried on (W3C Baggage, limits).
#[cfg(feature = "axum")]
const BAGGAGE: usize = 8_192;

thread_local! {
    static BAGGAGE_HERE: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
}

/// Reads a context through `get(key)`.
pub fn extract<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Option<Context> {
    if !crate::env::propagates("tracecontext") {
        return None;
    }
    Context::parse(get("traceparent")?, get("tracestate"))
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
    if let Some(text) = BAGGAGE_HERE.try_with(|b| b.borrow().clone()).ok().flatten() {
        set("baggage", &text);
    }
}

/// Baggage that came with a request, if it may be carried on.
#[cfg(feature = "axum")]
pub(crate) fn baggage<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Option<Arc<str>> {
    let fits = |b: &&str| {
        !b.is_empty() && b.len() <= BAGGAGE && b.bytes().all(|c| (0x20..0x7f).contains(&c))
    };
    get("baggage").filter(fits).filter(|_| crate::env::propagates("baggage")).map(Arc::from)
}

/// Puts baggage in place for as long as a future is polled; gives back what was there.
#[cfg(feature = "axum")]
pub(crate) fn swap_baggage(fresh: Option<Arc<str>>) -> Option<Arc<str>> {
    BAGGAGE_HERE.try_with(|b| b.replace(fresh)).unwrap_or(None)
}
