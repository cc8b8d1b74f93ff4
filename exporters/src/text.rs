//! Text from strangers made safe to show, and numbers made fit to read.
//!
//! Nothing here knows a finding. JSON has its own, lossless escaping ([`crate::json`]).

pub mod number;
pub mod table;
pub mod time;

use std::borrow::Cow;
use std::fmt::Write;

/// Characters that a name from telemetry may take on a line.
pub const NAME_CHARS: usize = 120;
/// Characters that a sentence with such names in it may take.
pub const SENTENCE_CHARS: usize = 2_000;

/// A name from telemetry, safe for terminals, logs and pages: control, direction and invisible
/// characters escaped, cut to [`NAME_CHARS`].
pub fn clean(text: &str) -> Cow<'_, str> {
    clean_to(text, NAME_CHARS)
}

/// As [`clean`], cut to `cap` characters (an ellipsis counts as one of them).
pub fn clean_to(text: &str, cap: usize) -> Cow<'_, str> {
    // No more characters than bytes: short plain texts are done with one look.
    if text.len() <= cap && !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut used = 0;
    for (at, c) in text.char_indices() {
        let mut piece = String::new();
        match c {
            '\n' => piece.push_str("\\n"),
            '\r' => piece.push_str("\\r"),
            '\t' => piece.push_str("\\t"),
            // Writing to a String cannot fail.
            c if is_hostile(c) => drop(write!(piece, "\\u{{{:x}}}", u32::from(c))),
            c => piece.push(c),
        }
        let last = at + c.len_utf8() == text.len();
        if used + piece.chars().count() + usize::from(!last) > cap {
            out.push('…');
            break;
        }
        used += piece.chars().count();
        out.push_str(&piece);
    }
    Cow::Owned(out)
}

/// Characters that act on the reader's screen instead of standing on it.
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0x00AD | 0x034F | 0x061C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180E
            | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFEFF
            | 0xFFA0 | 0xFFF0..=0xFFFB | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
}

/// Breaks a sentence into lines of at most `width` characters, at spaces where there are some.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(8);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let mut rest: Vec<char> = word.chars().collect();
        loop {
            let gap = usize::from(used > 0);
            if used + gap + rest.len() <= width {
                if gap == 1 {
                    line.push(' ');
                }
                line.extend(&rest);
                used += gap + rest.len();
                break;
            }
            if used > 0 {
                lines.push(std::mem::take(&mut line));
                used = 0;
                continue;
            }
            let tail = rest.split_off(width.min(rest.len()));
            lines.push(rest.into_iter().collect());
            rest = tail;
        }
    }
    if used > 0 || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_shown_not_obeyed() {
        assert!(matches!(clean("GET /cart/{id} – 日本"), Cow::Borrowed(_)));
        assert_eq!(clean("a\x1b[31mred\n{\"level\":1}"), "a\\u{1b}[31mred\\n{\"level\":1}");
        assert_eq!(
            clean("x\u{202e}gnp\u{2066}.\u{200b}\u{9b}"),
            "x\\u{202e}gnp\\u{2066}.\\u{200b}\\u{9b}"
        );
        assert_eq!(clean("\u{e0041}\u{feff}"), "\\u{e0041}\\u{feff}");
    }

    #[test]
    fn every_character_comes_out_safe_and_capped() {
        let all = (0..=0x10FFFF).filter_map(char::from_u32);
        for c in all.filter(|c| is_hostile(*c) || u32::from(*c) % 499 == 0) {
            let text: String = std::iter::repeat_n(c, 130).collect();
            let shown = clean(&text);
            assert!(!shown.chars().any(is_hostile), "{:x}", u32::from(c));
            let n = shown.chars().count();
            assert!(n <= NAME_CHARS && n > 100 && shown.ends_with('…'), "{n} {shown}");
        }
        let fits: String = "é".repeat(NAME_CHARS);
        assert_eq!(clean(&fits), fits);
    }

    #[test]
    fn lines_break_at_spaces_and_within_long_words() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("abcdefghijkl mn", 8), ["abcdefgh", "ijkl mn"]);
        assert_eq!(wrap("", 8), [""]);
        assert_eq!(wrap("12345678", 8), ["12345678"]);
    }
}
