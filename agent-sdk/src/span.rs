//! Spans: begun at a call site, written into the thread's ring when they end.
//!
//! A [`Span`] is on nobody's stack and may go to another thread; an [`Entered`] one is the current span of
//! its thread until it is dropped. Both are written by whichever thread ends them. What is said about
//! one is `span/said`, how futures carry one `span/carried`; the macro is `span/macros`.

pub(crate) mod carried;
mod entered;
mod macros;
mod said;

pub use entered::Entered;

use crate::context::Context;
use crate::local::{self, Done, Local, Place, Scope};
use crate::record::body::Body;
use crate::record::{flag, tag};
use crate::site::Site;

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
        Entered::of(self, root)
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
