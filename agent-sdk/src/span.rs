//! Spans: begun at a call site, written into the thread's ring when they end.
//!
//! A [`Span`] is on nobody's stack and may go to another thread; an [`Entered`] one is the current span of
//! its thread until it is dropped. Both are written by whichever thread ends them. How futures carry
//! spans is `span/carried`; the macro is `span/macros`.

pub(crate) mod carried;
mod macros;

use crate::context::Context;
use crate::local::{self, Done, Local, Place, Scope};
use crate::record::body::{Body, Key};
use crate::record::{flag, tag};
use crate::site::{Kind, NO_RATE, Site};
use crate::value::{Value, formatted};
use std::marker::PhantomData;

/// A span that is not anybody's current one. It ends when it is dropped, on whatever thread that is.
#[derive(Debug)]
#[must_use = "a span ends when it is dropped: bind it to a name, not to _"]
pub struct Span {
    state: State,
    body: Body,
}

/// Plain data: there is nothing in it to drop.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::large_enum_variant)] // the large one is the one that is there to be fast
enum State {
    /// Nothing is recorded, and nothing of it is anybody's parent.
    Off,
    /// The root of a trace that is not recorded: its context travels.
    Silent(Place),
    Open(Open),
}

#[derive(Clone, Copy, Debug)]
struct Open {
    place: Place,
    parent: u64,
    start: u64,
    site: u32,
    /// Further flags of its record.
    flags: u32,
}

const OFF: Span = Span { state: State::Off, body: Body::EMPTY };

/// What a thread's flags are below a recorded span with nothing unusual about it.
const CHILD: u32 = flag::SAMPLED | flag::PRESENT;
const ASKED: u32 = CHILD | flag::REMOTE | flag::TEXT;

/// A span below `parent`: where that is local all is decided, else the sampler is asked. `own` is the rate
/// that the operation has of its own.
fn below(local: &Local, site: &'static Site, parent: Option<&Scope>, own: u64, body: Body) -> Span {
    let mut span = Span { state: State::Off, body };
    local.seed();
    let above = parent.map(|p| p.place).unwrap_or_default();
    let known = above.flags & flag::PRESENT != 0;
    let remote = above.flags & flag::REMOTE != 0;
    let mut flags = above.flags & flag::INHERITED;
    let mut text = parent.and_then(|p| p.text.clone());
    let mut trace = above.trace;
    if !known || remote {
        if !crate::state::active() {
            return span;
        }
        if !known {
            trace = local.next_trace();
        }
        let sampled = above.flags & flag::SAMPLED != 0;
        let verdict = crate::sampler::decide(trace, known.then_some(sampled), own);
        flags = flag::PRESENT | flags & !flag::SAMPLED | u32::from(verdict.sampled);
        if verdict.state > 0 {
            match &text {
                Some(was) => text = Some(crate::sampler::states::before(verdict.state, was).into()),
                None => {
                    flags = flags & !flag::STATE | verdict.state << flag::STATE.trailing_zeros()
                }
            }
        }
    }
    let place = Place { trace, span: local.next_span(), flags };
    if let Some(text) = text {
        span.body.rare().text = Some(text);
    }
    span.state = if flags & flag::SAMPLED == 0 {
        State::Silent(place)
    } else {
        State::Open(Open {
            place,
            parent: above.span,
            site: site.id(),
            flags: above.flags & flag::REMOTE,
            start: crate::clock::ticks(),
        })
    };
    span
}

impl Span {
    /// A span below `parent` with a rate of its own, for the `tracing` layer.
    pub(crate) fn below(site: &'static Site, parent: Option<&Scope>, own: u64) -> Self {
        local::with(|local| below(local, site, parent, own, Body::MOVING))
    }

