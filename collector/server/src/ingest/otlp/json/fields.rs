//! The fields of OTLP's messages by their JSON names: number and form of each.
//!
//! Only fields that the walk looks at.

/// How a field is written; the number is the field's.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Text(u64),
    /// Hex.
    Id(u64),
    Bool(u64),
    /// A whole number as varint.
    Whole(u64),
    /// A whole number, zigzag.
    Signed(u64),
    /// A whole number in eight bytes.
    Fixed(u64),
    /// A whole number in four bytes.
    Fixed32(u64),
    Real(u64),
    /// An enum as a number, or by the end of its name.
    Choice(u64, &'static [&'static str]),
    Message(u64, Table),
    /// Messages in a list.
    List(u64, Table),
    /// One of them.
    Item(u64, Table),
    /// Numbers in a list.
    Numbers(&'static Form),
    /// One whole number of them; what is none becomes a number that contradicts the rest.
    FixedItem(u64),
    WholeItem(u64),
    /// As above; what is none becomes NaN.
    RealItem(u64),
}

/// The fields of a message. A function, since messages contain each other.
pub(super) type Table = fn() -> &'static [(&'static str, Form)];

use Form::{Bool, Choice, Fixed, Fixed32, Id, List, Message, Numbers, Real, Signed, Text, Whole};

/// Whether a key is this field, in lowerCamelCase or snake_case.
pub(super) fn is(camel: &str, key: &str) -> bool {
    if camel == key {
        return true;
    }
    let mut rest = key.bytes();
    camel.bytes().all(|c| match c.is_ascii_uppercase() {
        true => rest.next() == Some(b'_') && rest.next() == Some(c.to_ascii_lowercase()),
        false => rest.next() == Some(c),
    }) && rest.next().is_none()
}

pub(super) fn resource_spans() -> &'static [(&'static str, Form)] {
    &[("resource", Message(1, resource)), ("scopeSpans", List(2, || &[("spans", List(2, span))]))]
}

pub(super) fn resource_metrics() -> &'static [(&'static str, Form)] {
    &[
        ("resource", Message(1, resource)),
        ("scopeMetrics", List(2, || &[("metrics", List(2, metric))])),
    ]
}

/// Records are counted, not read.
pub(super) fn resource_logs() -> &'static [(&'static str, Form)] {
    &[("scopeLogs", List(2, || &[("logRecords", List(2, || &[]))]))]
}

fn resource() -> &'static [(&'static str, Form)] {
    &[("attributes", List(1, key_value))]
}

fn key_value() -> &'static [(&'static str, Form)] {
    &[("key", Text(1)), ("value", Message(2, any_value))]
}

fn any_value() -> &'static [(&'static str, Form)] {
    &[
        ("stringValue", Text(1)),
        ("boolValue", Bool(2)),
        ("intValue", Whole(3)),
        ("doubleValue", Real(4)),
        ("arrayValue", Message(5, || &[("values", List(1, any_value))])),
        ("kvlistValue", Message(6, || &[("values", List(1, key_value))])),
    ]
}

const KINDS: &[&str] = &["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];

fn span() -> &'static [(&'static str, Form)] {
    &[
        ("traceId", Id(1)),
        ("spanId", Id(2)),
        ("traceState", Text(3)),
        ("parentSpanId", Id(4)),
        ("name", Text(5)),
        ("kind", Choice(6, KINDS)),
        ("startTimeUnixNano", Fixed(7)),
        ("endTimeUnixNano", Fixed(8)),
        ("attributes", List(9, key_value)),
        ("events", List(11, event)),
        ("status", Message(15, status)),
        ("flags", Fixed32(16)),
    ]
}

fn event() -> &'static [(&'static str, Form)] {
    &[("timeUnixNano", Fixed(1)), ("name", Text(2)), ("attributes", List(3, key_value))]
}

fn status() -> &'static [(&'static str, Form)] {
    &[("message", Text(2)), ("code", Choice(3, &["UNSET", "OK", "ERROR"]))]
}

const TEMPORALITIES: &[&str] = &["UNSPECIFIED", "DELTA", "CUMULATIVE"];
const TEMPORALITY: (&str, Form) = ("aggregationTemporality", Choice(2, TEMPORALITIES));
const START: (&str, Form) = ("startTimeUnixNano", Fixed(2));
const TIME: (&str, Form) = ("timeUnixNano", Fixed(3));

fn metric() -> &'static [(&'static str, Form)] {
    &[
        ("name", Text(1)),
        ("unit", Text(3)),
        ("gauge", Message(5, || &[("dataPoints", List(1, number))])),
        (
            "sum",
            Message(7, || {
                &[("dataPoints", List(1, number)), TEMPORALITY, ("isMonotonic", Bool(3))]
            }),
        ),
        ("histogram", Message(9, || &[("dataPoints", List(1, histogram)), TEMPORALITY])),
        (
            "exponentialHistogram",
            Message(10, || &[("dataPoints", List(1, exponential)), TEMPORALITY]),
        ),
        ("summary", Message(11, || &[("dataPoints", List(1, summary))])),
    ]
}

fn number() -> &'static [(&'static str, Form)] {
    &[
        ("attributes", List(7, key_value)),
        START,
        TIME,
        ("asDouble", Real(4)),
        ("asInt", Fixed(6)),
        ("flags", Whole(8)),
    ]
}

fn histogram() -> &'static [(&'static str, Form)] {
    &[
        ("attributes", List(9, key_value)),
        START,
        TIME,
        ("count", Fixed(4)),
        ("sum", Real(5)),
        ("bucketCounts", Numbers(&Form::FixedItem(6))),
        ("explicitBounds", Numbers(&Form::RealItem(7))),
        ("flags", Whole(10)),
    ]
}

fn exponential() -> &'static [(&'static str, Form)] {
    &[
        ("attributes", List(1, key_value)),
        START,
        TIME,
        ("count", Fixed(4)),
        ("sum", Real(5)),
        ("scale", Signed(6)),
        ("zeroCount", Fixed(7)),
        ("positive", Message(8, buckets)),
        ("negative", Message(9, buckets)),
        ("flags", Whole(10)),
    ]
}

fn buckets() -> &'static [(&'static str, Form)] {
    &[("offset", Signed(1)), ("bucketCounts", Numbers(&Form::WholeItem(2)))]
}

fn summary() -> &'static [(&'static str, Form)] {
    &[
        ("attributes", List(7, key_value)),
        START,
        TIME,
        ("count", Fixed(4)),
        ("sum", Real(5)),
        ("quantileValues", List(6, || &[("quantile", Real(1)), ("value", Real(2))])),
        ("flags", Whole(8)),
    ]
}
