//! The fields of the OTLP messages as JSON names them, with number and shape on the wire.
//!
//! Data only; what a shape means is in [`super::encode`] and [`super::scalar`].

mod metrics;

use metrics::RESOURCE_METRICS;

/// A message and its fields.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) counts: Counts,
    pub(super) fields: &'static [Field],
}

/// What a message counts as against the caps of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counts {
    /// Nothing.
    Nothing,
    /// A span, point or record.
    Item,
    /// An attribute.
    Attribute,
    /// One more level of nesting.
    Level,
}

/// A field.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) number: u32,
    pub(super) shape: Shape,
}

/// How a field's value is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// One message.
    One(&'static Message),
    /// A list of messages.
    Many(&'static Message),
    /// A scalar.
    Scalar(Scalar),
    /// A list of scalars, packed.
    Packed(Scalar),
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scalar {
    Text,
    /// Bytes in hex: trace and span ids.
    Hex,
    /// Bytes in base64.
    Base64,
    Bool,
    Double,
    Fixed32,
    Fixed64,
    /// Signed, 8 bytes.
    SignedFixed64,
    /// Varint.
    Unsigned,
    /// Varint, two's complement.
    Signed,
    /// Varint, zigzag.
    ZigZag,
    /// Varint; the names of the numbers from 0 on, without their common prefix.
    Enum(&'static [&'static str]),
}

use Counts::{Attribute, Item, Level, Nothing};
use Scalar::{Base64, Bool, Double, Enum, Fixed32, Fixed64, Hex, Signed, Text, Unsigned};
use Shape::{Many, One};

const fn field(name: &'static str, number: u32, shape: Shape) -> Field {
    Field { name, number, shape }
}

const fn scalar(name: &'static str, number: u32, shape: Scalar) -> Field {
    Field { name, number, shape: Shape::Scalar(shape) }
}

const fn message(counts: Counts, fields: &'static [Field]) -> Message {
    Message { counts, fields }
}

const KINDS: &[&str] = &["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
const CODES: &[&str] = &["UNSET", "OK", "ERROR"];

/// The three requests in one: which key stands in a document tells the signal.
pub(super) static REQUEST: Message = message(
    Nothing,
    &[
        field("resourceSpans", 1, Many(&RESOURCE_SPANS)),
        field("resourceMetrics", 1, Many(&RESOURCE_METRICS)),
        field("resourceLogs", 1, Many(&RESOURCE_LOGS)),
    ],
);

static RESOURCE: Message = message(
    Nothing,
    &[field("attributes", 1, Many(&KEY_VALUE)), scalar("droppedAttributesCount", 2, Unsigned)],
);

static SCOPE: Message = message(
    Nothing,
    &[
        scalar("name", 1, Text),
        scalar("version", 2, Text),
        field("attributes", 3, Many(&KEY_VALUE)),
        scalar("droppedAttributesCount", 4, Unsigned),
    ],
);

static KEY_VALUE: Message =
    message(Attribute, &[scalar("key", 1, Text), field("value", 2, One(&ANY_VALUE))]);

static ANY_VALUE: Message = message(
    Level,
    &[
        scalar("stringValue", 1, Text),
        scalar("boolValue", 2, Bool),
        scalar("intValue", 3, Signed),
        scalar("doubleValue", 4, Double),
        field("arrayValue", 5, One(&ARRAY_VALUE)),
        field("kvlistValue", 6, One(&KEY_VALUE_LIST)),
        scalar("bytesValue", 7, Base64),
    ],
);

static ARRAY_VALUE: Message = message(Nothing, &[field("values", 1, Many(&ANY_VALUE))]);
static KEY_VALUE_LIST: Message = message(Nothing, &[field("values", 1, Many(&KEY_VALUE))]);

static RESOURCE_SPANS: Message = message(
    Nothing,
    &[
        field("resource", 1, One(&RESOURCE)),
        field("scopeSpans", 2, Many(&SCOPE_SPANS)),
        scalar("schemaUrl", 3, Text),
    ],
);

static SCOPE_SPANS: Message = message(
    Nothing,
    &[field("scope", 1, One(&SCOPE)), field("spans", 2, Many(&SPAN)), scalar("schemaUrl", 3, Text)],
);

static SPAN: Message = message(
    Item,
    &[
        scalar("traceId", 1, Hex),
        scalar("spanId", 2, Hex),
        scalar("traceState", 3, Text),
        scalar("parentSpanId", 4, Hex),
        scalar("name", 5, Text),
        scalar("kind", 6, Enum(KINDS)),
        scalar("startTimeUnixNano", 7, Fixed64),
        scalar("endTimeUnixNano", 8, Fixed64),
        field("attributes", 9, Many(&KEY_VALUE)),
        scalar("droppedAttributesCount", 10, Unsigned),
        field("events", 11, Many(&EVENT)),
        scalar("droppedEventsCount", 12, Unsigned),
        field("links", 13, Many(&LINK)),
        scalar("droppedLinksCount", 14, Unsigned),
        field("status", 15, One(&STATUS)),
        scalar("flags", 16, Fixed32),
    ],
);

static EVENT: Message = message(
    Nothing,
    &[
        scalar("timeUnixNano", 1, Fixed64),
        scalar("name", 2, Text),
        field("attributes", 3, Many(&KEY_VALUE)),
        scalar("droppedAttributesCount", 4, Unsigned),
    ],
);

static LINK: Message = message(
    Nothing,
    &[
        scalar("traceId", 1, Hex),
        scalar("spanId", 2, Hex),
        scalar("traceState", 3, Text),
        field("attributes", 4, Many(&KEY_VALUE)),
        scalar("droppedAttributesCount", 5, Unsigned),
        scalar("flags", 6, Fixed32),
    ],
);

static STATUS: Message =
    message(Nothing, &[scalar("message", 2, Text), scalar("code", 3, Enum(CODES))]);

static RESOURCE_LOGS: Message = message(Nothing, &[field("scopeLogs", 2, Many(&SCOPE_LOGS))]);
static SCOPE_LOGS: Message = message(Nothing, &[field("logRecords", 2, Many(&LOG_RECORD))]);
/// Records are counted, never read.
static LOG_RECORD: Message = message(Item, &[]);
