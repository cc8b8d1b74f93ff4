//! Reading records, on the drain's thread: words of the ring become typed items that borrow from it.
//!
//! A word that cannot be ends the record's items; nothing here can panic on what it reads.

use super::{HEAD, KEY_TEXT, tag};
use std::sync::atomic::{AtomicU64, Ordering};

/// A record in the ring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    head: [u64; HEAD],
    body: &'a [AtomicU64],
}

impl<'a> Record<'a> {
    /// `None` when it is shorter than a head.
    pub(crate) fn new(words: &'a [AtomicU64]) -> Option<Self> {
        let (head, body) = words.split_at_checked(HEAD)?;
        let mut read = [0; HEAD];
        for (to, from) in read.iter_mut().zip(head) {
            *to = from.load(Ordering::Relaxed);
        }
        Some(Self { head: read, body })
    }
    pub(crate) fn flags(&self) -> u32 {
        (self.head[0] >> 16) as u32 & 0xffff
    }
    pub(crate) fn site(&self) -> u32 {
        (self.head[0] >> 32) as u32
    }
    pub(crate) fn trace(&self) -> u128 {
        u128::from(self.head[1]) << 64 | u128::from(self.head[2])
    }
    pub(crate) fn span(&self) -> u64 {
        self.head[3]
    }
    /// Zero for a root.
    pub(crate) fn parent(&self) -> u64 {
        self.head[4]
    }
    /// In ticks.
    pub(crate) fn start(&self) -> u64 {
        self.head[5]
    }
    /// In ticks.
    pub(crate) fn end(&self) -> u64 {
        self.head[6]
    }
    pub(crate) fn items(&self) -> Items<'a> {
        Items { words: self.body }
    }
}

/// Text in the ring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    words: &'a [AtomicU64],
    bytes: usize,
}

impl Text<'_> {
    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    /// Adds the text to `out`.
    #[inline]
    pub(crate) fn append(&self, out: &mut Vec<u8>) {
        let end = out.len() + self.bytes;
        for word in self.words {
            out.extend_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
        }
        out.truncate(end);
    }

    /// Whether it says this.
    pub(crate) fn says(&self, text: &str) -> bool {
        let bytes = self.words.iter().flat_map(|w| w.load(Ordering::Relaxed).to_le_bytes());
        self.bytes == text.len() && bytes.zip(text.bytes()).all(|(a, b)| a == b)
    }

    /// Whether both say the same.
    fn same(&self, other: &Self) -> bool {
        let word = |w: &AtomicU64| w.load(Ordering::Relaxed);
        self.bytes == other.bytes && self.words.iter().map(word).eq(other.words.iter().map(word))
    }
}

/// An attribute's name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key<'a> {
    /// A place in the call site's list.
    Index(usize),
    /// By its text.
    Text(Text<'a>),
}

/// An attribute's value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    I64(i64),
    F64(f64),
    Bool(bool),
    Str(Text<'a>),
    Nothing,
}

/// What a body holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item<'a> {
    Attribute(Key<'a>, Value<'a>),
    /// The next `attributes` items are the event's own.
    Event {
        at: u64,
        name: Text<'a>,
        attributes: usize,
    },
    Link {
        trace: u128,
        span: u64,
        sampled: bool,
    },
    Name(Text<'a>),
    Status(Text<'a>),
    State(Text<'a>),
    Kind(u32),
    Lost(u32),
}

/// The items of a record.
#[derive(Clone, Debug)]
pub(crate) struct Items<'a> {
    words: &'a [AtomicU64],
}

impl<'a> Items<'a> {
    /// Goes past an event's own attributes.
    pub(crate) fn skip_attributes(&mut self, attributes: usize) {
        for _ in 0..attributes {
            let rest = self.words;
            if !matches!(self.next(), Some(Item::Attribute(..))) {
                // Not its own: it was cut short.
                self.words = rest;
                return;
            }
        }
    }

    #[inline(always)]
    fn word(&mut self) -> Option<u64> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first.load(Ordering::Relaxed))
    }

    #[inline(always)]
    fn text(&mut self, bytes: usize) -> Option<Text<'a>> {
        let (words, rest) = self.words.split_at_checked(bytes.div_ceil(8))?;
        self.words = rest;
        Some(Text { words, bytes })
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        let first = self.word()?;
        let (tag, key, n) = (first & 0xff, first >> 8 & 0xff_ffff, (first >> 32) as usize);
        Some(match tag {
            tag::I64 | tag::F64 | tag::BOOL | tag::STR | tag::NOTHING => {
                let key = if key == KEY_TEXT {
                    let bytes = usize::try_from(self.word()?).ok()?;
                    Key::Text(self.text(bytes)?)
                } else {
                    Key::Index(key as usize)
                };
                let value = match tag {
                    tag::I64 => Value::I64(self.word()?.cast_signed()),
                    tag::F64 => Value::F64(f64::from_bits(self.word()?)),
                    tag::BOOL => Value::Bool(n != 0),
                    tag::STR => Value::Str(self.text(n)?),
                    _ => Value::Nothing,
                };
                Item::Attribute(key, value)
            }
            tag::EVENT => {
                let at = self.word()?;
                let bytes = usize::try_from(self.word()?).ok()?;
                Item::Event { at, name: self.text(bytes)?, attributes: n }
            }
            tag::LINK => {
                let trace = u128::from(self.word()?) << 64 | u128::from(self.word()?);
                Item::Link { trace, span: self.word()?, sampled: n != 0 }
            }
            tag::NAME => Item::Name(self.text(n)?),
            tag::STATUS => Item::Status(self.text(n)?),
            tag::STATE => Item::State(self.text(n)?),
            tag::KIND => Item::Kind(n as u32),
            tag::LOST => Item::Lost(n as u32),
            _ => return None,
        })
    }
}

/// Whether two keys of one call site with these names are the same.
pub(crate) fn same_key(a: &Key<'_>, b: &Key<'_>, names: &[&str]) -> bool {
    let is = |text: &Text<'_>, index: usize| names.get(index).is_some_and(|name| text.says(name));
    match (a, b) {
        (Key::Index(a), Key::Index(b)) => a == b,
        (Key::Text(a), Key::Text(b)) => a.same(b),
        (Key::Text(text), Key::Index(index)) | (Key::Index(index), Key::Text(text)) => {
            is(text, *index)
        }
    }
}

#[cfg(test)]
mod tests;
