//! The span that is a thread's current one: begun where a call site says, ended in the reverse order, nearly always.

use super::{CHILD, OFF, Open, Span, State, below};
use crate::context::Context;
use crate::local::{self, Local, Place, Scope};
use crate::record::body::Body;
use crate::record::flag;
use crate::site::{NO_RATE, Site};
use std::marker::PhantomData;

const ASKED: u32 = CHILD | flag::REMOTE | flag::TEXT;

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
    pub(super) fn of(span: Span, root: bool) -> Self {
        Self { span, root, local: PhantomData }
    }

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
        } else if flags == 0 {
            Self::root(site, fill)
        } else {
            Self::rare(site, fill)
        }
    }

    /// A root where there is no trace: nothing has to be kept for when it ends.
    #[inline(never)]
    fn root(site: &'static Site, fill: impl FnOnce(&mut Body)) -> Self {
        if !crate::state::active() {
            return Self::off();
        }
        let rate = site.rate();
        let place = local::with(|local| {
            local.prepare();
            let trace = local.next_trace();
            let verdict = crate::sampler::decide(trace, None, rate);
            let place = Place { trace, span: local.next_span(), flags: verdict.flags() };
            local.set(place);
            place
        });
        let mut entered = Self {
            span: Span { state: State::Silent(place), body: Body::EMPTY },
            root: true,
            local: PhantomData,
        };
        if place.flags & flag::SAMPLED != 0 {
            let start = crate::clock::ticks();
            let open = Open { place, parent: 0, site: site.id(), flags: 0, start };
            entered.span.state = State::Open(open);
            fill(&mut entered.span.body);
        }
        entered
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

    /// A child of what is not quite usual.
    #[inline(never)]
    fn rare(site: &'static Site, fill: impl FnOnce(&mut Body)) -> Self {
        let scope = local::with(Local::scope);
        let remote = scope.place.flags & flag::REMOTE != 0;
        let own = if remote { site.rate() } else { NO_RATE };
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
                if !local.leave_root(place.span) {
                    local.leave(place.span, Scope::default());
                }
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
