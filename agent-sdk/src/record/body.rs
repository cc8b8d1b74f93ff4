//! Writing a span's attributes, events and links while it is open, in the form of `record`.
//!
//! Spans that are the current ones of a thread end in the reverse order of their beginning, nearly always; so
//! their items lie one behind the other in a stack that the thread keeps (`local`). What cannot lie there (a span
//! that goes to other threads, one that gets an item while a later one lies above it, a very long one) has a
//! vector of its own, which threads keep for the next such span. Nothing is read back here, and nothing
//! counted: limits are the drain's.

use super::{KEY_TEXT, LONGEST, item, tag};
use crate::local::{self, Local, Scope};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Words in a body at most: with its head it must be a record.
const MOST: usize = LONGEST - super::HEAD;
/// Vectors that a thread keeps.
const SPARE: usize = 4;

/// Bytes of a text at most.
static TEXT_LIMIT: AtomicUsize = AtomicUsize::new(16 << 10);

/// Sets the bytes that are kept of a text.
pub(crate) fn limit_text(bytes: usize) {
    // Half a record, so that a single text cannot push out everything else.
    TEXT_LIMIT.store(bytes.min(LONGEST * 4), Ordering::Relaxed);
}

/// What few spans have, so that the others stay small and have nothing to drop but an empty box.
#[derive(Debug, Default)]
pub(crate) struct Own {
    /// All of its words, when they do not lie in the stack.
    words: Vec<u64>,
    /// Its foreign `tracestate`.
    pub(crate) text: Option<Arc<str>>,
    /// Where its thread was before it, when that was neither nowhere nor the span's parent.
    pub(crate) before: Option<Scope>,
}

thread_local! {
    // A span holds one pointer to it, not three words and two texts.
    #[allow(clippy::vec_box)]
    static SPARES: RefCell<Vec<Box<Own>>> = const { RefCell::new(Vec::new()) };
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

/// Where words are written: the thread's stack, or a vector.
pub(crate) enum Room<'a> {
    Stack(&'a [AtomicU64]),
    Own(&'a mut [u64]),
}

impl Room<'_> {
    #[inline(always)]
    fn put(&mut self, at: usize, word: u64) {
        match self {
            Self::Stack(words) => words[at].store(word, Ordering::Relaxed),
            Self::Own(words) => words[at] = word,
        }
    }

    /// Text into words from `at` on, the first byte lowest, zeros at the end.
    #[inline(always)]
    fn pack(&mut self, mut at: usize, bytes: &[u8]) {
        let (whole, rest) = bytes.as_chunks::<8>();
        for chunk in whole {
            self.put(at, u64::from_le_bytes(*chunk));
            at += 1;
        }
        if !rest.is_empty() {
            self.put(at, last(bytes, rest));
        }
    }
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

    /// An integer.
    #[inline(always)]
    pub fn i64(&mut self, key: Key<'_>, value: i64) {
        self.keyed(tag::I64, key, 0, 1, |mut room, at| room.put(at, value.cast_unsigned()));
    }

    /// A floating point number.
    #[inline(always)]
    pub fn f64(&mut self, key: Key<'_>, value: f64) {
        self.keyed(tag::F64, key, 0, 1, |mut room, at| room.put(at, value.to_bits()));
    }

    /// A truth value.
    #[inline(always)]
    pub fn bool(&mut self, key: Key<'_>, value: bool) {
        self.keyed(tag::BOOL, key, usize::from(value), 0, |_, _| ());
    }

    /// A text; beyond the limit it is cut.
    #[inline(always)]
    pub fn str(&mut self, key: Key<'_>, value: &str) {
        match key {
            Key::Index(index) => self.str_at(index, value),
            Key::Text(_) => self.str_any(key, value),
        }
    }

    /// Most texts are short and most keys known: up to 16 bytes are two words, made without a loop.
    #[inline(never)]
    fn str_at(&mut self, index: u32, value: &str) {
        let bytes = value.as_bytes();
        let n = bytes.len();
        if n <= 16 && n <= TEXT_LIMIT.load(Ordering::Relaxed) && !self.moves {
            let (low, high) = match bytes.first_chunk::<8>().zip(bytes.last_chunk::<8>()) {
                // Of 8 bytes nothing is left for the second word.
                Some((low, high)) => {
                    let high = u64::from_le_bytes(*high).checked_shr(128 - 8 * n as u32);
                    (u64::from_le_bytes(*low), high.unwrap_or(0))
                }
                None => (few(bytes), 0),
            };
            let words = 1 + n.div_ceil(8);
            let room = local::with(|l| l.push(&mut self.at, &mut self.words, words, 3));
            if let Some([first, second, third]) = room {
                first.store(item(tag::STR, u64::from(index), n), Ordering::Relaxed);
                second.store(low, Ordering::Relaxed);
                // Behind the top, where the text is shorter: the next item overwrites it.
                third.store(high, Ordering::Relaxed);
                return;
            }
        }
        self.str_any(Key::Index(index), value);
    }

    #[inline(never)]
    fn str_any(&mut self, key: Key<'_>, value: &str) {
        let value = cut(value, TEXT_LIMIT.load(Ordering::Relaxed));
        let words = value.len().div_ceil(8);
        self.keyed(tag::STR, key, value.len(), words, |mut room, at| {
            room.pack(at, value.as_bytes());
        });
    }

    /// An attribute that is not there after all.
    pub fn nothing(&mut self, key: Key<'_>) {
        self.keyed(tag::NOTHING, key, 0, 0, |_, _| ());
    }

    /// An event; exactly `attributes` attributes must follow. `false` when the span is full: none may then.
    pub(crate) fn event(&mut self, at: u64, name: &str, attributes: usize) -> bool {
        let name = cut(name, TEXT_LIMIT.load(Ordering::Relaxed));
        self.room(3 + name.len().div_ceil(8), |mut room| {
            room.put(0, item(tag::EVENT, 0, attributes));
            room.put(1, at);
            room.put(2, name.len() as u64);
            room.pack(3, name.as_bytes());
        })
    }

    /// A link to another span.
    pub(crate) fn link(&mut self, trace: u128, span: u64, sampled: bool) {
        self.room(4, |mut room| {
            room.put(0, item(tag::LINK, 0, usize::from(sampled)));
            room.put(1, (trace >> 64) as u64);
            room.put(2, trace as u64);
            room.put(3, span);
        });
    }

    /// The kind, where it is not the call site's.
    pub(crate) fn kind(&mut self, kind: u32) {
        self.room(1, |mut room| room.put(0, item(tag::KIND, 0, kind as usize)));
    }

    /// A text about the span itself: its name, status or state.
    pub(crate) fn told(&mut self, tag: u64, text: &str) {
        let text = cut(text, TEXT_LIMIT.load(Ordering::Relaxed));
        self.room(1 + text.len().div_ceil(8), |mut room| {
            room.put(0, item(tag, 0, text.len()));
            room.pack(1, text.as_bytes());
        });
    }
}

/// One that was kept, or a new one.
#[cold]
fn spare() -> Box<Own> {
    let spare = SPARES.try_with(|s| s.try_borrow_mut().ok()?.pop()).ok().flatten();
    spare.unwrap_or_default()
}

/// Keeps one for the thread's next span that needs it.
#[cold]
fn keep(mut own: Box<Own>) {
    own.words.clear();
    (own.text, own.before) = (None, None);
    let _ = SPARES.try_with(|spares| {
        if let Ok(mut spares) = spares.try_borrow_mut()
            && spares.len() < SPARE
        {
            spares.push(own);
        }
    });
}

/// The longest prefix of at most `limit` bytes that ends between two characters.
#[inline(always)]
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    if text.len() <= limit { text } else { cut_short(text, limit) }
}

