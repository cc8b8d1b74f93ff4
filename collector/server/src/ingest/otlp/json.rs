//! OTLP/JSON to protobuf bytes, leniently, so that there is one meaning of a request.
//!
//! Ids are hex in any case, 64-bit numbers numbers or strings, enums numbers or names, field names
//! lowerCamelCase or snake_case; unknown fields are ignored. An id that is no hex becomes bytes of a
//! wrong length: the walk then refuses that item alone.

use super::{DecodeLimits, Refusal, Signal};
use longpole_model::signal::Reason;
use serde_json::{Map, Value};

/// A protobuf message under construction, and the first field that had the wrong form: what cannot be
/// written must not be taken for nothing.
#[derive(Default)]
struct Out(Vec<u8>, Option<&'static str>);

impl Out {
    fn varint(&mut self, mut n: u64) {
        while n > 0x7f {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn wrong(&mut self, name: &'static str) {
        self.1.get_or_insert(name);
    }

    fn number(&mut self, field: u64, n: u64) {
        self.varint(field << 3);
        self.varint(n);
    }

    fn fixed(&mut self, field: u64, n: u64) {
        self.varint(field << 3 | 1);
        self.0.extend_from_slice(&n.to_le_bytes());
    }
}

/// Writes a JSON object's fields as a protobuf message.
type Write = fn(&Object, &mut Out);

/// Structural characters that one message may have: bounds what parsing allocates.
const MAX_STRUCTURE: usize = 8 << 20;

/// Re-encodes one JSON request and tells its signal.
///
/// # Errors
/// [`Reason::Malformed`] for anything that is no OTLP/JSON object, [`Reason::TooDeep`],
/// [`Reason::TooManyItems`], [`Reason::TooLarge`].
pub fn to_protobuf(text: &[u8], limits: &DecodeLimits) -> Result<(Signal, Vec<u8>), Refusal> {
    if text.len() > limits.bytes {
        return Err(Refusal::new(Reason::TooLarge, format!("{} bytes of JSON", text.len())));
    }
    if text.iter().filter(|b| matches!(b, b'{' | b'[' | b',')).count() > MAX_STRUCTURE {
        return Err(Refusal::new(Reason::TooManyItems, "too many JSON values in one request"));
    }
    let parsed: Value = serde_json::from_slice(text).map_err(|e| {
        let deep = e.to_string().contains("recursion limit");
        let reason = if deep { Reason::TooDeep } else { Reason::Malformed };
        Refusal::new(reason, format!("not OTLP/JSON: {e}"))
    })?;
    let Value::Object(root) = &parsed else { return Err(no_request()) };
    let kinds: [(&str, Signal, Write); 3] = [
        ("resourceSpans", Signal::Traces, resource_spans),
        ("resourceMetrics", Signal::Metrics, resource_metrics),
        ("resourceLogs", Signal::Logs, resource_logs),
    ];
    for (name, signal, write) in kinds {
        if get(root, name).is_some() {
            let mut out = Out::default();
            list(root, name, &mut out, 1, write);
            let Some(wrong) = out.1 else { return Ok((signal, out.0)) };
            let message = format!("not OTLP/JSON: the field {wrong} has the wrong form");
            return Err(Refusal::new(Reason::Malformed, message));
        }
    }
    if root.is_empty() { Ok((Signal::Traces, Vec::new())) } else { Err(no_request()) }
}

fn no_request() -> Refusal {
    let message = "not an OTLP/JSON request: an object with resourceSpans, resourceMetrics or resourceLogs is expected";
    Refusal::new(Reason::Malformed, message)
}

/// A field by its lowerCamelCase name, or in snake_case.
fn get<'a>(object: &'a Map<String, Value>, camel: &str) -> Option<&'a Value> {
    object.get(camel).or_else(|| {
        let mut snake = String::with_capacity(camel.len() + 4);
        for c in camel.chars() {
            if c.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
        }
        object.get(&snake)
    })
}

fn message(out: &mut Out, field: u64, write: impl FnOnce(&mut Out)) {
    let mut inner = Out::default();
    write(&mut inner);
    out.bytes(field, &inner.0);
    out.1 = out.1.or(inner.1);
}

type Object = Map<String, Value>;

fn list(o: &Object, name: &'static str, out: &mut Out, field: u64, write: Write) {
    match get(o, name) {
        None | Some(Value::Null) => {}
        Some(Value::Array(items)) => {
            for item in items {
                match item.as_object() {
                    Some(item) => message(out, field, |inner| write(item, inner)),
                    None => out.wrong(name),
                }
            }
        }
        Some(_) => out.wrong(name),
    }
}

fn object(o: &Object, name: &'static str, out: &mut Out, field: u64, write: Write) {
    match get(o, name) {
        None | Some(Value::Null) => {}
        Some(Value::Object(inner)) => message(out, field, |out| write(inner, out)),
        Some(_) => out.wrong(name),
    }
}

fn text(o: &Object, name: &str, out: &mut Out, field: u64) {
    if let Some(s) = get(o, name).and_then(Value::as_str) {
        out.bytes(field, s.as_bytes());
    }
}

/// A whole number from a JSON number or string.
fn whole(v: &Value) -> Option<u64> {
    match v {
        Value::Number(n) => n
            .as_u64()
            .or_else(|| n.as_i64().map(|i| i as u64))
            .or_else(|| n.as_f64().map(|f| f as u64)),
        Value::String(s) => {
            s.parse::<u64>().ok().or_else(|| s.parse::<i64>().ok().map(|i| i as u64))
        }
        _ => None,
    }
}

fn double(v: &Value) -> Option<f64> {
    match v {
        Value::Number(n) => n.as_f64(),
        Value::String(s) => match s.as_str() {
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            other => other.parse().ok(),
        },
        _ => None,
    }
}

fn fixed(o: &Object, name: &str, out: &mut Out, field: u64) {
    if let Some(n) = get(o, name).and_then(whole) {
        out.fixed(field, n);
    }
}

fn real(o: &Object, name: &str, out: &mut Out, field: u64) {
    if let Some(x) = get(o, name).and_then(double) {
        out.fixed(field, x.to_bits());
    }
}

/// An enum as a number, or by the end of its name (`SPAN_KIND_SERVER`).
fn choice(o: &Object, name: &str, out: &mut Out, field: u64, names: &[&str]) {
    let n = match get(o, name) {
        Some(Value::String(s)) if s.parse::<u64>().is_err() => {
            names.iter().position(|n| s.ends_with(n)).map(|i| i as u64)
        }
        Some(v) => whole(v),
        None => None,
    };
    if let Some(n) = n {
        out.number(field, n);
    }
}

fn id(o: &Object, name: &str, out: &mut Out, field: u64) {
    let Some(s) = get(o, name).and_then(Value::as_str) else { return };
    let digit = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
    let hex: Option<Vec<u8>> = s
        .as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [a, b] => Some(digit(*a)? << 4 | digit(*b)?),
            _ => None,
        })
        .collect();
    // What is no hex keeps a length that no id has, so that the item is refused and counted.
    out.bytes(field, &hex.unwrap_or_else(|| b"?".to_vec()));
}

