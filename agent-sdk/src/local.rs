//! What a thread knows: where in a trace it is, its generators of ids, its end of a ring.
//!
//! Plain cells with a constant beginning and nothing to drop: reaching them is one load relative to a
//! register. What needs dropping (the text of a foreign `tracestate`, the word that the thread has ended)
//! lies apart and is touched seldom. Spans themselves are `span`'s; how they are written is `local/write`.

mod ids;
mod write;

pub(crate) use write::Done;

use crate::record::flag;
use crate::ring::Writer;
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, compiler_fence};

/// Spans that ended before spans opened after them, of which a thread remembers what came before.
const EARLY: usize = 64;

/// A place in a trace, without the text of its state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) trace: u128,
    pub(crate) span: u64,
    /// See [`flag`].
    pub(crate) flags: u32,
}

/// A place and, with [`flag::TEXT`], its `tracestate`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) place: Place,
    pub(crate) text: Option<Arc<str>>,
}

/// A thread's own.
#[derive(Debug)]
pub(crate) struct Local {
    /// Where it is. Atomics, for a signal handler of this very thread may read them; on all common processors
    /// plain memory.
    trace: [AtomicU64; 2],
    span: AtomicU64,
    flags: AtomicU32,
    /// Spans that ended too early, see [`Local::leave`].
    early: Cell<u32>,
    /// Odd; 0 = the thread has made no id yet.
    counter: Cell<u64>,
    random: Cell<u64>,
    writer: Writer,
    /// Items of open spans; nothing while there is no ring.
    stack: Cell<&'static [AtomicU64]>,
    /// Words of it that are in use, and by how many spans.
    top: Cell<u32>,
    stacked: Cell<u32>,
}

thread_local! {
    static LOCAL: Local = const {
        Local {
            trace: [AtomicU64::new(0), AtomicU64::new(0)],
            span: AtomicU64::new(0),
            flags: AtomicU32::new(0),
            early: Cell::new(0),
            counter: Cell::new(0),
            random: Cell::new(0),
            writer: Writer::new(),
            stack: Cell::new(&[]),
            top: Cell::new(0),
            stacked: Cell::new(0),
        }
    };
    /// The current place's text, when it has one.
    static TEXT: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
    /// Spans that ended too early, and where the thread was before them.
    static ENDED: RefCell<Vec<(u64, Scope)>> = const { RefCell::new(Vec::new()) };
    /// Tells the ring when the thread ends.
    static LEAVING: Leaving = const { Leaving };
}

/// The thread's own, always there: it has nothing to drop.
#[inline(always)]
pub(crate) fn with<R>(f: impl FnOnce(&Local) -> R) -> R {
    LOCAL.with(f)
}

/// Whether the thread is in a trace that is recorded.
#[inline(always)]
pub(crate) fn sampled() -> bool {
    with(|local| local.flags() & flag::SAMPLED != 0)
}

impl Local {
    /// See [`flag`].
    #[inline(always)]
    pub(crate) fn flags(&self) -> u32 {
        self.flags.load(Ordering::Relaxed)
    }

    /// The thread goes on in another span of the same trace.
    #[inline(always)]
    pub(crate) fn go_on(&self, span: u64) {
        self.span.store(span, Ordering::Relaxed);
    }

    #[inline(always)]
    fn span(&self) -> u64 {
        self.span.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(crate) fn place(&self) -> Place {
        let [high, low] = [0, 1].map(|i| u128::from(self.trace[i].load(Ordering::Relaxed)));
        Place { trace: high << 64 | low, span: self.span(), flags: self.flags() }
    }

    /// Where the thread is.
    pub(crate) fn scope(&self) -> Scope {
        let place = self.place();
        let text = if place.flags & flag::TEXT != 0 {
            TEXT.try_with(|t| t.try_borrow().ok()?.clone()).ok().flatten()
        } else {
            None
        };
        Scope { place, text }
    }

    /// Goes to another place; gives back where it was.
    pub(crate) fn enter(&self, to: Scope) -> Scope {
        self.seed();
        let was = self.place();
        self.set(to.place);
        let text = if (was.flags | to.place.flags) & flag::TEXT != 0 {
            TEXT.try_with(|t| {
                t.try_borrow_mut().ok().and_then(|mut t| std::mem::replace(&mut *t, to.text))
            })
            .ok()
            .flatten()
        } else {
            None
        };
        Scope { place: was, text }
    }

    /// Goes to a place, from one; neither has a text of its state.
    #[inline(always)]
    pub(crate) fn set(&self, to: Place) {
        if cfg!(feature = "profile") {
            // A signal between the stores below must not find the trace of one place and the span of another.
            self.flags.store(0, Ordering::Relaxed);
            compiler_fence(Ordering::SeqCst);
        }
        self.trace[0].store((to.trace >> 64) as u64, Ordering::Relaxed);
        self.trace[1].store(to.trace as u64, Ordering::Relaxed);
        self.span.store(to.span, Ordering::Relaxed);
        if cfg!(feature = "profile") {
            compiler_fence(Ordering::SeqCst);
        }
        self.flags.store(to.flags, Ordering::Relaxed);
    }

    /// A span of this thread ended: back to where the thread was before it. When spans that were opened
    /// after it are still open, the thread stays with them, and remembers where to go when they end.
    pub(crate) fn leave(&self, span: u64, before: Scope) {
        if self.span() != span {
            let noted = ENDED.try_with(|ended| {
                let Ok(mut ended) = ended.try_borrow_mut() else { return 0 };
                if ended.len() >= EARLY {
                    ended.remove(0);
                }
                ended.push((span, before));
                ended.len() as u32
            });
            self.early.set(noted.unwrap_or(0));
            return;
        }
        let mut before = before;
        if self.early.get() > 0 {
            let _ = ENDED.try_with(|ended| {
                let Ok(mut ended) = ended.try_borrow_mut() else { return };
                while let Some(at) = ended.iter().position(|(id, _)| *id == before.place.span) {
                    before = ended.swap_remove(at).1;
                }
                if before.place.flags & flag::PRESENT == 0 {
                    // Out of every trace: nobody comes back to these.
                    ended.clear();
                }
                self.early.set(ended.len() as u32);
            });
        }
        drop(self.enter(before));
    }

    /// As [`Local::leave`] for a child whose parent is where the thread was: the common road.
    #[inline(always)]
    pub(crate) fn leave_child(&self, span: u64, parent: u64) -> bool {
        let straight = self.span() == span && self.early.get() == 0;
        if straight {
            self.go_on(parent);
        }
        straight
    }

    /// As [`Local::leave`] for a root that began where there was nothing.
    #[inline(always)]
    pub(crate) fn leave_root(&self, span: u64) -> bool {
        let straight =
            self.span() == span && self.early.get() == 0 && self.flags() & flag::TEXT == 0;
        if straight {
            self.set(Place::default());
        }
        straight
    }

    /// No span of this thread is recorded any more: it is the SDK's own.
    pub(crate) fn silence(&self) {
        self.set(Place { trace: 0, span: 0, flags: flag::PRESENT });
    }
}

/// Dropped when the thread ends.
#[derive(Debug)]
struct Leaving;

impl Drop for Leaving {
    fn drop(&mut self) {
        if let Some(ring) = with(Local::release) {
            ring.leave();
        }
    }
}

/// Called in a new process after a fork, on its only thread: ids must not repeat the parent's, and nobody
/// drains this thread's ring here.
#[cfg(unix)]
pub(crate) extern "C" fn forked() {
    crate::state::set_forked();
    with(|local| {
        local.reseed();
        local.release();
    });
}
