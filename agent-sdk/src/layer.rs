//! `tracing` spans become spans of a trace.

use crate::clock::now;
use crate::context::{self, Context};
use crate::queue::Queue;
use crate::sampler::Sampler;
use crate::span::{Event, Kind, Span, SpanLimits, Status, Value};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::sync::{Arc, OnceLock};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context as Scope;
use tracing_subscriber::registry::LookupSpan;

/// What the layer needs once the SDK is initialised; before it, spans cost a look and no more.
pub(crate) struct Recorder {
    pub(crate) queue: Arc<Queue>,
    pub(crate) sampler: Sampler,
    pub(crate) limits: SpanLimits,
}

pub(crate) static RECORDER: OnceLock<Recorder> = OnceLock::new();

thread_local! {
    /// The parent of the next root that is created on this thread.
    static PARENT: RefCell<Option<Context>> = const { RefCell::new(None) };
    /// Set on the SDK's own thread: its HTTP client is not to be traced.
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

/// No span of this thread is recorded any more.
pub(crate) fn silence() {
    SILENT.with(|s| s.set(true));
}

/// Runs `create`, in which a root span is created that continues `parent`: how a server or consumer
/// takes up a trace that came with a message.
pub fn with_parent<T>(parent: Option<Context>, create: impl FnOnce() -> T) -> T {
    PARENT.with(|p| p.replace(parent));
    let made = create();
    PARENT.with(|p| p.replace(None));
    made
}

/// The layer. Spans and events of level INFO and above are recorded.
pub fn layer<S>() -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    Tracing.with_filter(tracing_subscriber::filter::LevelFilter::INFO)
}

struct Tracing;

/// What hangs on a `tracing` span: its context, and what is recorded when it is sampled.
struct Open {
    context: Context,
    span: Option<Box<Span>>,
}

impl<S> Layer<S> for Tracing
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, scope: Scope<'_, S>) {
        let Some(recorder) = RECORDER.get() else { return };
        let Some(here) = scope.span(id) else { return };
        if SILENT.try_with(Cell::get).unwrap_or(true) {
            return;
        }
        let above = here
            .parent()
            .and_then(|p| p.extensions().get::<Open>().map(|open| open.context.clone()));
        let above = above.or_else(|| PARENT.try_with(|p| p.borrow_mut().take()).ok().flatten());
        let (trace_id, sampled, trace_state) = match &above {
            // Below a span of this process everything is decided.
            Some(p) if !p.remote => (p.trace_id, p.sampled, p.trace_state.clone()),
            _ => {
                let trace_id = above.as_ref().map_or_else(crate::id::trace, |p| p.trace_id);
                let (sampled, state) = recorder.sampler.decide(trace_id, above.as_ref());
                (trace_id, sampled, state)
            }
        };
        let context =
            Context { trace_id, span_id: crate::id::span(), sampled, trace_state, remote: false };
        let span = sampled.then(|| {
            let metadata = attributes.metadata();
            let mut span = Box::new(Span {
                context: context.clone(),
                parent: above.as_ref().map(|p| p.span_id),
                parent_is_remote: above.as_ref().is_some_and(|p| p.remote),
                name: Cow::Borrowed(metadata.name()),
                kind: Kind::default(),
                start: now(),
                end: 0,
                attributes: Vec::new(),
                dropped_attributes: 0,
                events: Vec::new(),
                dropped_events: 0,
                status: Status::Unset,
            });
            attributes.record(&mut Fields { span: &mut span, limits: &recorder.limits });
            if let (Some(file), Some(line)) = (metadata.file(), metadata.line()) {
                let limits = &recorder.limits;
                span.set("code.file.path", Value::Text(Cow::Borrowed(file)), limits);
                span.set("code.line.number", Value::Int(i64::from(line)), limits);
            }
            span
        });
        here.extensions_mut().replace(Open { context, span });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, scope: Scope<'_, S>) {
        let Some(recorder) = RECORDER.get() else { return };
        let Some(here) = scope.span(id) else { return };
        if let Some(span) = here.extensions_mut().get_mut::<Open>().and_then(|o| o.span.as_mut()) {
            values.record(&mut Fields { span, limits: &recorder.limits });
        }
    }

    fn on_event(&self, event: &tracing::Event<'_>, scope: Scope<'_, S>) {
        let Some(recorder) = RECORDER.get() else { return };
        let Some(here) = scope.event_span(event) else { return };
        let mut extensions = here.extensions_mut();
        let Some(span) = extensions.get_mut::<Open>().and_then(|o| o.span.as_mut()) else { return };
        let mut found = Happening::default();
        event.record(&mut found);
        let error = *event.metadata().level() == Level::ERROR;
        if error && !found.fields.iter().any(|(k, _)| *k == "exception.type") {
            let kind = found.fields.iter().find(|(k, _)| *k == "error.type");
            let kind = kind.map_or(Value::Text(Cow::Borrowed("error")), |(_, v)| v.clone());
            found.fields.push(("exception.type", kind));
        }
        if error && span.status == Status::Unset {
            span.status = Status::Error(found.message.clone());
        }
        if error
            && !found.message.is_empty()
            && !found.fields.iter().any(|(k, _)| *k == "exception.message")
        {
            let text = Value::Text(Cow::Owned(found.message.clone()));
            found.fields.push(("exception.message", text));
        }
        let name = match (error, found.message.is_empty()) {
            (true, _) => Cow::Borrowed("exception"),
            (false, true) => Cow::Borrowed(event.metadata().name()),
            (false, false) => Cow::Owned(found.message),
        };
        found.fields.truncate(recorder.limits.attributes);
        span.push(Event { at: now(), name, attributes: found.fields }, &recorder.limits);
    }

    fn on_enter(&self, id: &Id, scope: Scope<'_, S>) {
        if let Some(here) = scope.span(id)
            && let Some(open) = here.extensions().get::<Open>()
        {
            context::enter(id.into_u64(), open.context.clone());
        }
    }

    fn on_exit(&self, id: &Id, _: Scope<'_, S>) {
        context::exit(id.into_u64());
    }

    fn on_close(&self, id: Id, scope: Scope<'_, S>) {
        let Some(recorder) = RECORDER.get() else { return };
        let Some(here) = scope.span(&id) else { return };
        let open = here.extensions_mut().remove::<Open>();
        if let Some(mut span) = open.and_then(|o| o.span) {
            span.end = now().max(span.start);
            recorder.queue.push(*span);
        }
    }
}

