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
use std::sync::Arc;

/// A span that is not anybody's current one. It ends when it is dropped, on whatever thread that is.
#[derive(Debug)]
#[must_use = "a span ends when it is dropped: bind it to a name, not to _"]
pub struct Span {
    state: State,
}

#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // the large one is the one that is there to be fast
enum State {
    /// Nothing is recorded, and nothing of it is anybody's parent.
    Off,
    /// The root of a trace that is not recorded: its context travels.
    Silent(Scope),
    Open(Open),
}

#[derive(Debug)]
struct Open {
    place: Place,
    parent: u64,
    start: u64,
    site: u32,
    /// Further flags of its record.
    flags: u32,
    text: Option<Arc<str>>,
    body: Body,
}

const OFF: Span = Span { state: State::Off };

/// What a thread's flags are below a recorded span with nothing unusual about it.
const CHILD: u32 = flag::SAMPLED | flag::PRESENT;
const ASKED: u32 = CHILD | flag::REMOTE | flag::TEXT;

#[inline(always)]
fn child(local: &Local, site: &'static Site) -> Open {
    let above = local.place();
    let span = local.next_span();
    local.span.set(span);
    Open {
        place: Place { span, ..above },
        parent: above.span,
        site: site.id(),
        flags: 0,
        text: None,
        body: Body::EMPTY,
        start: crate::clock::ticks(),
    }
}

