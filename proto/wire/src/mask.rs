//! What in telemetry is a secret, and masking it where it stands: the same bytes long, so that nothing
//! around it moves. Used by the SDK before sending and open to whoever receives.
//!
//! Two tests: by the attribute's key (the whole value goes), and by the look of a text (the part that
//! looks like a secret goes). Text stays text: only ASCII is overwritten, and only whole secrets.

mod sieve;
mod words;

pub use sieve::may_hold;

use words::{Then, WORDS, Word};

const MASK: u8 = b'*';

/// Keys with such a word that hold numbers of tokens or the like.
const HARMLESS: [&str; 3] = ["tokens", "token_count", "token_type"];

/// Whether the value under this key is a secret.
pub fn key_is_secret(key: &str) -> bool {
    may_hold(key.as_bytes()) && key_found(key.as_bytes())
}

/// [`key_is_secret`], word by word.
fn key_found(key: &[u8]) -> bool {
    let has = |word: &[u8]| find(key, word).is_some();
    WORDS.iter().any(|w| matches!(w.then, Then::Any) && has(w.text))
        && !HARMLESS.iter().any(|w| has(w.as_bytes()))
}

/// Where `word` (in lower case) stands in `text`, in any case.
fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|w| w.eq_ignore_ascii_case(word))
}

/// Masks a whole value: every character becomes one `*` for each of its bytes.
pub fn mask_all(text: &mut [u8]) {
    text.fill(MASK);
}

/// Masks what looks like a secret in a text: passwords of addresses (`//user:password@host`), e-mail
/// addresses, payment card numbers (13 to 19 digits that pass Luhn's check), `Bearer` and `Basic`
/// credentials, JSON web tokens, and keys of well-known shape. Returns whether anything was.
pub fn mask_text(text: &mut [u8]) -> bool {
    // Most texts hold none of what a secret needs.
    may_hold(text) && mask_found(text)
}

/// [`mask_text`] where a secret may stand. Each in its turn: one can lie in what another left.
fn mask_found(text: &mut [u8]) -> bool {
    userinfo(text) | emails(text) | cards(text) | credentials(text) | keys(text)
}

/// `scheme://user:password@`: everything between the slashes and the `@`.
fn userinfo(text: &mut [u8]) -> bool {
    let mut masked = false;
    let mut from = 0;
    while let Some(at) = text[from..].windows(3).position(|w| w == b"://") {
        let start = from + at + 3;
        let end =
            text[start..].iter().position(|b| ends_authority(*b)).map_or(text.len(), |n| start + n);
        if let Some(last) = text[start..end].iter().rposition(|b| *b == b'@') {
            masked |= fill(&mut text[start..start + last]);
        }
        from = end;
    }
    masked
}

fn ends_authority(b: u8) -> bool {
    matches!(b, b'/' | b'?' | b'#' | b' ' | b'"' | b'\'' | b'<' | b'>')
}

fn is_email_local(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"._%+-".contains(&b)
}

fn is_email_domain(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'.' || b == b'-'
}

/// `local@domain.tld`: the local part and the domain.
fn emails(text: &mut [u8]) -> bool {
    let mut masked = false;
    for at in 0..text.len() {
        if text[at] != b'@' {
            continue;
        }
        let start = text[..at].iter().rposition(|b| !is_email_local(*b)).map_or(0, |n| n + 1);
        let end = text[at + 1..]
            .iter()
            .position(|b| !is_email_domain(*b))
            .map_or(text.len(), |n| at + 1 + n);
        let host = &text[at + 1..end];
        let tld = host.iter().rposition(|b| *b == b'.').map_or(0, |n| host.len() - n - 1);
        if start < at && tld >= 2 && host.len() > tld + 1 {
            masked |= fill(&mut text[start..at]) | fill(&mut text[at + 1..end]);
        }
    }
    masked
}

/// 13 to 19 digits, with single spaces or dashes between them, that pass Luhn's check.
fn cards(text: &mut [u8]) -> bool {
    let mut masked = false;
    let mut at = 0;
    while at < text.len() {
        if !text[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        let mut digits = Vec::with_capacity(20);
        let mut end = at;
        while at < text.len() {
            if text[at].is_ascii_digit() {
                digits.push(text[at] - b'0');
                end = at + 1;
            } else if !(matches!(text[at], b' ' | b'-')
                && text.get(at + 1).is_some_and(u8::is_ascii_digit))
            {
                break;
            }
            at += 1;
        }
        // Ids in hex and long numbers are no cards: letters on either side speak against it.
        let apart = |b: Option<&u8>| b.is_none_or(|b| !b.is_ascii_alphanumeric());
        let alone = apart(start.checked_sub(1).map(|i| &text[i])) && apart(text.get(end));
        if (13..=19).contains(&digits.len()) && alone && luhn(&digits) {
            masked |= fill(&mut text[start..end]);
        }
    }
    masked
}

/// Luhn's check (ISO/IEC 7812-1): every second digit from the right doubled, digit sums, modulo 10.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, d)| match i % 2 {
            0 => u32::from(*d),
            _ => u32::from(*d * 2 / 10 + *d * 2 % 10),
        })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|d| *d != digits[0])
}

fn credential(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b)
}

/// `Bearer x`, `Basic x`, and JSON web tokens wherever they stand.
fn credentials(text: &mut [u8]) -> bool {
    let mut masked = false;
    for Word { text: scheme, then, .. } in &WORDS {
        let Then::Credential(least) = *then else { continue };
        let mut from = 0;
        while let Some(at) = find(&text[from..], scheme) {
            let start = from + at + scheme.len();
            let end = run(text, start, credential);
            if end - start >= least {
                masked |= fill(&mut text[start..end]);
            }
            from = end.max(start);
        }
    }
    let mut from = 0;
    while let Some(at) = text[from..].windows(3).position(|w| w == b"eyJ") {
        let start = from + at;
        let end = run(text, start, credential);
        if text[start..end].iter().filter(|b| **b == b'.').count() == 2 {
            masked |= fill(&mut text[start..end]);
        }
        from = end;
    }
    masked
}

fn key_char(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'-'
}

fn keys(text: &mut [u8]) -> bool {
    let mut masked = false;
    for Word { text: lead, then, .. } in &WORDS {
        let Then::Key(least) = *then else { continue };
        let mut from = 0;
        while let Some(at) = text[from..].windows(lead.len()).position(|w| w == *lead) {
            let start = from + at;
            let end = run(text, start, key_char);
            let begins = start.checked_sub(1).is_none_or(|i| !text[i].is_ascii_alphanumeric());
            if begins && end - start >= lead.len() + least {
                masked |= fill(&mut text[start..end]);
            }
            from = end;
        }
    }
    masked
}

fn run(text: &[u8], start: usize, fits: impl Fn(u8) -> bool) -> usize {
    text[start..].iter().position(|b| !fits(*b)).map_or(text.len(), |n| start + n)
}

/// Whether there was anything to mask.
fn fill(secret: &mut [u8]) -> bool {
    let was = secret.iter().any(|b| *b != MASK);
    secret.fill(MASK);
    was
}

#[cfg(test)]
mod tests;
