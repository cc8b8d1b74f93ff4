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
    /// Names and values one behind the other, and the length of each.
    text: Box<[u8]>,
    lengths: Box<[[u32; 2]]>,
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
    fn new(hash: u64, instrument: usize, labels: Labels<'_>, series: Arc<Series>) -> Self {
        // No text of 4 GiB is found again; it is asked for each time.
        let length = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX);
        let text = labels.iter().flat_map(|(k, v)| [k.as_bytes(), v.as_bytes()].concat()).collect();
        let lengths = labels.iter().map(|(k, v)| [length(k), length(v)]).collect();
        Self { hash, instrument, text, lengths, series }
    }

    #[inline(always)]
    fn is(&self, hash: u64, instrument: usize, labels: Labels<'_>) -> bool {
        if self.hash != hash || self.instrument != instrument || self.lengths.len() != labels.len()
        {
            return false;
        }
        let mut rest = &*self.text;
        for ([key, value], (own_key, own_value)) in self.lengths.iter().zip(labels) {
            for (length, own) in [(*key, own_key.as_bytes()), (*value, own_value.as_bytes())] {
                let Some((text, behind)) = rest.split_at_checked(length as usize) else {
                    return false;
                };
                if !same(text, own) {
                    return false;
                }
                rest = behind;
            }
        }
        true
    }
}

/// Whether two texts are equal. Most are short, and calling for a comparison of memory costs more than it.
#[inline(always)]
fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match a.len() {
        17.. => a == b,
        8.. => a.first_chunk::<8>() == b.first_chunk() && a.last_chunk::<8>() == b.last_chunk(),
        4.. => a.first_chunk::<4>() == b.first_chunk() && a.last_chunk::<4>() == b.last_chunk(),
        _ => few(a) == few(b),
    }
}

/// Three bytes at most, as a number; without a loop.
#[inline(always)]
fn few(bytes: &[u8]) -> u64 {
    let at = |i: usize| u64::from(bytes.get(i).copied().unwrap_or_default());
    let last = bytes.len().saturating_sub(1);
    at(0) << 16 | at(bytes.len() / 2) << 8 | at(last)
}

#[cold]
fn remember(hash: u64, instrument: usize, labels: Labels<'_>, series: Arc<Series>) {
    let slot = Slot::new(hash, instrument, labels, series);
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

/// Folded multiplications over eight bytes at a time, as wyhash does; each text for itself, so that the
/// processor need not wait for one to begin the next. Only spreads: equality decides. Of keys, which are nearly
/// always the same for an instrument, the length is enough for that.
#[inline(always)]
fn hash(instrument: usize, labels: Labels<'_>) -> u64 {
    let mut out = fold(instrument as u64, labels.len() as u64);
    for (key, value) in labels {
        out = fold(out, text(value.as_bytes()) ^ (key.len() as u64).rotate_left(32));
    }
    out
}

#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(b ^ 0xe703_7ed1_a0b4_28db);
    (wide as u64) ^ (wide >> 64) as u64
}

#[inline(always)]
fn text(bytes: &[u8]) -> u64 {
    let n = bytes.len() as u64;
    let eight = |b: &[u8; 8]| u64::from_le_bytes(*b);
    match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) if n <= 16 => fold(eight(first) ^ n, eight(last)),
        (Some(_), Some(last)) => {
            let (chunks, _) = bytes.as_chunks::<8>();
            chunks.iter().fold(fold(n, eight(last)), |out, chunk| fold(out, eight(chunk)))
        }
        _ => {
            let (first, last) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>());
            let word = match first.zip(last) {
                Some((f, l)) => {
                    u64::from(u32::from_le_bytes(*f)) << 32 | u64::from(u32::from_le_bytes(*l))
                }
                None => few(bytes),
            };
            fold(word, n)
        }
    }
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
    fn texts_of_any_length_are_compared_whole() {
        let text = b"abcdefghijklmnopqrstuvwxyz";
        for length in 0..text.len() {
            let own = &text[..length];
            assert!(same(own, own));
            for place in 0..length {
                let mut other = own.to_vec();
                other[place] = b'!';
                assert!(!same(own, &other), "{length} bytes, place {place}");
            }
        }
    }

    #[test]
    fn labels_are_told_apart_and_order_does_not_matter() {
        let (ab, ba) = (&[("a", "1"), ("b", "2")][..], &[("b", "2"), ("a", "1")][..]);
        assert_eq!(sorted(ab), sorted(ba));
        assert_eq!(sorted(&[("a", "1"), ("a", "2")]), [("a".to_owned(), "2".to_owned())]);
        let different: [Labels<'_>; 5] =
            [&[], &[("a", "1")], &[("a1", "")], &[("", "a1")], &[("a", "1\0")]];
        let slot = |labels: Labels<'_>| {
            let series = Series::new(Vec::new(), super::super::registry::Shape::Counter);
            Slot::new(7, 1, labels, Arc::new(series))
        };
        for (i, a) in different.iter().enumerate() {
            for (j, b) in different.iter().enumerate() {
                assert_eq!(slot(a).is(7, 1, b), i == j, "{a:?} {b:?}");
                assert_eq!(hash(1, a) == hash(1, b), i == j, "{a:?} {b:?}");
            }
        }
        assert_ne!(hash(1, ab), hash(2, ab));
    }
}
