//! Messages of Redis Streams: the context among the fields of an entry, and on the other side the context
//! and how long the message waited.

use super::{carried, extract, inject, within};
use crate::Span;
use crate::context::Context;
use crate::span::carried::below;
use longpole_proto::road::ATTRIBUTE_QUEUE_WAIT;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The fields that carry the current context: `XADD key * field value ...` them beside the message's own.
pub fn inject_fields() -> Vec<(&'static str, String)> {
    let mut out = Vec::with_capacity(3);
    inject(|key, value| out.push((key, value.to_owned())));
    out
}

/// What came with a message.
#[derive(Clone, Debug)]
pub struct Received {
    /// Whoever put it there: the parent of what handles this one message. Whoever handles many at once
    /// links to each instead ([`batch_span`]), since a span has one parent.
    pub context: Option<Context>,
    /// From the moment it was put into the stream to now; what the two hosts' clocks differ is within.
    /// `None` when the id has no time.
    pub wait: Option<Duration>,
    baggage: Option<Arc<str>>,
}

/// Reads an entry by its id (`1526919030474-0`: milliseconds, then a number) and `get(field)`.
pub fn receive<'a>(id: &str, get: impl Fn(&str) -> Option<&'a str>) -> Received {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Received { context: extract(&get), wait: wait(id, now), baggage: carried(&get) }
}

/// An entry of the future waited not at all.
fn wait(id: &str, now: Duration) -> Option<Duration> {
    let (millis, _) = id.split_once('-')?;
    let put = Duration::from_millis(millis.parse().ok()?);
    Some(now.saturating_sub(put))
}

impl Received {
    /// A consumer span for handling this message: a child of the sender's span, with the wait in its
    /// attributes (`longpole.queue_wait`, seconds).
    pub fn span(&self, stream: &str, group: &str) -> Span {
        consumer(self.context.as_ref(), stream, group, self.wait)
    }

    /// Runs `work` with the baggage of the message in place.
    pub fn with_baggage<R>(&self, work: impl FnOnce() -> R) -> R {
        within(self.baggage.clone(), work)
    }
}

/// A consumer span for handling several messages at once: a root with a link to whoever put each there, and the
/// longest of their waits in its attributes.
pub fn batch_span(messages: &[Received], stream: &str, group: &str) -> Span {
    let wait = messages.iter().filter_map(|m| m.wait).max();
    let mut span = consumer(None, stream, group, wait);
    span.set("messaging.batch.message_count", messages.len());
    messages.iter().filter_map(|m| m.context.as_ref()).for_each(|sender| span.link(sender));
    span
}

fn consumer(parent: Option<&Context>, stream: &str, group: &str, wait: Option<Duration>) -> Span {
    let mut span = below(parent, || {
        crate::span!(
            kind: Consumer,
            "process",
            messaging.system = "redis",
            messaging.operation.type = "process",
            messaging.operation.name = "process",
            messaging.destination.name = stream,
            messaging.consumer.group.name = group,
        )
        .detach()
    });
    if span.is_recording() {
        span.rename(&format!("process {stream}"));
        span.set(ATTRIBUTE_QUEUE_WAIT, wait.map(|w| w.as_secs_f64()));
    }
    span
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn entries_bring_context_baggage_and_how_long_they_waited() {
        let get = |field: &str| match field {
            "traceparent" => Some(PARENT),
            "tracestate" => Some("ot=th:8"),
            "baggage" => Some("user=x"),
            _ => None,
        };
        let message = receive("1526919030474-0", get);
        let context = message.context.as_ref().expect("a context");
        assert_eq!(context.traceparent(), PARENT);
        assert_eq!(context.trace_state.as_deref(), Some("ot=th:8"));
        assert!(message.wait.expect("a time") > Duration::from_secs(86_400));
        message.with_baggage(|| {
            assert_eq!(inject_fields(), [("baggage", "user=x".to_owned())]);
        });
        assert!(inject_fields().is_empty());
    }

    #[test]
    fn waits_are_read_from_ids() {
        let now = Duration::from_millis(2_500);
        assert_eq!(wait("2000-7", now), Some(Duration::from_millis(500)));
        assert_eq!(wait("3000-0", now), Some(Duration::ZERO));
        for bad in ["", "x-0", "2000", "-1"] {
            assert_eq!(wait(bad, now), None, "{bad}");
        }
    }
}
