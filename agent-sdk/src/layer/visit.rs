//! Reading `tracing` fields: straight into a span, or, for events, into what an event says. A few names mean
//! something to us: `otel.*`, `message`, `exception.*`.

use crate::record::body::Key;
use crate::site::Kind;
use crate::span::Span;
use crate::value::{Value, formatted};
use std::fmt::Debug;
use tracing::field::{Field, Visit};

/// Writes a span's fields into it.
pub(super) struct Fields<'a> {
    pub(super) span: &'a mut Span,
    /// The span was made just now: no key can be there yet.
    pub(super) fresh: bool,
}

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: impl Value) {
        let index = u32::try_from(field.index()).unwrap_or(u32::MAX);
        match self.fresh {
            true => {
                if let Some(body) = self.span.fresh() {
                    value.record(Key::Index(index), body);
                }
            }
            false => self.span.set_at(index, value),
        }
    }

    fn text(&mut self, field: &Field, text: &str) {
        match field.name() {
            "otel.name" => self.span.rename(text),
            "otel.kind" => self.span.set_kind(Kind::named(text).unwrap_or_default()),
            "otel.status_code" => match text.to_ascii_lowercase().as_str() {
                "ok" => {
                    self.span.clear_status();
                    self.span.ok();
                }
                "error" => self.span.fail(""),
                _ => self.span.clear_status(),
            },
            "otel.status_description" => self.span.fail(text),
            _ => self.put(field, text),
        }
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        formatted(format_args!("{value:?}"), |text| self.text(field, text));
    }
}

/// Looks for `otel.name` only.
pub(super) struct Name(pub(super) Option<String>);

impl Visit for Name {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "otel.name" {
            self.0 = Some(value.to_owned());
        }
    }
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "otel.name" {
            self.0 = Some(format!("{value:?}"));
        }
    }
}

/// A value that is kept until the span can be written to.
enum Kept {
    I64(i64),
    F64(f64),
    Bool(bool),
    Text(String),
}

impl Value for Kept {
    fn record(&self, key: Key<'_>, to: &mut crate::Body) {
        match self {
            Self::I64(v) => to.i64(key, *v),
            Self::F64(v) => to.f64(key, *v),
            Self::Bool(v) => to.bool(key, *v),
            Self::Text(v) => to.str(key, v),
        }
    }
}

/// An event's message and fields.
#[derive(Default)]
pub(super) struct Happening {
    message: String,
    fields: Vec<(&'static str, Kept)>,
}

impl Happening {
    /// Adds itself to a span: an error as an exception, by which the span has failed.
    pub(super) fn tell(mut self, span: &mut Span, name: &str, error: bool) {
        let has = |fields: &[(&str, Kept)], key: &str| fields.iter().any(|(k, _)| *k == key);
        if error {
            if !has(&self.fields, "exception.type") {
                let kind = self.fields.iter().find_map(|(k, v)| match v {
                    Kept::Text(text) if *k == "error.type" => Some(text.clone()),
                    _ => None,
                });
                let kind = kind.unwrap_or_else(|| "error".to_owned());
                self.fields.push(("exception.type", Kept::Text(kind)));
            }
            if !span.has_status() {
                span.fail(&self.message);
            }
            if !self.message.is_empty() && !has(&self.fields, "exception.message") {
                self.fields.push(("exception.message", Kept::Text(self.message.clone())));
            }
        }
        let name = match (error, self.message.as_str()) {
            (true, _) => "exception",
            (false, "") => name,
            (false, message) => message,
        };
        let fields: Vec<(&str, &dyn Value)> =
            self.fields.iter().map(|(k, v)| (*k, v as &dyn Value)).collect();
        span.event(name, &fields);
    }

    fn put(&mut self, field: &Field, value: Kept) {
        match (field.name(), value) {
            ("message", Kept::Text(text)) => self.message = text,
            (name, value) => self.fields.push((name, value)),
        }
    }
}

impl Visit for Happening {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Kept::Text(value.to_owned()));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Kept::I64(value));
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Kept::I64(i64::try_from(value).unwrap_or(i64::MAX)));
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Kept::F64(value));
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Kept::Bool(value));
    }
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = formatted(format_args!("{value:?}"), str::to_owned);
        self.put(field, Kept::Text(text));
    }
}
