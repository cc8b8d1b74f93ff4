//! A quick look at bytes: whether a secret can stand in them at all. It may say yes to what is none, and never
//! no to what is one; whoever hears yes looks again, text by text. What a secret is, is [`super`]'s.
//!
//! Bytes are looked at in pairs, every second place: of two pairs that overlap within a word, one lies there.
//! The pairs were chosen to be rare in telemetry.

use super::words::{DIGITS, RARES, SIGN, Then, WORD, WORDS, what};
use super::{credential, is_email_domain, is_email_local, key_char};

/// Bytes looked at under one condition.
const STRIDE: usize = 16;
/// A card's number, 13 digits at least, has so many pairs in a row, of which so many, in a row, lie in one stride.
const CARD_PAIRS: u32 = 6;
const CARD_PART: u32 = 3;

/// Whether bytes can hold a secret: texts, or messages with texts in them.
pub fn may_hold(bytes: &[u8]) -> bool {
    let mut look = Look { bytes, ..Look::default() };
    let (strides, tail) = bytes.as_chunks::<STRIDE>();
    for (n, stride) in strides.iter().enumerate() {
        let sum: u32 = stride.as_chunks().0.iter().map(|pair| u32::from(what(*pair))).sum();
        if sum >= CARD_PART && look.at(n * STRIDE, STRIDE) {
            return true;
        }
    }
    // The last byte may have no partner: only an address of a user can end there.
    look.at(strides.len() * STRIDE, tail.len())
        || bytes.len() % 2 == 1 && look.sign(bytes.len() - 1)
}

/// The second look, at places that weigh something.
#[derive(Default)]
struct Look<'a> {
    bytes: &'a [u8],
    /// No `@` before it ends an authority.
    signs: usize,
    /// A run of credential bytes up to here holds too few dots.
    dotless: usize,
}

impl Look<'_> {
    /// Whether the pairs of `long` bytes from `from` on belong to what may be a secret.
    fn at(&mut self, from: usize, long: usize) -> bool {
        let mut digits = 0u32;
        for (n, pair) in self.bytes[from..from + long].as_chunks().0.iter().enumerate() {
            let at = from + 2 * n;
            match what(*pair) {
                0 => {}
                DIGITS => digits |= 1 << n,
                SIGN => {
                    if self.sign(at) || self.sign(at + 1) {
                        return true;
                    }
                }
                rare => {
                    if self.word(at, rare - WORD) {
                        return true;
                    }
                }
            }
        }
        // Three in a row.
        digits & digits >> 1 & digits >> 2 != 0 && self.card(from, from + long)
    }

    /// An `@` behind a name or behind `://`.
    fn sign(&mut self, at: usize) -> bool {
        let bytes = self.bytes;
        if bytes.get(at) != Some(&b'@') {
            return false;
        }
        let before = at.checked_sub(1).and_then(|i| bytes.get(i));
        let host = bytes.get(at + 1..).unwrap_or_default();
        if before.is_some_and(|b| is_email_local(*b)) {
            let long = host.iter().take_while(|b| is_email_domain(**b)).count();
            let ends = |w: &[u8]| w[0] == b'.' && w[1] != b'.' && w[2] != b'.';
            if host.get(1..long).unwrap_or_default().windows(3).any(ends) {
                return true;
            }
        }
        let ends = |b: &u8| super::ends_authority(*b);
        let end = bytes[self.signs..at].iter().rposition(ends).map(|i| self.signs + i);
        self.signs = at;
        end.is_some_and(|end| bytes[..=end].ends_with(b"://"))
    }

    /// A word one of whose pairs is at `at`: `rare` of [`RARES`], or a later one of the same letters.
    fn word(&mut self, at: usize, rare: u8) -> bool {
        let mut next = usize::from(rare);
        while let Some(rare) = RARES.get(next) {
            let word = &WORDS[usize::from(rare.word)];
            if let Some(start) = at.checked_sub(usize::from(rare.at)) {
                let end = start + word.text.len();
                if self.bytes.get(start..end).is_some_and(|bytes| word.is(bytes))
                    && self.follows(start, end, word.then)
                {
                    return true;
                }
            }
            next = usize::from(rare.next);
        }
        false
    }

    fn follows(&mut self, start: usize, end: usize, then: Then) -> bool {
        let all = |long: usize, fits: fn(u8) -> bool| {
            self.bytes.get(end..end + long).is_some_and(|b| b.iter().all(|b| fits(*b)))
        };
        match then {
            Then::Any => true,
            Then::Credential(long) => all(long, credential),
            Then::Key(long) => all(long, key_char),
            Then::Dots if start < self.dotless => false,
            Then::Dots => {
                let end = super::run(self.bytes, start, credential);
                self.dotless = end;
                self.bytes[start..end].iter().filter(|b| **b == b'.').count() >= 2
            }
        }
    }

    /// Enough pairs of digits in a row, some of which lie between `from` and `to`.
    fn card(&self, from: usize, to: usize) -> bool {
        let far = 2 * CARD_PAIRS as usize;
        let (from, to) = (from.saturating_sub(far), (to + far).min(self.bytes.len()));
        let mut row = 0;
        self.bytes[from..to].as_chunks().0.iter().any(|pair| {
            row = if what(*pair) == DIGITS { row + 1 } else { 0 };
            row >= CARD_PAIRS
        })
    }
}

#[cfg(test)]
mod tests;
