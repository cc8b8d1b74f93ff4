//! Writing a span's attributes, events and links while it is open, in the form of `record`.
//!
//! Spans that are the current ones of a thread end in the reverse order of their beginning, nearly always; so
//! their items lie one behind the other in a stack that the thread keeps (`local`). What cannot lie there (a span
//! that goes to other threads, one that gets an item while a later one lies above it, a very long one) has a
//! vector of its own, which threads keep for the next such span. Nothing is read back here, and nothing
//! counted: limits are the drain's.

mod items;
mod own;
mod words;

pub(crate) use words::cut;

use super::{KEY_TEXT, LONGEST, item, tag};
use crate::local::{self, Local, Scope};
use own::{Own, keep, spare};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use words::Room;

/// Words in a body at most: with its head it must be a record.
const MOST: usize = LONGEST - super::HEAD;

/// Bytes of a text at most.
static TEXT_LIMIT: AtomicUsize = AtomicUsize::new(16 << 10);

/// Sets the bytes that are kept of a text.
pub(crate) fn limit_text(bytes: usize) {
    // Half a record, so that a single text cannot push out everything else.
    TEXT_LIMIT.store(bytes.min(LONGEST * 4), Ordering::Relaxed);
}

/// The name of an attribute.
#[derive(Clone, Copy, Debug)]
pub enum Key<'a> {
    /// A place in the call site's list.
    Index(u32),
    /// By its text.
    Text(&'a str),
}

impl<'a> From<&'a str> for Key<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

/// The items of an open span.
#[derive(Debug)]
pub struct Body {
    own: Option<Box<Own>>,
    /// Where it lies in the thread's stack, and its words there.
    at: u32,
    words: u32,
    lost: u32,
    /// Its words do not lie in the stack.
    moves: bool,
}

impl Body {
    /// Of a span that is the current one of its thread.
    pub(crate) const EMPTY: Self = Self { own: None, at: 0, words: 0, lost: 0, moves: false };
    /// Of a span that may go to other threads.
    pub(crate) const MOVING: Self = Self { moves: true, ..Self::EMPTY };

    /// What few spans have, made when it is not there.
    #[cold]
    pub(crate) fn rare(&mut self) -> &mut Own {
        self.own.get_or_insert_with(spare)
    }

    /// Whether it has something that few spans have.
    #[inline(always)]
    pub(crate) fn is_rare(&self) -> bool {
        self.own.is_some()
    }

    /// Its foreign `tracestate`.
    #[inline(always)]
    pub(crate) fn text(&self) -> Option<&Arc<str>> {
        self.own.as_ref()?.text.as_ref()
    }

    /// Takes out where its thread was before it.
    #[cold]
    pub(crate) fn before(&mut self) -> Option<Scope> {
        self.own.as_mut()?.before.take()
    }

    /// Where its words lie in the stack, and how many; `None` when they do not lie there.
    #[inline(always)]
    pub(crate) fn stacked(&self) -> Option<(u32, u32)> {
        if self.moves { None } else { Some((self.at, self.words)) }
    }

    /// Its words, when they do not lie in the stack; what did not fit is told by the last item.
    #[cold]
    pub(crate) fn own(&mut self) -> &[u64] {
        let lost = std::mem::take(&mut self.lost);
        let Some(own) = &mut self.own else { return &[] };
        if lost > 0 {
            // MOST leaves room for it.
            own.words.push(item(tag::LOST, 0, lost as usize));
        }
        &own.words
    }

    /// Gives back what it has of its thread's: it is empty from then on.
    #[inline(always)]
    pub(crate) fn release(&mut self, local: &Local) {
        if self.words > 0 {
            local.pop(self.at, self.words);
            self.words = 0;
        }
        if let Some(own) = self.own.take() {
            keep(own);
        }
    }

    /// Leaves the stack, to go to other threads.
    pub(crate) fn lift(&mut self, local: &Local) {
        self.moves = true;
        if self.words > 0 {
            let words = local.stack(self.at as usize, self.words as usize);
            let words = words.iter().map(|w| w.load(Ordering::Relaxed));
            self.rare().words.extend(words);
            local.pop(self.at, self.words);
            self.words = 0;
        }
    }

    /// Has `write` write an item of `n` words; counts one more lost when the span is full.
    #[inline(always)]
    fn room(&mut self, n: usize, write: impl FnOnce(Room<'_>)) -> bool {
        let stacked = if self.moves {
            None
        } else {
            local::with(|local| local.push(&mut self.at, &mut self.words, n, n))
        };
        match stacked {
            Some(words) => {
                write(Room::Stack(words));
                true
            }
            None => self.room_own(n, write),
        }
    }

    #[cold]
    fn room_own(&mut self, n: usize, write: impl FnOnce(Room<'_>)) -> bool {
        if !self.moves {
            local::with(|local| self.lift(local));
        }
        let full = self.lost > 0;
        let words = &mut self.rare().words;
        let at = words.len();
        // Once something is lost, all that follows is: an event's attributes must not be half there.
        if full || at + n > MOST - 1 {
            self.lost = self.lost.saturating_add(1);
            return false;
        }
        words.resize(at + n, 0);
        write(Room::Own(&mut words[at..]));
        true
    }

    /// An item with a key in front, `n` words behind it, and `rest` in its first word.
    #[inline(always)]
    fn keyed(
        &mut self,
        tag: u64,
        key: Key<'_>,
        rest: usize,
        n: usize,
        value: impl FnOnce(Room<'_>, usize),
    ) {
        match key {
            Key::Index(index) => {
                self.room(1 + n, |mut room| {
                    room.put(0, item(tag, u64::from(index), rest));
                    value(room, 1);
                });
            }
            Key::Text(text) => {
                let text = cut(text, 1 << 10);
                let words = 2 + text.len().div_ceil(8);
                self.room(words + n, |mut room| {
                    room.put(0, item(tag, KEY_TEXT, rest));
                    room.put(1, text.len() as u64);
                    room.pack(2, text.as_bytes());
                    value(room, words);
                });
            }
        }
    }
}
