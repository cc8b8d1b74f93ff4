//! The streaming re-encoder: a JSON document is read once and written as protobuf on the way.
//!
//! Recursion follows the schema and is as deep as attribute values may nest; what the schema does
//! not know is skipped without recursion.

use super::super::{DecodeLimits, Refusal, Signal};
use super::scalar::{Json, Written, write};
use super::schema::{Counts, Field, Message, REQUEST, Scalar, Shape};
use super::writer::Writer;
use longpole_model::signal::Reason;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Re-encodes a request.
pub(super) fn request(
    body: &[u8],
    limits: &DecodeLimits,
    told: Option<Signal>,
) -> Result<(Signal, Vec<u8>), Refusal> {
    let mut writer = Writer {
        out: Vec::with_capacity(body.len() / 3),
        items: limits.items,
        attributes: limits.attributes,
        depth: limits.depth,
        bytes: limits.bytes,
        refused: None,
    };
    let mut json = serde_json::Deserializer::from_slice(body);
    // Depth is capped by the schema walk itself; unknown values are skipped iteratively.
    json.disable_recursion_limit();
    let read = Request { writer: &mut writer, told }.deserialize(&mut json);
    match read.and_then(|signal| json.end().map(|()| signal)) {
        Ok(Some(signal)) => Ok((signal, writer.out)),
        Ok(None) => Err(Refusal {
            reason: Reason::Malformed,
            message: "not OTLP: a JSON object without resourceSpans, resourceMetrics or \
                      resourceLogs"
                .into(),
        }),
        Err(e) => Err(match writer.refused {
            Some(Reason::TooDeep) => Refusal {
                reason: Reason::TooDeep,
                message: format!("attribute values nested deeper than {}", limits.depth),
            },
            Some(Reason::TooLarge) => Refusal {
                reason: Reason::TooLarge,
                message: format!("more than {} bytes as protobuf", limits.bytes),
            },
            Some(reason) => Refusal {
                reason,
                message: format!(
                    "too many spans, points or attributes: at most {} and {} are taken in one \
                     request; send smaller batches",
                    limits.items, limits.attributes
                ),
            },
            None => Refusal { reason: Reason::Malformed, message: format!("not OTLP/JSON: {e}") },
        }),
    }
}

/// The whole document.
struct Request<'w> {
    writer: &'w mut Writer,
    told: Option<Signal>,
}

impl<'de> DeserializeSeed<'de> for Request<'_> {
    type Value = Option<Signal>;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Request<'_> {
    type Value = Option<Signal>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with resourceSpans, resourceMetrics or resourceLogs")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = self.told;
        while let Some(key) = map.next_key_seed(Name(&REQUEST))? {
            let signal = match key.map(|f| f.name) {
                Some("resourceSpans") => Some(Signal::Traces),
                Some("resourceMetrics") => Some(Signal::Metrics),
                Some("resourceLogs") => Some(Signal::Logs),
                _ => None,
            };
            match (key, signal) {
                (Some(field), Some(signal)) if found.is_none_or(|f| f == signal) => {
                    found = Some(signal);
                    map.next_value_seed(Value { field, writer: self.writer })?;
                }
                (Some(_), _) if self.told.is_none() => {
                    return Err(A::Error::custom("two signals in one document"));
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

/// A key of a message.
struct Name(&'static Message);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<&'static Field>;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<&'static Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        let fields = self.0.fields;
        let exact = fields.iter().find(|f| f.name == key);
        Ok(exact.or_else(|| fields.iter().find(|f| key.contains('_') && is_snake(key, f.name))))
    }
}

/// Whether `key` is `name` in snake_case.
fn is_snake(key: &str, name: &str) -> bool {
    let letters = key.bytes().filter(|b| *b != b'_').map(|b| b.to_ascii_lowercase());
    letters.eq(name.bytes().map(|b| b.to_ascii_lowercase()))
}

/// A field's value.
struct Value<'w> {
    field: &'static Field,
    writer: &'w mut Writer,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        match self.field.shape {
            Shape::Scalar(shape) => {
                let value: Json = serde::Deserialize::deserialize(d)?;
                if let Some(written) = write(shape, value) {
                    self.writer.field(self.field.number, &written);
                }
                self.writer.fits()
            }
            Shape::One(_) | Shape::Many(_) | Shape::Packed(_) => d.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.shape {
            Shape::One(_) => write!(f, "an object as {}", self.field.name),
            _ => write!(f, "a list as {}", self.field.name),
        }
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        match self.field.shape {
            Shape::One(message) => body(self.field.number, message, map, self.writer),
            _ => Err(A::Error::custom(format!("expected a list as {}", self.field.name))),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { field, writer } = self;
        match field.shape {
            Shape::Many(message) => {
                let number = field.number;
                while seq.next_element_seed(Element { number, message, writer })?.is_some() {}
                Ok(())
            }
            Shape::Packed(shape) => packed(field.number, shape, seq, writer),
            _ => Err(A::Error::custom(format!("expected an object as {}", field.name))),
        }
    }
}

fn packed<'de, A: SeqAccess<'de>>(
    number: u32,
    shape: Scalar,
    mut seq: A,
    writer: &mut Writer,
) -> Result<(), A::Error> {
    writer.tag(number, 2);
    let start = writer.out.len();
    while let Some(value) = seq.next_element::<Json>()? {
        // An unreadable number in a list is no number: the list must keep its length.
        let value = write(shape, value).unwrap_or(Written::Fixed64(f64::NAN.to_bits()));
        writer.value(&value);
        writer.fits()?;
    }
    writer.close(start);
    Ok(())
}

/// One message of a list.
struct Element<'w> {
    number: u32,
    message: &'static Message,
    writer: &'w mut Writer,
}

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        body(self.number, self.message, map, self.writer)
    }
}

/// Writes one message as field `number`.
fn body<'de, A: MapAccess<'de>>(
    number: u32,
    message: &'static Message,
    mut map: A,
    writer: &mut Writer,
) -> Result<(), A::Error> {
    writer.take(message.counts).map_err(|reason| A::Error::custom(reason.as_str()))?;
    writer.tag(number, 2);
    let start = writer.out.len();
    while let Some(key) = map.next_key_seed(Name(message))? {
        match key {
            Some(field) => map.next_value_seed(Value { field, writer: &mut *writer })?,
            None => drop(map.next_value::<IgnoredAny>()?),
        }
    }
    writer.close(start);
    if message.counts == Counts::Level {
        writer.depth += 1;
    }
    Ok(())
}
