//! The items of a thread's open spans, one behind the other in a stack, and finished spans into the thread's ring.

use super::{LEAVING, Local};
use crate::record::body::Body;
use crate::record::{self, HEAD};
use crate::ring::Ring;
use crate::ring::registry;
use std::sync::atomic::{AtomicU64, Ordering};

impl Local {
    /// Room for `room` more words of the span that has `words` of them at `at`, of which it takes `n`; `None` when it is
    /// not the topmost or the stack is full.
    #[inline(always)]
    pub(crate) fn push(
        &self,
        at: &mut u32,
        words: &mut u32,
        n: usize,
        room: usize,
    ) -> Option<&'static [AtomicU64]> {
        let top = self.top.get();
        let room = self.stack.get().get(top as usize..)?.get(..room)?;
        if *words == 0 {
            *at = top;
            self.stacked.set(self.stacked.get() + 1);
        } else if *at + *words != top {
            return None;
        }
        *words += n as u32;
        self.top.set(top + n as u32);
        Some(room)
    }

    /// The words of a span in the stack.
    #[inline(always)]
    pub(crate) fn stack(&self, at: usize, words: usize) -> &'static [AtomicU64] {
        self.stack.get().get(at..at + words).unwrap_or(&[])
    }

    /// Gives back a span's words. Not the topmost: they stay in use until nobody has any.
    #[inline(always)]
    pub(crate) fn pop(&self, at: u32, words: u32) {
        let left = self.stacked.get().saturating_sub(1);
        self.stacked.set(left);
        if left == 0 {
            self.top.set(0);
        } else if at + words == self.top.get() {
            self.top.set(at);
        }
    }

    /// Takes a ring, when the thread has none, before its first span.
    #[inline(always)]
    pub(crate) fn prepare(&self) {
        if !self.writer.ready() {
            self.claim();
        }
    }

    /// Writes a finished span into the thread's ring.
    #[inline(always)]
    pub(crate) fn write(&self, done: &Done, body: &mut Body) {
        if !self.writer.ready() && !self.claim() {
            registry::without();
        } else if let Some((at, words)) = body.stacked() {
            let words = self.stack(at as usize, words as usize);
            self.copy(done, words.len(), |to| {
                // Four at a time: the compiler does not do that with atomics.
                let ((to, to_rest), (from, rest)) = (to.as_chunks::<4>(), words.as_chunks::<4>());
                for (to, from) in to.iter().zip(from) {
                    (0..4).for_each(|i| move_word(&to[i], &from[i]));
                }
                to_rest.iter().zip(rest).for_each(|(to, from)| move_word(to, from));
            });
        } else {
            self.copy_own(done, body.own());
        }
        body.release(self);
    }

    #[cold]
    #[inline(never)]
    fn copy_own(&self, done: &Done, words: &[u64]) {
        self.copy(done, words.len(), |to| {
            for (word, from) in to.iter().zip(words) {
                word.store(*from, Ordering::Relaxed);
            }
        });
    }

    #[inline(always)]
    fn copy(&self, done: &Done, words: usize, items: impl FnOnce(&[AtomicU64])) {
        let length = HEAD + words;
        self.writer.write(length, done.site, |place| {
            let Some((head, rest)) = place.split_first_chunk::<HEAD>() else { return };
            let values = [
                record::head(length, done.flags, done.site),
                (done.trace >> 64) as u64,
                done.trace as u64,
                done.span,
                done.parent,
                done.start,
                done.end,
            ];
            for (word, value) in head.iter().zip(values) {
                word.store(value, Ordering::Relaxed);
            }
            items(rest);
        });
    }

    /// Takes a ring; `false` when there is none to be had, or the thread is ending.
    #[cold]
    fn claim(&self) -> bool {
        // In a forked process another thread may have held the lock for ever.
        if !crate::state::active() || LEAVING.try_with(|_| ()).is_err() {
            return false;
        }
        registry::claim().is_some_and(|ring| {
            self.writer.take(ring);
            self.stack.set(ring.stack());
            true
        })
    }

    /// Lets go of the ring, for a thread that ends or a process that was forked.
    pub(super) fn release(&self) -> Option<&'static Ring> {
        self.stack.set(&[]);
        self.writer.release()
    }
}

#[inline(always)]
fn move_word(to: &AtomicU64, from: &AtomicU64) {
    to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
}

/// The head of a finished span.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) site: u32,
    pub(crate) flags: u32,
    pub(crate) trace: u128,
    pub(crate) span: u64,
    pub(crate) parent: u64,
    pub(crate) start: u64,
    pub(crate) end: u64,
}
