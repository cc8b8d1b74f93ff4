//! `tracing` spans become spans of a trace, on the same road as our own. Their fields are read by `layer/visit`.

mod visit;

use crate::context::Context;
use crate::local::{self, Local, Scope};
use crate::record::flag;
use crate::sampler::rates;
use crate::site::{NO_RATE, Site};
use crate::span::Span;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context as Around;
use tracing_subscriber::registry::LookupSpan;
use visit::{Fields, Happening, Name};

thread_local! {
    /// The parent of the next root that is created on this thread.
    static PARENT: RefCell<Option<Context>> = const { RefCell::new(None) };
    /// Spans entered on this thread, and where the thread was before each.
    static ENTERED: RefCell<Vec<(u64, Scope)>> = const { RefCell::new(Vec::new()) };
}

/// Runs `create`, in which a root span is created that continues `parent`: how a server or consumer
/// takes up a trace that came with a message.
pub fn with_parent<T>(parent: Option<Context>, create: impl FnOnce() -> T) -> T {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            let _ = PARENT.try_with(|p| p.replace(None));
        }
    }
    PARENT.with(|p| p.replace(parent));
    let _reset = Reset;
    create()
}

/// The layer. Spans and events of level INFO and above are recorded.
pub fn layer<S>() -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    Tracing.with_filter(tracing_subscriber::filter::LevelFilter::INFO)
}

struct Tracing;

/// The call site of a `tracing` span, found again by the address of its metadata.
fn site(metadata: &'static Metadata<'static>) -> &'static Site {
    static SITES: RwLock<Option<HashMap<usize, &'static Site>>> = RwLock::new(None);
    thread_local! {
        /// The last few: one look instead of a lock.
        static LAST: [Cell<(usize, Option<&'static Site>)>; 64] =
            const { [const { Cell::new((0, None)) }; 64] };
    }
    let address = std::ptr::from_ref(metadata).addr();
    let slot = (address >> 4) % 64;
    let last = LAST.with(|last| last[slot].get());
    if let (at, Some(site)) = last
        && at == address
    {
        return site;
    }
    let known = SITES
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .as_ref()
        .and_then(|s| s.get(&address).copied());
    let site = known.unwrap_or_else(|| {
        let mut sites = SITES.write().unwrap_or_else(PoisonError::into_inner);
        *sites.get_or_insert_default().entry(address).or_insert_with(|| {
            let keys: Vec<&'static str> = metadata.fields().iter().map(|f| f.name()).collect();
            Site::foreign(metadata.name(), metadata.file().zip(metadata.line()), keys.leak())
        })
    });
    LAST.with(|last| last[slot].set((address, Some(site))));
    site
}

/// Whether a place is within a trace, or is to be silent.
fn present(scope: &Scope) -> bool {
    scope.place.flags & flag::PRESENT != 0
}

/// What is above a span that is created: the thread's place, a span that is named, or what
/// [`with_parent`] says.
fn above<S>(attributes: &Attributes<'_>, around: &Around<'_, S>) -> Option<Scope>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let here = local::with(Local::scope);
    if here.place.trace == 0 && present(&here) {
        // A thread of the SDK's own.
        return Some(here);
    }
    let named = match attributes.parent() {
        Some(id) => around
            .span(id)
            .and_then(|s| s.scope().find_map(|s| s.extensions().get::<Span>()?.scope())),
        None if attributes.is_contextual() => Some(here).filter(present),
        None => None,
    };
    let given = || PARENT.try_with(|p| p.borrow_mut().take()).ok().flatten();
    named.or_else(|| given().map(|parent| parent.scope()))
}

impl<S> Layer<S> for Tracing
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, around: Around<'_, S>) {
        if cfg!(feature = "off") || !crate::state::active() {
            return;
        }
        let Some(here) = around.span(id) else { return };
        let above = above(attributes, &around);
        let begins = above.as_ref().is_none_or(|a| a.place.flags & flag::REMOTE != 0);
        let own = if begins && rates::any() { rate(attributes) } else { NO_RATE };
        let mut span = Span::below(site(attributes.metadata()), above.as_ref(), own);
        if span.is_recording() {
            attributes.record(&mut Fields { span: &mut span, fresh: true });
        }
        here.extensions_mut().replace(span);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, around: Around<'_, S>) {
        let Some(here) = around.span(id) else { return };
        if let Some(span) = here.extensions_mut().get_mut::<Span>()
            && span.is_recording()
        {
            values.record(&mut Fields { span, fresh: false });
        }
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, around: Around<'_, S>) {
        let of = |id| around.span(id).and_then(|s| s.extensions().get::<Span>()?.context());
        if let (Some(link), Some(here)) = (of(follows), around.span(id))
            && let Some(span) = here.extensions_mut().get_mut::<Span>()
        {
            span.link(&link);
        }
    }

    fn on_event(&self, event: &tracing::Event<'_>, around: Around<'_, S>) {
        let Some(here) = around.event_span(event) else { return };
        let recorded = |span: &Span| span.is_recording();
        if !here.extensions().get::<Span>().is_some_and(recorded) {
            return;
        }
        // Read first, lock then: a value's Debug may itself use tracing.
        let mut found = Happening::default();
        event.record(&mut found);
        if let Some(span) = here.extensions_mut().get_mut::<Span>() {
            found.tell(span, event.metadata().name(), *event.metadata().level() == Level::ERROR);
        }
    }

    fn on_enter(&self, id: &Id, around: Around<'_, S>) {
        let scope = around.span(id).and_then(|here| here.extensions().get::<Span>()?.scope());
        if let Some(scope) = scope {
            let before = local::with(|local| local.enter(scope));
            let _ = ENTERED
                .try_with(|e| e.try_borrow_mut().map(|mut e| e.push((id.into_u64(), before))));
        }
    }

    /// Guards may be dropped in any order: the innermost entry of that span goes, and whoever came after it is
    /// followed by what was before it.
    fn on_exit(&self, id: &Id, _: Around<'_, S>) {
        let before = ENTERED.try_with(|entered| {
            let mut entered = entered.try_borrow_mut().ok()?;
            let at = entered.iter().rposition(|(i, _)| *i == id.into_u64())?;
            let (_, before) = entered.remove(at);
            match entered.get_mut(at) {
                Some((_, next)) => {
                    *next = before;
                    None
                }
                None => Some(before),
            }
        });
        if let Some(before) = before.ok().flatten() {
            drop(local::with(|local| local.enter(before)));
        }
    }

    fn on_close(&self, id: Id, around: Around<'_, S>) {
        // Taken out under the registry's lock, written when it is free again.
        let span = around.span(&id).and_then(|here| here.extensions_mut().remove::<Span>());
        drop(span);
    }
}

/// The rate of the operation that begins: by `otel.name` where that is given.
fn rate(attributes: &Attributes<'_>) -> u64 {
    let mut name = Name(None);
    attributes.record(&mut name);
    let name = name.0.as_deref().unwrap_or(attributes.metadata().name());
    rates::of(name).unwrap_or(NO_RATE)
}
