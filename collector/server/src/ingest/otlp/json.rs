//! OTLP/JSON to protobuf bytes, leniently, so that there is one meaning of a request.
//!
//! Ids are hex in any case, 64-bit numbers numbers or strings, enums numbers or names, field names
//! lowerCamelCase or snake_case; unknown fields are ignored. An id that is no hex becomes bytes of a
//! wrong length: the walk then refuses that item alone. The text is read once and no tree of it is
//! built: a tree would be a hundred times the size of a request of empty objects.
//!
//! Which fields there are is [`fields`]; how one value is written, [`scalar`].

mod fields;
mod scalar;
#[cfg(test)]
mod tests;

use super::{DecodeLimits, Refusal, Signal};
use fields::{Form, Table, resource_logs, resource_metrics, resource_spans};
use longpole_model::signal::Reason;
use scalar::Out;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// What an error's text begins with when the numbers of a list grow too large.
const TOO_LARGE: &str = "too many numbers";

/// Re-encodes one JSON request and tells its signal.
///
/// # Errors
/// [`Reason::Malformed`] for anything that is no OTLP/JSON object, [`Reason::TooDeep`],
/// [`Reason::TooLarge`].
pub fn to_protobuf(text: &[u8], limits: &DecodeLimits) -> Result<(Signal, Vec<u8>), Refusal> {
    if text.len() > limits.bytes {
        return Err(Refusal::new(Reason::TooLarge, format!("{} bytes of JSON", text.len())));
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    let mut root = Root { cap: limits.bytes, ..Root::default() };
    let read = reader.deserialize_any(&mut root).and_then(|()| reader.end());
    read.map_err(|e| {
        let said = e.to_string();
        let reason = match () {
            () if said.contains("recursion limit") => Reason::TooDeep,
            () if said.starts_with(TOO_LARGE) => Reason::TooLarge,
            () => Reason::Malformed,
        };
        Refusal::new(reason, format!("not OTLP/JSON: {said}"))
    })?;
    match root.found {
        Some((signal, out)) => match out.wrong {
            None => Ok((signal, out.bytes)),
            Some(name) => {
                let message = format!("not OTLP/JSON: the field {name} has the wrong form");
                Err(Refusal::new(Reason::Malformed, message))
            }
        },
        None if root.fields == 0 && root.object => Ok((Signal::Traces, Vec::new())),
        None => {
            let message = "not an OTLP/JSON request: an object with resourceSpans, \
                           resourceMetrics or resourceLogs is expected";
            Err(Refusal::new(Reason::Malformed, message))
        }
    }
}

/// The outermost object. Of several signals the first in the protocol's order counts.
#[derive(Default)]
struct Root {
    cap: usize,
    object: bool,
    fields: usize,
    found: Option<(Signal, Out)>,
}

impl<'de> Visitor<'de> for &mut Root {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an OTLP/JSON request")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        const KINDS: [(&str, Signal, Table); 3] = [
            ("resourceSpans", Signal::Traces, resource_spans),
            ("resourceMetrics", Signal::Metrics, resource_metrics),
            ("resourceLogs", Signal::Logs, resource_logs),
        ];
        self.object = true;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            self.fields += 1;
            let Some((name, signal, table)) = KINDS.iter().find(|k| fields::is(k.0, &key)) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let mut out = Out::new(self.cap);
            let form = Form::List(1, *table);
            map.next_value_seed(One { name, form, out: &mut out })?;
            let rank = |s: Signal| KINDS.iter().position(|k| k.1 == s);
            if self.found.as_ref().is_none_or(|(s, _)| rank(*signal) <= rank(*s)) {
                self.found = Some((*signal, out));
            }
        }
        Ok(())
    }
}

/// One JSON value on its way to being one protobuf field.
struct One<'a> {
    name: &'static str,
    form: Form,
    out: &'a mut Out,
}

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        match self.form {
            Form::List(..) | Form::Message(..) | Form::Item(..) | Form::Numbers(..) => {
                from.deserialize_any(self)
            }
            form => scalar::write(form, from, self.out),
        }
    }
}

impl One<'_> {
    /// A value of another form than this field has.
    fn other<E>(self) -> Result<(), E> {
        if !matches!(self.form, Form::Numbers(..)) {
            self.out.wrong.get_or_insert(self.name);
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for One<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }

    /// `null` is an unset field, but no item of a list.
    fn visit_unit<E>(self) -> Result<(), E> {
        if matches!(self.form, Form::Item(..)) { self.other() } else { Ok(()) }
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.other()
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.other()
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.other()
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.other()
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.other()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let item = match self.form {
            Form::List(field, table) => Form::Item(field, table),
            Form::Numbers(item) => *item,
            _ => {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                return self.other();
            }
        };
        while seq.next_element_seed(One { name: self.name, form: item, out: self.out })?.is_some() {
            if self.out.bytes.len() > self.out.cap {
                return Err(A::Error::custom(TOO_LARGE));
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (Form::Message(field, table) | Form::Item(field, table)) = self.form else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return self.other();
        };
        let mut inner = Out::new(self.out.cap);
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match table().iter().find(|(name, _)| fields::is(name, &key)) {
                Some((name, form)) => {
                    map.next_value_seed(One { name, form: *form, out: &mut inner })?;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        self.out.message(field, inner);
        Ok(())
    }
}