    /// Whether it will be written. If not, nothing that is said about it is kept.
    #[inline(always)]
    pub fn is_recording(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    fn open(&mut self) -> Option<&mut Open> {
        match &mut self.state {
            State::Open(open) => Some(open),
            State::Off | State::Silent(_) => None,
        }
    }

    /// The body of a span that was made just now.
    #[inline(always)]
    pub(crate) fn fresh(&mut self) -> Option<&mut Body> {
        match self.state {
            State::Open(_) => Some(&mut self.body),
            State::Off | State::Silent(_) => None,
        }
    }

    fn later(&mut self) -> Option<&mut Body> {
        self.open()?.flags |= flag::LATER;
        Some(&mut self.body)
    }

    /// Sets an attribute. The last value of a key stays.
    pub fn set(&mut self, key: &str, value: impl Value) {
        if let Some(body) = self.later() {
            value.record(Key::Text(key), body);
        }
    }

    /// Sets an attribute by its place in the call site's list.
    pub(crate) fn set_at(&mut self, index: u32, value: impl Value) {
        if let Some(body) = self.later() {
            value.record(Key::Index(index), body);
        }
    }

    /// Adds an event.
    pub fn event(&mut self, name: &str, attributes: &[(&str, &dyn Value)]) {
        let now = crate::clock::ticks();
        if self.is_recording() && self.body.event(now, name, attributes.len()) {
            for (key, value) in attributes {
                value.record(Key::Text(key), &mut self.body);
            }
        }
    }

    /// Links it to another span, such as that of a message in a batch.
    pub fn link(&mut self, to: &Context) {
        if self.is_recording() {
            let (trace, span) = (u128::from_be_bytes(to.trace_id), u64::from_be_bytes(to.span_id));
            self.body.link(trace, span, to.sampled);
        }
    }

    /// Says that it went well: the last word about its status.
    pub fn ok(&mut self) {
        if let Some(open) = self.open() {
            open.flags = open.flags & !flag::ERROR | flag::OK;
        }
    }

    /// Says that it failed, and why.
    pub fn fail(&mut self, why: &str) {
        if let Some(open) = self.open()
            && open.flags & flag::OK == 0
        {
            open.flags |= flag::ERROR;
            if !why.is_empty() {
                self.body.told(tag::STATUS, why);
            }
        }
    }

    /// Records an error as the `exception` event of the conventions; the span failed by it.
    pub fn error<E: std::error::Error + ?Sized>(&mut self, error: &E) {
        if self.is_recording() {
            formatted(format_args!("{error}"), |message| {
                let kind = std::any::type_name::<E>();
                let kind = if kind.starts_with("dyn ") { "error" } else { kind };
                self.event(
                    "exception",
                    &[("exception.type", &kind), ("exception.message", &message)],
                );
                self.fail(message);
            });
        }
    }

    /// Gives it another name.
    pub fn rename(&mut self, name: &str) {
        if let Some(body) = self.later() {
            body.told(tag::NAME, name);
        }
    }

    /// Gives it another kind.
    pub fn set_kind(&mut self, kind: Kind) {
        if let Some(body) = self.later() {
            body.kind(kind as u32);
        }
    }

    /// Takes back what was said about its status.
    pub(crate) fn clear_status(&mut self) {
        if let Some(open) = self.open() {
            open.flags &= !(flag::OK | flag::ERROR);
        }
    }

    /// Whether it was said to have failed or to have gone well.
    pub(crate) fn has_status(&self) -> bool {
        matches!(&self.state, State::Open(open) if open.flags & (flag::OK | flag::ERROR) != 0)
    }

    /// Its place in its trace, for what goes to other threads and processes. `None` when there is no trace
    /// that it is the parent of anything in: see [`current`](crate::current) then.
    pub fn context(&self) -> Option<Context> {
        self.scope().map(|scope| Context::of(&scope))
    }

    /// The place that its children find.
    pub(crate) fn scope(&self) -> Option<Scope> {
        let place = match self.state {
            State::Off => return None,
            State::Silent(place) => place,
            State::Open(open) => open.place,
        };
        Some(Scope { place, text: self.body.text().cloned() })
    }

    /// Makes it the current span of this thread.
    pub fn enter(mut self) -> Entered {
        let before = self.scope().map(|scope| local::with(|local| local.enter(scope)));
        // Most roots begin where there is nothing, and that need not be remembered.
        let root = before.as_ref().is_some_and(|b| b.place.flags == 0);
        if let Some(before) = before.filter(|_| !root) {
            self.body.rare().before = Some(before);
        }
        Entered { span: self, root, local: PhantomData }
    }

    /// Writes it; it is off from then on.
    #[inline(always)]
    fn finish(&mut self, local: &Local) {
        let State::Open(mut open) = self.state else {
            self.state = State::Off;
            return self.body.release(local);
        };
        self.state = State::Off;
        // Never before it began, even where two processors' counters are a tick apart.
        let end = crate::clock::ticks().max(open.start);
        if std::thread::panicking() {
            self.unwinding(&mut open);
        }
        if open.place.flags & flag::TEXT != 0 {
            self.tell_state();
        }
        let done = Done {
            site: open.site,
            // Whether its own context came from elsewhere is no question; whether its parent did, is.
            flags: open.place.flags & !flag::REMOTE | open.flags,
            trace: open.place.trace,
            span: open.place.span,
            parent: open.parent,
            start: open.start,
            end,
        };
        local.write(&done, &mut self.body);
    }

    /// It ends since its thread panics.
    #[cold]
    fn unwinding(&mut self, open: &mut Open) {
        if open.flags & (flag::OK | flag::ERROR) == 0 {
            open.flags |= flag::ERROR;
            self.body.told(tag::STATUS, "panicked");
        }
    }

    #[cold]
    fn tell_state(&mut self) {
        if let Some(text) = self.body.text().cloned() {
            self.body.told(tag::STATE, &text);
        }
    }
}

impl Drop for Span {
    #[inline(always)]
    fn drop(&mut self) {
        if let State::Open(_) = self.state {
            finish_apart(self);
        }
    }
}

#[inline(never)]
fn finish_apart(span: &mut Span) {
    local::with(|local| span.finish(local));
}

/// A span that is the current one of its thread: spans that are begun meanwhile are its children. Dropping
/// it ends it. It cannot leave its thread; [`Entered::detach`] gives back one that can.
#[derive(Debug)]
#[must_use = "a span ends when it is dropped: bind it to a name, not to _"]
pub struct Entered {
    span: Span,
    /// The thread was in no trace before.
    root: bool,
    local: PhantomData<*const ()>,
}

impl Entered {
    #[inline(always)]
    fn off() -> Self {
        Self { span: OFF, root: false, local: PhantomData }
    }

