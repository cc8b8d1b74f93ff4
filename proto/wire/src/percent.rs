//! Percent-encoding, as headers and variables have it: `%` and two hex digits for a byte. Which bytes stand for
//! themselves is each grammar's to say.

use std::fmt::Write;

/// Appends `text`, its bytes encoded but for those that are `plain`. `%` must not be.
pub fn encode(out: &mut String, text: &str, plain: impl Fn(u8) -> bool) {
    for byte in text.bytes() {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// The text that was encoded; what is no encoding stands for itself, what is no UTF-8 is replaced.
pub fn decode(text: &str) -> String {
    decode_to(text, usize::MAX)
}

/// As [`decode`], to about so many bytes.
pub fn decode_to(text: &str, most: usize) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len().min(most));
    let mut at = 0;
    while at < bytes.len() && out.len() < most {
        let coded = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|h| u8::from_str_radix(std::str::from_utf8(h).ok()?, 16).ok());
        out.push(coded.unwrap_or(bytes[at]));
        at += if coded.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}
