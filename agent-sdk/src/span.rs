//! A span while it is open, and once it is finished.

use crate::context::Context;
use std::borrow::Cow;

/// A typed attribute value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Text.
    Text(Cow<'static, str>),
    /// Integer.
    Int(i64),
    /// Floating point.
    Float(f64),
    /// Truth value.
    Bool(bool),
}

/// OTLP span kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Internal = 1,
    Server = 2,
    Client = 3,
    Producer = 4,
    Consumer = 5,
}

impl Kind {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "internal" => Self::Internal,
            "server" => Self::Server,
            "client" => Self::Client,
            "producer" => Self::Producer,
            "consumer" => Self::Consumer,
            _ => return None,
        })
    }
}

/// Something that happened inside a span.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) at: u64,
    pub(crate) name: Cow<'static, str>,
    pub(crate) attributes: Vec<(&'static str, Value)>,
}

/// How a span ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Status {
    #[default]
    Unset,
    Ok,
    Error(String),
}

/// Caps of one span (`OTEL_SPAN_*`, `OTEL_ATTRIBUTE_*`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpanLimits {
    pub(crate) attributes: usize,
    pub(crate) events: usize,
    pub(crate) value_bytes: usize,
}

impl Default for SpanLimits {
    fn default() -> Self {
        Self { attributes: 128, events: 128, value_bytes: 16 << 10 }
    }
}

/// A span of a recorded trace.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) context: Context,
    pub(crate) parent: Option<[u8; 8]>,
    pub(crate) parent_is_remote: bool,
    pub(crate) name: Cow<'static, str>,
    pub(crate) kind: Kind,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) attributes: Vec<(&'static str, Value)>,
    pub(crate) dropped_attributes: u32,
    pub(crate) events: Vec<Event>,
    pub(crate) dropped_events: u32,
    pub(crate) status: Status,
}

impl Span {
    /// Sets an attribute; the last value of a key stays.
    pub(crate) fn set(&mut self, key: &'static str, value: Value, limits: &SpanLimits) {
        let value = capped(value, limits.value_bytes);
        if let Some(known) = self.attributes.iter_mut().find(|(k, _)| *k == key) {
            known.1 = value;
        } else if self.attributes.len() < limits.attributes {
            self.attributes.push((key, value));
        } else {
            self.dropped_attributes += 1;
        }
    }

    /// Adds an event.
    pub(crate) fn push(&mut self, event: Event, limits: &SpanLimits) {
        if self.events.len() < limits.events {
            self.events.push(event);
        } else {
            self.dropped_events += 1;
        }
    }
}

/// Cuts a text at a character's boundary.
fn capped(value: Value, bytes: usize) -> Value {
    match value {
        Value::Text(text) if text.len() > bytes => {
            let end = (0..=bytes).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
            Value::Text(Cow::Owned(text[..end].to_owned()))
        }
        other => other,
    }
}
