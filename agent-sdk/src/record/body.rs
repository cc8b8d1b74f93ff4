//! Writing a span's attributes, events and links while it is open, in the form of `record`.
//!
//! The first words lie in the span itself: most spans need no more. The others go to a vector that a thread
//! keeps for the next long span. Nothing is read back here, and nothing counted: limits are the drain's.

use super::{KEY_TEXT, LONGEST, item, tag};
use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Words in the span itself.
const INLINE: usize = 24;
/// Words in a body at most: with its head it must be a record.
const MOST: usize = LONGEST - super::HEAD;
/// Vectors that a thread keeps, and the longest of them in words.
const SPARE: usize = 4;

/// Bytes of a text at most.
static TEXT_LIMIT: AtomicUsize = AtomicUsize::new(16 << 10);

/// Sets the bytes that are kept of a text.
pub(crate) fn limit_text(bytes: usize) {
    // Half a record, so that a single text cannot push out everything else.
    TEXT_LIMIT.store(bytes.min(LONGEST * 4), Ordering::Relaxed);
}

thread_local! {
    static SPARES: RefCell<Vec<Vec<u64>>> = const { RefCell::new(Vec::new()) };
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
    /// Words in `inline`; [`INLINE`] + 1 once `more` holds them all.
    used: usize,
    inline: [u64; INLINE],
    more: Vec<u64>,
    lost: u32,
}

impl Body {
    pub(crate) const EMPTY: Self = Self { used: 0, inline: [0; INLINE], more: Vec::new(), lost: 0 };

    /// The words; what did not fit is told by the last item.
    #[inline(always)]
    pub(crate) fn words(&mut self) -> &[u64] {
        if self.used <= INLINE { &self.inline[..self.used] } else { self.long() }
    }

    #[cold]
    fn long(&mut self) -> &[u64] {
        if self.lost > 0 {
            // MOST leaves room for it.
            self.more.push(item(tag::LOST, 0, self.lost as usize));
            self.lost = 0;
        }
        &self.more
    }

    /// Room for an item of `n` words; `None`, and one more lost, when the span is full.
    #[inline(always)]
    fn room(&mut self, n: usize) -> Option<&mut [u64]> {
        let end = self.used + n;
        if end <= INLINE {
            let room = &mut self.inline[self.used..end];
            self.used = end;
            Some(room)
        } else {
            self.spill(n)
        }
    }

    #[cold]
    fn spill(&mut self, n: usize) -> Option<&mut [u64]> {
        if self.used <= INLINE {
            let spare = SPARES.try_with(|s| s.try_borrow_mut().ok()?.pop()).ok().flatten();
            self.more = spare.unwrap_or_else(|| Vec::with_capacity(512));
            self.more.extend_from_slice(&self.inline[..self.used]);
            self.used = INLINE + 1;
        }
        let at = self.more.len();
        // Once something is lost, all that follows is: an event's attributes must not be half there.
        if self.lost > 0 || at + n > MOST - 1 {
            self.lost = self.lost.saturating_add(1);
            return None;
        }
        self.more.resize(at + n, 0);
        Some(&mut self.more[at..])
    }

    /// An item with a key in front and `n` words behind it: its first word, and the place for the rest.
    #[inline(always)]
    fn keyed(&mut self, key: Key<'_>, n: usize) -> Option<(u64, &mut [u64])> {
        match key {
            Key::Index(index) => Some((u64::from(index), self.room(1 + n)?)),
            Key::Text(text) => {
                let text = cut(text, 1 << 10);
                let words = 1 + text.len().div_ceil(8);
                let room = self.room(1 + words + n)?;
                room[1] = text.len() as u64;
                pack(text.as_bytes(), &mut room[2..1 + words]);
                // The first word moves before the value; the key's text is left behind it.
                Some((KEY_TEXT, room))
            }
        }
    }

    /// An integer.
    #[inline(always)]
    pub fn i64(&mut self, key: Key<'_>, value: i64) {
        if let Some((key, room)) = self.keyed(key, 1) {
            room[0] = item(tag::I64, key, 0);
            room[room.len() - 1] = value.cast_unsigned();
        }
    }