/// Writes a span's fields into it; the `otel.*` ones say what it is.
struct Fields<'a> {
    span: &'a mut Span,
    limits: &'a SpanLimits,
}

impl Fields<'_> {
    fn text(&mut self, field: &Field, text: Cow<'static, str>) {
        match field.name() {
            "otel.name" => self.span.name = text,
            "otel.kind" => self.span.kind = Kind::named(&text).unwrap_or_default(),
            "otel.status_code" => {
                self.span.status = match text.to_ascii_lowercase().as_str() {
                    "ok" => Status::Ok,
                    "error" => match std::mem::take(&mut self.span.status) {
                        Status::Error(told) => Status::Error(told),
                        Status::Unset | Status::Ok => Status::Error(String::new()),
                    },
                    _ => Status::Unset,
                };
            }
            "otel.status_description" => self.span.status = Status::Error(text.into_owned()),
            name => self.span.set(name, Value::Text(text), self.limits),
        }
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, Cow::Owned(value.to_owned()));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.span.set(field.name(), Value::Int(value), self.limits);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        self.span.set(field.name(), Value::Int(value), self.limits);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.span.set(field.name(), Value::Float(value), self.limits);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.span.set(field.name(), Value::Bool(value), self.limits);
    }
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.text(field, Cow::Owned(format!("{value:?}")));
    }
}

/// An event's message and fields.
#[derive(Default)]
struct Happening {
    message: String,
    fields: Vec<(&'static str, Value)>,
}

impl Visit for Happening {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = value.to_owned(),
            name => self.fields.push((name, Value::Text(Cow::Owned(value.to_owned())))),
        }
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.push((field.name(), Value::Int(value)));
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.fields.push((field.name(), Value::Int(i64::try_from(value).unwrap_or(i64::MAX))));
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.fields.push((field.name(), Value::Float(value)));
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.fields.push((field.name(), Value::Bool(value)));
    }
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
