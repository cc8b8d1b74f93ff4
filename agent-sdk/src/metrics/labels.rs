//! Labels that come with each recording: found again in a small table of the own thread, by hash and
//! then by comparison; only what is new there asks the registry.

use super::cells::Series;
use super::registry::Instrument;
use std::cell::RefCell;
use std::sync::Arc;

/// Label names and values.
pub(crate) type Labels<'a> = &'a [(&'a str, &'a str)];

/// Sets of slots in a thread's table, and slots in each: bounded whatever strangers put into labels.
const SETS: usize = 256;
const WAYS: usize = 4;

struct Slot {
    hash: u64,
    instrument: usize,
    labels: Box<[(Box<str>, Box<str>)]>,
    series: Arc<Series>,
}

thread_local! {
    static SEEN: RefCell<Vec<Option<Slot>>> = const { RefCell::new(Vec::new()) };
}

/// Runs `write` on the series of these labels.
pub(super) fn with(instrument: &Instrument, labels: Labels<'_>, write: impl Fn(&Arc<Series>)) {
    let hash = hash(instrument.id, labels);
    let found = SEEN.try_with(|seen| {
        let seen = seen.try_borrow().ok()?;
        let slots = seen.get(set(hash))?;
        let slot = slots.iter().flatten().find(|s| s.is(hash, instrument.id, labels))?;
        write(&slot.series);
        Some(())
    });
    if !matches!(found, Ok(Some(()))) {
        let series = instrument.series(labels);
        write(&series);
        remember(hash, instrument.id, labels, series);
    }
}

fn set(hash: u64) -> std::ops::Range<usize> {
    let at = (hash >> 56) as usize % SETS * WAYS;
    at..at + WAYS
}

impl Slot {
    fn is(&self, hash: u64, instrument: usize, labels: Labels<'_>) -> bool {
        self.hash == hash
            && self.instrument == instrument
            && self.labels.len() == labels.len()
            && self.labels.iter().zip(labels).all(|(a, b)| *a.0 == *b.0 && *a.1 == *b.1)
    }
}

#[cold]
fn remember(hash: u64, instrument: usize, labels: Labels<'_>, series: Arc<Series>) {
    let labels = labels.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    let slot = Slot { hash, instrument, labels, series };
    // Without a table, at a thread's end, the registry is asked each time.
    let _ = SEEN.try_with(|seen| {
        let Ok(mut seen) = seen.try_borrow_mut() else { return };
        if seen.is_empty() {
            seen.resize_with(SETS * WAYS, || None);
        }
        let slots = &mut seen[set(hash)];
        // The newest takes the first place; the last one of a full set goes.
        slots.rotate_right(1);
        slots[0] = Some(slot);
    });
}

/// Folded multiplication over eight bytes at a time, as wyhash does. Only spreads: equality decides.
fn hash(instrument: usize, labels: Labels<'_>) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let fold = |a: u64, b: u64| {
        let wide = u128::from(a ^ K) * u128::from(b ^ 0xe703_7ed1_a0b4_28db);
        (wide as u64) ^ (wide >> 64) as u64
    };
    let mut out = fold(instrument as u64, labels.len() as u64);
    for (key, value) in labels {
        for text in [key, value] {
            let bytes = text.as_bytes();
            let (chunks, rest) = bytes.as_chunks::<8>();
            for chunk in chunks {
                out = fold(out, u64::from_le_bytes(*chunk));
            }
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            out = fold(out, u64::from_le_bytes(last) ^ (bytes.len() as u64) << 56);
        }
    }
    out
}

/// In the order of their keys, the last of equal ones: the same labels in any order are the same series.
pub(super) fn sorted(labels: Labels<'_>) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::with_capacity(labels.len());
    for (key, value) in labels {
        match out.iter_mut().find(|(k, _)| k == key) {
            Some(known) => (*value).clone_into(&mut known.1),
            None => out.push(((*key).to_owned(), (*value).to_owned())),
        }
    }
    out.sort();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_told_apart_and_order_does_not_matter() {
        let (ab, ba) = (&[("a", "1"), ("b", "2")][..], &[("b", "2"), ("a", "1")][..]);
        assert_eq!(sorted(ab), sorted(ba));
        assert_eq!(sorted(&[("a", "1"), ("a", "2")]), [("a".to_owned(), "2".to_owned())]);
        let different: [Labels<'_>; 5] =
            [&[], &[("a", "1")], &[("a1", "")], &[("", "a1")], &[("a", "1\0")]];
        for (i, a) in different.iter().enumerate() {
            for b in &different[i + 1..] {
                assert_ne!(hash(1, a), hash(1, b), "{a:?} {b:?}");
            }
        }
        assert_ne!(hash(1, ab), hash(2, ab));
    }
}