/// A span below `parent`: where that is local all is decided, else the sampler is asked. `own` is the rate
/// that the operation has of its own.
fn below(local: &Local, site: &'static Site, parent: Option<&Scope>, own: u64) -> State {
    local.seed();
    let above = parent.map(|p| p.place).unwrap_or_default();
    let known = above.flags & flag::PRESENT != 0;
    let remote = above.flags & flag::REMOTE != 0;
    let mut flags = above.flags & flag::INHERITED;
    let mut text = parent.and_then(|p| p.text.clone());
    let mut trace = above.trace;
    if !known || remote {
        if !crate::state::active() {
            return State::Off;
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
    if flags & flag::SAMPLED == 0 {
        return State::Silent(Scope { place, text });
    }
    State::Open(Open {
        place,
        parent: above.span,
        site: site.id(),
        flags: above.flags & flag::REMOTE,
        text,
        body: Body::EMPTY,
        start: crate::clock::ticks(),
    })
}

impl Span {
    /// A span below `parent` with a rate of its own, for the `tracing` layer.
    pub(crate) fn below(site: &'static Site, parent: Option<&Scope>, own: u64) -> Self {
        Self { state: local::with(|local| below(local, site, parent, own)) }
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
    #[doc(hidden)]
    #[inline(always)]
    pub fn fresh(&mut self) -> Option<&mut Body> {
        match &mut self.state {
            State::Open(open) => Some(&mut open.body),
            State::Off | State::Silent(_) => None,
        }
    }

    fn later(&mut self) -> Option<&mut Body> {
        let open = self.open()?;
        open.flags |= flag::LATER;
        Some(&mut open.body)
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
        if let Some(open) = self.open()
            && open.body.event(now, name, attributes.len())
        {
            for (key, value) in attributes {
                value.record(Key::Text(key), &mut open.body);
            }
        }
    }

    /// Links it to another span, such as that of a message in a batch.
    pub fn link(&mut self, to: &Context) {
        if let Some(open) = self.open() {
            let (trace, span) = (u128::from_be_bytes(to.trace_id), u64::from_be_bytes(to.span_id));
            open.body.link(trace, span, to.sampled);
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
                open.body.told(tag::STATUS, why);
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
        match &self.state {
            State::Off => None,
            State::Silent(scope) => Some(scope.clone()),
            State::Open(open) => Some(Scope { place: open.place, text: open.text.clone() }),
        }
    }

    /// Makes it the current span of this thread.
    pub fn enter(self) -> Entered {
        let before = self.scope().map(|scope| local::with(|local| local.enter(scope)));
        Entered { span: self, before, local: PhantomData }
    }

    #[inline(always)]
    fn finish(&mut self, local: &Local) {
        if let State::Open(open) = &mut self.state {
            open.finish(local);
        }
        self.state = State::Off;
    }
}

impl Open {
    #[inline(always)]
    fn finish(&mut self, local: &Local) {
        // Never before it began, even where two processors' counters are a tick apart.
        let end = crate::clock::ticks().max(self.start);
        if std::thread::panicking() {
            self.unwinding();
        }
        if let Some(text) = self.text.take() {
            self.body.told(tag::STATE, &text);
        }
        let done = Done {
            site: self.site,
            // Whether its own context came from elsewhere is no question; whether its parent did, is.
            flags: self.place.flags & !flag::REMOTE | self.flags,
            trace: self.place.trace,
            span: self.place.span,
            parent: self.parent,
            start: self.start,
            end,
        };
        local.write(&done, &mut self.body);
    }

    /// It ends since its thread panics.
    #[cold]
    fn unwinding(&mut self) {
        if self.flags & (flag::OK | flag::ERROR) == 0 {
            self.flags |= flag::ERROR;
            self.body.told(tag::STATUS, "panicked");
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
    /// Where the thread was, when that was not simply the span's parent.
    before: Option<Scope>,
    local: PhantomData<*const ()>,
}

impl Entered {
    #[inline(always)]
    fn off() -> Self {
        Self { span: OFF, before: None, local: PhantomData }
    }

    /// Begins a span below the thread's current one, and enters it.
    #[doc(hidden)]
    #[inline(always)]
    pub fn begin(site: &'static Site) -> Self {
        if cfg!(feature = "off") {
            return Self::off();
        }
        let flags = local::with(|local| local.flags.get()) & ASKED;
        if flags == CHILD {
            Self::child(site)
        } else if flags & (flag::PRESENT | flag::SAMPLED | flag::REMOTE) == flag::PRESENT {
            Self::off()
        } else {
            Self::rare(site)
        }
    }

    #[inline(never)]
    fn child(site: &'static Site) -> Self {
        let open = local::with(|local| child(local, site));
        Self { span: Span { state: State::Open(open) }, before: None, local: PhantomData }
    }

    /// A root, or a child of what is not quite usual.
    #[inline(never)]
    fn rare(site: &'static Site) -> Self {
        let scope = local::with(Local::scope);
        let own = if scope.place.flags & flag::PRESENT == 0 || scope.place.flags & flag::REMOTE != 0
        {
            site.rate()
        } else {
            NO_RATE
        };
        Span::below(site, Some(&scope), own).enter()
    }

    /// Begins a span below one that is named, wherever that is, and enters it.
    #[doc(hidden)]
    pub fn begin_below(site: &'static Site, parent: &Context) -> Self {
        if cfg!(feature = "off") {
            return Self::off();
        }
        Span::below(site, Some(&parent.scope()), site.rate()).enter()
    }

    /// The thread's current span is again what it was before; this one lives on, to be dropped or entered
    /// anywhere.
    pub fn detach(mut self) -> Span {
        self.leave();
        std::mem::replace(&mut self.span, OFF)
    }

    /// Back to where the thread was.
    #[inline(always)]
    fn leave(&mut self) {
        let (span, parent, place) = match &self.span.state {
            State::Off => return,
            State::Silent(scope) => (scope.place.span, 0, scope.place),
            State::Open(open) => (open.place.span, open.parent, open.place),
        };
        local::with(|local| match self.before.take() {
            Some(before) => local.leave(span, before),
            None if local.leave_child(span, parent) => {}
            None => Self::leave_apart(local, &self.span, Place { span: parent, ..place }),
        });
    }

    /// A child that does not end as the innermost.
    #[cold]
    fn leave_apart(local: &Local, span: &Span, before: Place) {
        if let State::Open(open) = &span.state {
            local.leave(open.place.span, Scope { place: before, text: open.text.clone() });
        }
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
