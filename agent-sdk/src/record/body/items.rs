//! The kinds of items: attributes by type, events, links, and what is said about the span itself.

use super::words::{cut, few};
use super::{Body, Key, TEXT_LIMIT};
use crate::local;
use crate::record::{item, tag};
use std::sync::atomic::Ordering;

impl Body {
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