    /// A floating point number.
    #[inline(always)]
    pub fn f64(&mut self, key: Key<'_>, value: f64) {
        if let Some((key, room)) = self.keyed(key, 1) {
            room[0] = item(tag::F64, key, 0);
            room[room.len() - 1] = value.to_bits();
        }
    }

    /// A truth value.
    #[inline(always)]
    pub fn bool(&mut self, key: Key<'_>, value: bool) {
        if let Some((key, room)) = self.keyed(key, 0) {
            room[0] = item(tag::BOOL, key, usize::from(value));
        }
    }

    /// A text; beyond the limit it is cut.
    #[inline]
    pub fn str(&mut self, key: Key<'_>, value: &str) {
        let value = cut(value, TEXT_LIMIT.load(Ordering::Relaxed));
        let words = value.len().div_ceil(8);
        if let Some((key, room)) = self.keyed(key, words) {
            room[0] = item(tag::STR, key, value.len());
            let at = room.len() - words;
            pack(value.as_bytes(), &mut room[at..]);
        }
    }

    /// An attribute that is not there after all.
    pub fn nothing(&mut self, key: Key<'_>) {
        if let Some((key, room)) = self.keyed(key, 0) {
            room[0] = item(tag::NOTHING, key, 0);
        }
    }

    /// An event; exactly `attributes` attributes must follow. `false` when the span is full: none may then.
    pub(crate) fn event(&mut self, at: u64, name: &str, attributes: usize) -> bool {
        let name = cut(name, TEXT_LIMIT.load(Ordering::Relaxed));
        let words = name.len().div_ceil(8);
        let Some(room) = self.room(3 + words) else { return false };
        room[0] = item(tag::EVENT, 0, attributes);
        room[1] = at;
        room[2] = name.len() as u64;
        pack(name.as_bytes(), &mut room[3..]);
        true
    }

    /// A link to another span.
    pub(crate) fn link(&mut self, trace: u128, span: u64, sampled: bool) {
        if let Some(room) = self.room(4) {
            room[0] = item(tag::LINK, 0, usize::from(sampled));
            (room[1], room[2]) = ((trace >> 64) as u64, trace as u64);
            room[3] = span;
        }
    }

    /// The kind, where it is not the call site's.
    pub(crate) fn kind(&mut self, kind: u32) {
        if let Some(room) = self.room(1) {
            room[0] = item(tag::KIND, 0, kind as usize);
        }
    }

    /// A text about the span itself: its name, status or state.
    pub(crate) fn told(&mut self, tag: u64, text: &str) {
        let text = cut(text, TEXT_LIMIT.load(Ordering::Relaxed));
        let words = text.len().div_ceil(8);
        if let Some(room) = self.room(1 + words) {
            room[0] = item(tag, 0, text.len());
            pack(text.as_bytes(), &mut room[1..]);
        }
    }
}

impl Drop for Body {
    #[inline(always)]
    fn drop(&mut self) {
        if self.used > INLINE {
            keep(std::mem::take(&mut self.more));
        }
    }
}

/// Keeps a vector for the thread's next long span.
#[cold]
fn keep(mut words: Vec<u64>) {
    words.clear();
    let _ = SPARES.try_with(|spares| {
        if let Ok(mut spares) = spares.try_borrow_mut()
            && spares.len() < SPARE
        {
            spares.push(words);
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

/// Text into words, the first byte lowest, zeros at the end.
#[inline(always)]
fn pack(bytes: &[u8], words: &mut [u64]) {
    let (whole, rest) = bytes.as_chunks::<8>();
    for (word, chunk) in words.iter_mut().zip(whole) {
        *word = u64::from_le_bytes(*chunk);
    }
    if let (false, Some(last)) = (rest.is_empty(), words.last_mut()) {
        // Eight bytes up to the end, the ones that were packed already shifted out; or, where there are
        // not eight, two overlapping parts.
        *last = match bytes.last_chunk::<8>() {
            Some(tail) => u64::from_le_bytes(*tail) >> (64 - 8 * rest.len()),
            None => few(rest),
        };
    }
}

/// One to seven bytes as a word.
#[inline(always)]
fn few(bytes: &[u8]) -> u64 {
    let n = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        u64::from(first) | u64::from(last) << (8 * (n - 4))
    } else {
        bytes.iter().rev().fold(0, |word, b| word << 8 | u64::from(*b))
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
            pack(text.as_bytes(), &mut words);
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
