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
mod tests {
    use super::super::body::{Body, Key as Written};
    use super::*;
    use proptest::prelude::*;

    fn ring_words(body: &mut Body) -> Vec<AtomicU64> {
        let mut all: Vec<AtomicU64> = (0..HEAD).map(|_| AtomicU64::new(0)).collect();
        all.extend(body.own().iter().map(|w| AtomicU64::new(*w)));
        all
    }

    fn shown(items: Items<'_>) -> Vec<String> {
        let text = |t: &Text<'_>| {
            let mut out = Vec::new();
            t.append(&mut out);
            String::from_utf8(out).expect("text")
        };
        items
            .map(|item| match item {
                Item::Attribute(key, value) => {
                    let key = match key {
                        Key::Index(i) => i.to_string(),
                        Key::Text(t) => text(&t),
                    };
                    match value {
                        Value::Str(t) => format!("{key}={:?}", text(&t)),
                        other => format!("{key}={other:?}"),
                    }
                }
                Item::Event { at, name, attributes } => {
                    format!("{at} {} {attributes}", text(&name))
                }
                Item::Name(t) | Item::Status(t) | Item::State(t) => text(&t),
                other => format!("{other:?}"),
            })
            .collect()
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            values in proptest::collection::vec((any::<bool>(), 0u8..5, any::<i64>(), ".{0,30}"), 0..40),
        ) {
            let mut body = Body::MOVING;
            let mut expected = Vec::new();
            for (i, (named, of, number, text)) in values.iter().enumerate() {
                let name = format!("key.{text}");
                let key = if *named { Written::Text(&name) } else { Written::Index(i as u32) };
                let shown = if *named { name.clone() } else { i.to_string() };
                match of {
                    0 => body.i64(key, *number),
                    1 => body.f64(key, *number as f64),
                    2 => body.bool(key, number % 2 == 0),
                    3 => body.str(key, text),
                    _ => body.nothing(key),
                }
                expected.push(match of {
                    0 => format!("{shown}=I64({number})"),
                    1 => format!("{shown}=F64({:?})", *number as f64),
                    2 => format!("{shown}=Bool({})", number % 2 == 0),
                    3 => format!("{shown}={text:?}"),
                    _ => format!("{shown}=Nothing"),
                });
            }
            prop_assert!(body.event(7, "it happened", 1));
            body.str(Written::Index(0), "x");
            body.link(1 << 100, 5, true);
            body.told(tag::NAME, "another");
            expected.extend([
                "7 it happened 1".to_owned(),
                "0=\"x\"".to_owned(),
                format!("Link {{ trace: {}, span: 5, sampled: true }}", 1u128 << 100),
                "another".to_owned(),
            ]);
            let words = ring_words(&mut body);
            let record = Record::new(&words).expect("a record");
            prop_assert_eq!(shown(record.items()), expected);
        }

        #[test]
        fn garbage_ends_and_never_panics(words in proptest::collection::vec(any::<u64>(), 0..60)) {
            let words: Vec<AtomicU64> = words.into_iter().map(AtomicU64::new).collect();
            if let Some(record) = Record::new(&words) {
                prop_assert!(record.items().count() <= words.len());
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_counted_and_no_event_is_cut_in_half() {
        let mut body = Body::MOVING;
        let long = "x".repeat(10_000);
        for i in 0..8 {
            body.str(Written::Index(i), &long);
        }
        assert!(!body.event(1, "too much", 1));
        body.i64(Written::Index(9), 1);
        let words = ring_words(&mut body);
        assert!(words.len() <= super::super::LONGEST);
        let record = Record::new(&words).expect("a record");
        let items: Vec<Item<'_>> = record.items().collect();
        let kept = items.iter().filter(|i| matches!(i, Item::Attribute(..))).count();
        assert!(matches!(items.last(), Some(Item::Lost(n)) if *n as usize == 10 - kept), "{kept}");
    }

    #[test]
    fn keys_are_the_same_by_name() {
        let mut body = Body::MOVING;
        body.i64(Written::Text("a"), 1);
        body.i64(Written::Index(0), 1);
        body.i64(Written::Index(1), 1);
        let words = ring_words(&mut body);
        let keys: Vec<Key<'_>> = Record::new(&words)
            .expect("a record")
            .items()
            .filter_map(|i| match i {
                Item::Attribute(key, _) => Some(key),
                _ => None,
            })
            .collect();
        let same = |a: usize, b: usize| same_key(&keys[a], &keys[b], &["a", "b"]);
        assert!(same(0, 1) && same(0, 0) && !same(0, 2) && !same(1, 2));
    }
}