fn resource_spans(o: &Object, out: &mut Out) {
    object(o, "resource", out, 1, resource);
    list(o, "scopeSpans", out, 2, |o, out| list(o, "spans", out, 2, span));
}

fn resource_metrics(o: &Object, out: &mut Out) {
    object(o, "resource", out, 1, resource);
    list(o, "scopeMetrics", out, 2, |o, out| list(o, "metrics", out, 2, metric));
}

fn resource_logs(o: &Object, out: &mut Out) {
    list(o, "scopeLogs", out, 2, |o, out| list(o, "logRecords", out, 2, |_, _| {}));
}

fn resource(o: &Object, out: &mut Out) {
    list(o, "attributes", out, 1, key_value);
}

fn key_value(o: &Object, out: &mut Out) {
    text(o, "key", out, 1);
    object(o, "value", out, 2, any_value);
}

fn any_value(o: &Object, out: &mut Out) {
    text(o, "stringValue", out, 1);
    if let Some(b) = get(o, "boolValue").and_then(Value::as_bool) {
        out.number(2, u64::from(b));
    }
    if let Some(n) = get(o, "intValue").and_then(whole) {
        out.number(3, n);
    }
    real(o, "doubleValue", out, 4);
    object(o, "arrayValue", out, 5, |o, out| list(o, "values", out, 1, any_value));
    object(o, "kvlistValue", out, 6, |o, out| list(o, "values", out, 1, key_value));
}

