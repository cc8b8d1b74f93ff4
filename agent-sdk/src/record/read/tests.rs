//! What is written is read, garbage ends, and nothing is cut in half.

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
