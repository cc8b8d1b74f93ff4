//! Secrets in an OTLP request masked where they stand, before anything is sent or kept on disk. Which
//! texts are secrets is [`crate::mask`]; here is only where a request holds texts.

use crate::fields::{Field, fields};
use crate::mask::{key_is_secret, mask_all, mask_text, may_hold};

/// Nested attribute values deeper than this are masked whole.
const DEEPEST: u32 = 16;

/// What a message is, as far as texts in it are concerned.
#[derive(Clone, Copy)]
enum Message {
    Request,
    ResourceX,
    Resource,
    ScopeX,
    Scope,
    Span,
    Event,
    Link,
    Status,
    Metric,
    /// Gauge, sum and the histograms: field 1 holds the points.
    Data(u32),
    Point {
        attributes: u32,
        exemplars: u32,
    },
    Exemplar,
}

impl Message {
    /// Whether it is looked at as a whole first.
    fn is_leaf(self) -> bool {
        matches!(self, Self::Resource | Self::Scope | Self::Span | Self::Point { .. })
    }
}

/// What a field of a message is.
enum Holds {
    Nothing,
    Text,
    Pair,
    Message(Message),
}

/// The schema (opentelemetry-proto 1.x), by message and field number.
fn holds(message: Message, field: u32, metrics: bool) -> Holds {
    use Holds::{Message as M, Nothing, Pair, Text};
    match (message, field) {
        (Message::Request, 1) => M(Message::ResourceX),
        (Message::ResourceX, 1) => M(Message::Resource),
        (Message::ResourceX, 2) => M(Message::ScopeX),
        (Message::Resource, 1) => Pair,
        (Message::ScopeX, 1) => M(Message::Scope),
        (Message::ScopeX, 2) => M(if metrics { Message::Metric } else { Message::Span }),
        (Message::Scope, 3) => Pair,
        (Message::Span, 5) => Text,
        (Message::Span, 9) => Pair,
        (Message::Span, 11) => M(Message::Event),
        (Message::Span, 13) => M(Message::Link),
        (Message::Span, 15) => M(Message::Status),
        (Message::Event, 2) | (Message::Status, 2) => Text,
        (Message::Event, 3) | (Message::Link, 4) => Pair,
        (Message::Metric, 5 | 7 | 9 | 10 | 11) => M(Message::Data(field)),
        (Message::Data(5 | 7), 1) => M(Message::Point { attributes: 7, exemplars: 5 }),
        (Message::Data(9), 1) => M(Message::Point { attributes: 9, exemplars: 8 }),
        (Message::Data(10), 1) => M(Message::Point { attributes: 1, exemplars: 11 }),
        (Message::Data(11), 1) => M(Message::Point { attributes: 7, exemplars: 0 }),
        (Message::Point { attributes, .. }, n) if n == attributes => Pair,
        (Message::Point { exemplars, .. }, n) if n == exemplars => M(Message::Exemplar),
        (Message::Exemplar, 7) => Pair,
        _ => Nothing,
    }
}

/// Masks an `ExportTraceServiceRequest`, or with `metrics` an `ExportMetricsServiceRequest`. Its length
/// and shape stay. Values nested deeper than sixteen are masked whole where anything about their span, point
/// or resource looks like a secret.
pub fn scrub(bytes: &mut [u8], metrics: bool) {
    let end = bytes.len();
    message(bytes, 0, end, Message::Request, metrics);
}

/// The fields of a message, without holding on to its bytes.
fn next(bytes: &[u8], at: usize, end: usize) -> Option<Field> {
    fields(bytes, at, end).next()
}

fn message(bytes: &mut [u8], mut at: usize, end: usize, is: Message, metrics: bool) {
    while let Some(f) = next(bytes, at, end) {
        at = f.end;
        if !f.delimited {
            continue;
        }
        match holds(is, f.number, metrics) {
            Holds::Nothing => {}
            Holds::Text => {
                mask_text(&mut bytes[f.start..f.end]);
            }
            Holds::Pair => pair(bytes, f, DEEPEST),
            // Most have no secret in them: one look at the whole is cheaper than one at each text.
            Holds::Message(inner) if inner.is_leaf() && !may_hold(&bytes[f.start..f.end]) => {}
            Holds::Message(inner) => message(bytes, f.start, f.end, inner, metrics),
        }
    }
}

/// A `KeyValue`: the key decides first, whatever the order of its fields.
fn pair(bytes: &mut [u8], of: Field, depth: u32) {
    let key = fields(bytes, of.start, of.end).find(|f| f.number == 1 && f.delimited);
    let key = key.and_then(|f| std::str::from_utf8(&bytes[f.start..f.end]).ok());
    let secret = key.is_some_and(key_is_secret);
    let mut at = of.start;
    while let Some(f) = next(bytes, at, of.end) {
        at = f.end;
        if f.number == 2 && f.delimited {
            value(bytes, f, secret, depth);
        }
    }
}

/// An `AnyValue`: text, bytes, a list or a map.
fn value(bytes: &mut [u8], of: Field, secret: bool, depth: u32) {
    let mut at = of.start;
    while let Some(f) = next(bytes, at, of.end) {
        at = f.end;
        match f.number {
            1 | 7 if f.delimited && (secret || depth == 0) => mask_all(&mut bytes[f.start..f.end]),
            1 if f.delimited => {
                mask_text(&mut bytes[f.start..f.end]);
            }
            5 | 6 if f.delimited && depth > 0 => {
                let mut at = f.start;
                while let Some(inner) = next(bytes, at, f.end) {
                    at = inner.end;
                    match f.number {
                        5 => value(bytes, inner, secret, depth - 1),
                        // Below a secret key everything is secret.
                        _ if secret => map_value(bytes, inner, depth - 1),
                        _ => pair(bytes, inner, depth - 1),
                    }
                }
            }
            _ => {}
        }
    }
}

fn map_value(bytes: &mut [u8], pair: Field, depth: u32) {
    let mut at = pair.start;
    while let Some(f) = next(bytes, at, pair.end) {
        at = f.end;
        if f.number == 2 && f.delimited {
            value(bytes, f, true, depth);
        }
    }
}

#[cfg(test)]
mod tests;