fn span(o: &Object, out: &mut Out) {
    id(o, "traceId", out, 1);
    id(o, "spanId", out, 2);
    text(o, "traceState", out, 3);
    id(o, "parentSpanId", out, 4);
    text(o, "name", out, 5);
    choice(
        o,
        "kind",
        out,
        6,
        &["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"],
    );
    fixed(o, "startTimeUnixNano", out, 7);
    fixed(o, "endTimeUnixNano", out, 8);
    list(o, "attributes", out, 9, key_value);
    list(o, "events", out, 11, |o, out| {
        fixed(o, "timeUnixNano", out, 1);
        text(o, "name", out, 2);
        list(o, "attributes", out, 3, key_value);
    });
    object(o, "status", out, 15, |o, out| {
        text(o, "message", out, 2);
        choice(o, "code", out, 3, &["UNSET", "OK", "ERROR"]);
    });
    if let Some(flags) = get(o, "flags").and_then(whole) {
        out.varint(16 << 3 | 5);
        out.0.extend_from_slice(&(flags as u32).to_le_bytes());
    }
}

fn metric(o: &Object, out: &mut Out) {
    text(o, "name", out, 1);
    text(o, "unit", out, 3);
    object(o, "gauge", out, 5, |o, out| list(o, "dataPoints", out, 1, number));
    object(o, "sum", out, 7, |o, out| {
        list(o, "dataPoints", out, 1, number);
        shape(o, out);
    });
    object(o, "histogram", out, 9, |o, out| {
        list(o, "dataPoints", out, 1, histogram);
        shape(o, out);
    });
    object(o, "exponentialHistogram", out, 10, |o, out| {
        list(o, "dataPoints", out, 1, exponential);
        shape(o, out);
    });
    object(o, "summary", out, 11, |o, out| list(o, "dataPoints", out, 1, summary));
}

fn shape(o: &Object, out: &mut Out) {
    choice(o, "aggregationTemporality", out, 2, &["UNSPECIFIED", "DELTA", "CUMULATIVE"]);
    if let Some(b) = get(o, "isMonotonic").and_then(Value::as_bool) {
        out.number(3, u64::from(b));
    }
}

fn times(o: &Object, out: &mut Out) {
    fixed(o, "startTimeUnixNano", out, 2);
    fixed(o, "timeUnixNano", out, 3);
}

fn flags(o: &Object, out: &mut Out, field: u64) {
    if let Some(n) = get(o, "flags").and_then(whole) {
        out.number(field, n);
    }
}

fn number(o: &Object, out: &mut Out) {
    list(o, "attributes", out, 7, key_value);
    times(o, out);
    real(o, "asDouble", out, 4);
    fixed(o, "asInt", out, 6);
    flags(o, out, 8);
}

fn histogram(o: &Object, out: &mut Out) {
    list(o, "attributes", out, 9, key_value);
    times(o, out);
    fixed(o, "count", out, 4);
    real(o, "sum", out, 5);
    for n in get(o, "bucketCounts").and_then(Value::as_array).into_iter().flatten() {
        out.fixed(6, whole(n).unwrap_or(u64::MAX));
    }
    for x in get(o, "explicitBounds").and_then(Value::as_array).into_iter().flatten() {
        out.fixed(7, double(x).unwrap_or(f64::NAN).to_bits());
    }
    flags(o, out, 10);
}

fn exponential(o: &Object, out: &mut Out) {
    fn signed(o: &Object, name: &str, out: &mut Out, field: u64) {
        if let Some(n) = get(o, name).and_then(whole).map(|n| n as i64) {
            out.number(field, ((n << 1) ^ (n >> 63)) as u64);
        }
    }
    fn buckets(o: &Object, out: &mut Out) {
        signed(o, "offset", out, 1);
        for n in get(o, "bucketCounts").and_then(Value::as_array).into_iter().flatten() {
            out.number(2, whole(n).unwrap_or(u64::MAX));
        }
    }
    list(o, "attributes", out, 1, key_value);
    times(o, out);
    fixed(o, "count", out, 4);
    real(o, "sum", out, 5);
    signed(o, "scale", out, 6);
    fixed(o, "zeroCount", out, 7);
    object(o, "positive", out, 8, buckets);
    object(o, "negative", out, 9, buckets);
    flags(o, out, 10);
}

fn summary(o: &Object, out: &mut Out) {
    list(o, "attributes", out, 7, key_value);
    times(o, out);
    fixed(o, "count", out, 4);
    real(o, "sum", out, 5);
    list(o, "quantileValues", out, 6, |o, out| {
        real(o, "quantile", out, 1);
        real(o, "value", out, 2);
    });
    flags(o, out, 8);
}