#[cold]
fn cut_short(text: &str, limit: usize) -> &str {
    let end = (0..=limit).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    &text[..end]
}

/// The last word of a text, of which `rest` is not in whole words: eight bytes up to the end, the ones that
/// are packed already shifted out; or, where there are not eight, what there is.
#[inline(always)]
fn last(bytes: &[u8], rest: &[u8]) -> u64 {
    match bytes.last_chunk::<8>() {
        Some(tail) => u64::from_le_bytes(*tail) >> (64 - 8 * rest.len()),
        None => few(rest),
    }
}

/// One to seven bytes as a word, by two overlapping parts or three overlapping bytes.
#[inline(always)]
fn few(bytes: &[u8]) -> u64 {
    let n = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        u64::from(first) | u64::from(last) << (8 * (n - 4))
    } else if let (Some(first), Some(last)) = (bytes.first(), bytes.last()) {
        let middle = u64::from(bytes[n / 2]) << (8 * (n / 2));
        u64::from(*first) | middle | u64::from(*last) << (8 * (n - 1))
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_is_packed_byte_for_byte(text in ".{0,40}") {
            let mut words = vec![u64::MAX; text.len().div_ceil(8)];
            Room::Own(&mut words).pack(0, text.as_bytes());
            let mut bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
            prop_assert!(bytes[text.len()..].iter().all(|b| *b == 0));
            bytes.truncate(text.len());
            prop_assert_eq!(bytes, text.as_bytes());
        }
    }

    #[test]
    fn cutting_keeps_characters_whole() {
        assert_eq!((cut("aé", 2), cut("aé", 3), cut("aé", 0)), ("a", "aé", ""));
    }
}
