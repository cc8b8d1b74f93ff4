//! Which signal a request holds, told from its structure: recordings carry no type, and all three
//! requests look alike down to their items.
//!
//! The first item that can only be one of them decides.

use super::wire::{Fault, Fields, Value};

/// An OTLP signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Metric points.
    Metrics,
    /// Log records.
    Logs,
}

/// The signal that `payload` holds, `None` where nothing tells (an empty request).
pub(super) fn told(payload: &[u8]) -> Result<Option<Signal>, Fault> {
    let mut request = Fields::of(payload);
    while let Some((number, value)) = request.next()? {
        let (1, Value::Bytes(resource)) = (number, value) else { continue };
        let mut scopes = Fields::of(resource);
        while let Some((number, value)) = scopes.next()? {
            let (2, Value::Bytes(scope)) = (number, value) else { continue };
            let mut items = Fields::of(scope);
            while let Some((number, value)) = items.next()? {
                let (2, Value::Bytes(item)) = (number, value) else { continue };
                if let Some(signal) = item_signal(item)? {
                    return Ok(Some(signal));
                }
            }
        }
    }
    Ok(None)
}

/// The signal of `payload`, `None` where nothing tells or the bytes are no protobuf.
pub fn signal(payload: &[u8]) -> Option<Signal> {
    told(payload).ok().flatten()
}

/// What only one of `Span`, `Metric` and `LogRecord` can hold.
fn item_signal(item: &[u8]) -> Result<Option<Signal>, Fault> {
    let mut fields = Fields::of(item);
    let mut guess = None;
    while let Some(field) = fields.next()? {
        match field {
            // Start, end, kind and flags of a span.
            (7 | 8, Value::Fixed64(_)) | (6, Value::Varint(_)) | (16, Value::Fixed32(_)) => {
                return Ok(Some(Signal::Traces));
            }
            // Times, severity and flags of a log record.
            (1 | 11, Value::Fixed64(_)) | (2, Value::Varint(_)) | (8, Value::Fixed32(_)) => {
                return Ok(Some(Signal::Logs));
            }
            // Sum and exponential histogram of a metric.
            (7 | 10, Value::Bytes(_)) => return Ok(Some(Signal::Metrics)),
            // Gauge of a metric, name of a span, body of a log record.
            (5, Value::Bytes(body)) if is_points(body) => guess = Some(Signal::Metrics),
            // Histogram or summary of a metric; attributes or events of a span.
            (9 | 11, Value::Bytes(body)) if guess.is_none() && is_points(body) => {
                guess = points_or_attribute(body);
            }
            // Ids of a span; a metric with such a name is told by its points.
            (4, Value::Bytes(id)) if id.len() == 8 => guess = guess.or(Some(Signal::Traces)),
            _ => {}
        }
    }
    Ok(guess)
}

/// Whether `body` reads as a message of points: field 1 holds messages.
fn is_points(body: &[u8]) -> bool {
    let mut fields = Fields::of(body);
    let mut points = 0;
    loop {
        match fields.next() {
            Ok(Some((1, Value::Bytes(point)))) => {
                let mut inner = Fields::of(point);
                while let Ok(Some(_)) = inner.next() {}
                points += usize::from(inner.is_at_end());
            }
            Ok(Some((2 | 3, Value::Varint(_)))) => {}
            Ok(Some(_)) | Err(_) => return false,
            Ok(None) => return points > 0,
        }
    }
}

/// A data point has a time as field 3; an attribute or an event has not.
fn points_or_attribute(body: &[u8]) -> Option<Signal> {
    let mut fields = Fields::of(body);
    while let Ok(Some(field)) = fields.next() {
        if let (1, Value::Bytes(point)) = field {
            let mut inner = Fields::of(point);
            while let Ok(Some(field)) = inner.next() {
                if let (3, Value::Fixed64(_)) = field {
                    return Some(Signal::Metrics);
                }
            }
        }
    }
    None
}