    /// Begins a span below the thread's current one, and enters it.
    #[doc(hidden)]
    #[inline(always)]
    pub fn begin(site: &'static Site, fill: impl FnOnce(&mut Body)) -> Self {
        if cfg!(feature = "off") {
            return Self::off();
        }
        let flags = local::with(Local::flags) & ASKED;
        if flags == CHILD {
            Self::child(site, fill)
        } else if flags & (flag::PRESENT | flag::SAMPLED | flag::REMOTE) == flag::PRESENT {
            Self::off()
        } else {
            Self::rare(site, fill)
        }
    }

    #[inline(never)]
    fn child(site: &'static Site, fill: impl FnOnce(&mut Body)) -> Self {
        let (above, span) = local::with(|local| {
            let above = local.place();
            let span = local.next_span();
            local.go_on(span);
            (above, span)
        });
        let open = Open {
            place: Place { span, ..above },
            parent: above.span,
            site: site.id(),
            flags: 0,
            start: crate::clock::ticks(),
        };
        let mut entered = Self {
            span: Span { state: State::Open(open), body: Body::EMPTY },
            root: false,
            local: PhantomData,
        };
        fill(&mut entered.span.body);
        entered
    }

    /// A root, or a child of what is not quite usual.
    #[inline(never)]
    fn rare(site: &'static Site, fill: impl FnOnce(&mut Body)) -> Self {
        let scope = local::with(Local::scope);
        let own = if scope.place.flags & flag::PRESENT == 0 || scope.place.flags & flag::REMOTE != 0
        {
            site.rate()
        } else {
            NO_RATE
        };
        Self::placed(site, &scope, own, fill)
    }

    fn placed(site: &'static Site, parent: &Scope, own: u64, fill: impl FnOnce(&mut Body)) -> Self {
        let span = local::with(|local| {
            local.prepare();
            below(local, site, Some(parent), own, Body::EMPTY)
        });
        let mut entered = span.enter();
        if let Some(body) = entered.fresh() {
            fill(body);
        }
        entered
    }

    /// Begins a span below one that is named, wherever that is, and enters it.
    #[doc(hidden)]
    pub fn begin_below(
        site: &'static Site,
        parent: &Context,
        fill: impl FnOnce(&mut Body),
    ) -> Self {
        if cfg!(feature = "off") {
            return Self::off();
        }
        Self::placed(site, &parent.scope(), site.rate(), fill)
    }

    /// The thread's current span is again what it was before; this one lives on, to be dropped or entered
    /// anywhere.
    pub fn detach(mut self) -> Span {
        self.leave();
        local::with(|local| self.span.body.lift(local));
        std::mem::replace(&mut self.span, OFF)
    }

    /// Back to where the thread was.
    #[inline(always)]
    fn leave(&mut self) {
        let (place, parent) = match self.span.state {
            State::Off => return,
            State::Silent(place) => (place, 0),
            State::Open(open) => (open.place, open.parent),
        };
        local::with(|local| {
            if self.root {
                local.leave(place.span, Scope::default());
            } else if self.span.body.is_rare() || !local.leave_child(place.span, parent) {
                self.leave_apart(local, place, parent);
            }
        });
    }

    /// It began in another place than below the span that was current, or does not end as the innermost.
    #[cold]
    fn leave_apart(&mut self, local: &Local, place: Place, parent: u64) {
        let above = || Place { span: parent, ..place };
        let text = self.span.body.text().cloned();
        let before = self.span.body.before().unwrap_or_else(|| Scope { place: above(), text });
        local.leave(place.span, before);
    }

    #[inline(never)]
    fn end(&mut self) {
        self.leave();
        local::with(|local| self.span.finish(local));
    }
}

impl Drop for Entered {
    #[inline(always)]
    fn drop(&mut self) {
        if !matches!(self.span.state, State::Off) {
            self.end();
        }
    }
}

impl std::ops::Deref for Entered {
    type Target = Span;
    #[inline(always)]
    fn deref(&self) -> &Span {
        &self.span
    }
}

impl std::ops::DerefMut for Entered {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Span {
        &mut self.span
    }
}
