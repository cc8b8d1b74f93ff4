//! The fields of OTLP's metrics; what they share with the other signals is in [`super`].

use super::Counts::{Item, Nothing};
use super::Scalar::{Bool, Double, Enum, Fixed64, Hex, SignedFixed64, Text, Unsigned, ZigZag};
use super::Shape::{Many, One, Packed};
use super::{KEY_VALUE, Message, RESOURCE, SCOPE, field, message, scalar};

const TEMPORALITIES: &[&str] = &["UNSPECIFIED", "DELTA", "CUMULATIVE"];

pub(super) static RESOURCE_METRICS: Message = message(
    Nothing,
    &[
        field("resource", 1, One(&RESOURCE)),
        field("scopeMetrics", 2, Many(&SCOPE_METRICS)),
        scalar("schemaUrl", 3, Text),
    ],
);

static SCOPE_METRICS: Message = message(
    Nothing,
    &[
        field("scope", 1, One(&SCOPE)),
        field("metrics", 2, Many(&METRIC)),
        scalar("schemaUrl", 3, Text),
    ],
);

static METRIC: Message = message(
    Nothing,
    &[
        scalar("name", 1, Text),
        scalar("description", 2, Text),
        scalar("unit", 3, Text),
        field("gauge", 5, One(&NUMBERS)),
        field("sum", 7, One(&NUMBERS)),
        field("histogram", 9, One(&HISTOGRAM)),
        field("exponentialHistogram", 10, One(&EXPONENTIAL)),
        field("summary", 11, One(&SUMMARY)),
        field("metadata", 12, Many(&KEY_VALUE)),
    ],
);

/// Gauge and sum; a gauge simply has no temporality.
static NUMBERS: Message = message(
    Nothing,
    &[
        field("dataPoints", 1, Many(&NUMBER)),
        scalar("aggregationTemporality", 2, Enum(TEMPORALITIES)),
        scalar("isMonotonic", 3, Bool),
    ],
);

static NUMBER: Message = message(
    Item,
    &[
        scalar("startTimeUnixNano", 2, Fixed64),
        scalar("timeUnixNano", 3, Fixed64),
        scalar("asDouble", 4, Double),
        field("exemplars", 5, Many(&EXEMPLAR)),
        scalar("asInt", 6, SignedFixed64),
        field("attributes", 7, Many(&KEY_VALUE)),
        scalar("flags", 8, Unsigned),
    ],
);

static HISTOGRAM: Message = message(
    Nothing,
    &[
        field("dataPoints", 1, Many(&HISTOGRAM_POINT)),
        scalar("aggregationTemporality", 2, Enum(TEMPORALITIES)),
    ],
);

static HISTOGRAM_POINT: Message = message(
    Item,
    &[
        scalar("startTimeUnixNano", 2, Fixed64),
        scalar("timeUnixNano", 3, Fixed64),
        scalar("count", 4, Fixed64),
        scalar("sum", 5, Double),
        field("bucketCounts", 6, Packed(Fixed64)),
        field("explicitBounds", 7, Packed(Double)),
        field("exemplars", 8, Many(&EXEMPLAR)),
        field("attributes", 9, Many(&KEY_VALUE)),
        scalar("flags", 10, Unsigned),
        scalar("min", 11, Double),
        scalar("max", 12, Double),
    ],
);

static EXPONENTIAL: Message = message(
    Nothing,
    &[
        field("dataPoints", 1, Many(&EXPONENTIAL_POINT)),
        scalar("aggregationTemporality", 2, Enum(TEMPORALITIES)),
    ],
);

static EXPONENTIAL_POINT: Message = message(
    Item,
    &[
        field("attributes", 1, Many(&KEY_VALUE)),
        scalar("startTimeUnixNano", 2, Fixed64),
        scalar("timeUnixNano", 3, Fixed64),
        scalar("count", 4, Fixed64),
        scalar("sum", 5, Double),
        scalar("scale", 6, ZigZag),
        scalar("zeroCount", 7, Fixed64),
        field("positive", 8, One(&BUCKETS)),
        field("negative", 9, One(&BUCKETS)),
        scalar("flags", 10, Unsigned),
        field("exemplars", 11, Many(&EXEMPLAR)),
        scalar("min", 12, Double),
        scalar("max", 13, Double),
        scalar("zeroThreshold", 14, Double),
    ],
);

static BUCKETS: Message =
    message(Nothing, &[scalar("offset", 1, ZigZag), field("bucketCounts", 2, Packed(Unsigned))]);

static SUMMARY: Message = message(Nothing, &[field("dataPoints", 1, Many(&SUMMARY_POINT))]);

static SUMMARY_POINT: Message = message(
    Item,
    &[
        scalar("startTimeUnixNano", 2, Fixed64),
        scalar("timeUnixNano", 3, Fixed64),
        scalar("count", 4, Fixed64),
        scalar("sum", 5, Double),
        field("quantileValues", 6, Many(&QUANTILE)),
        field("attributes", 7, Many(&KEY_VALUE)),
        scalar("flags", 8, Unsigned),
    ],
);

static QUANTILE: Message =
    message(Item, &[scalar("quantile", 1, Double), scalar("value", 2, Double)]);

static EXEMPLAR: Message = message(
    Nothing,
    &[
        scalar("timeUnixNano", 2, Fixed64),
        scalar("asDouble", 3, Double),
        scalar("spanId", 4, Hex),
        scalar("traceId", 5, Hex),
        scalar("asInt", 6, SignedFixed64),
        field("filteredAttributes", 7, Many(&KEY_VALUE)),
    ],
);
