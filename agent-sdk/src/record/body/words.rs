//! Texts as words: cut between characters, packed without a loop where they are short, put where a span's items lie.

use std::sync::atomic::{AtomicU64, Ordering};

/// Where words are written: the thread's stack, or a vector.
pub(crate) enum Room<'a> {
    Stack(&'a [AtomicU64]),
    Own(&'a mut [u64]),
}

impl Room<'_> {
    #[inline(always)]
    pub(super) fn put(&mut self, at: usize, word: u64) {
        match self {
            Self::Stack(words) => words[at].store(word, Ordering::Relaxed),
            Self::Own(words) => words[at] = word,
        }
    }

    /// Text into words from `at` on, the first byte lowest, zeros at the end.
    #[inline(always)]
    pub(super) fn pack(&mut self, mut at: usize, bytes: &[u8]) {
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
pub(super) fn few(bytes: &[u8]) -> u64 {
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
