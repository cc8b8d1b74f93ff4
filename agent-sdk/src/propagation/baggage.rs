//! The `baggage` header (W3C): its caps, and looking up and setting one entry. Kept as text, since
//! most spans only pass it on.

use longpole_proto::percent::{decode, encode};

/// W3C: at most 64 entries and 8192 bytes in all.
const ENTRIES: usize = 64;
const LONGEST: usize = 8192;

/// The header as it may be passed on; nothing when it is too long or not printable ASCII.
pub(super) fn check(text: &str) -> Option<String> {
    if text.len() > LONGEST || !text.bytes().all(|b| (0x20..0x7f).contains(&b) || b == b'\t') {
        return None;
    }
    let kept: Vec<&str> = entries(text).filter(|e| name(e).is_some()).take(ENTRIES).collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

/// The decoded value of `key`, without its properties.
pub(super) fn get(text: &str, key: &str) -> Option<String> {
    let entry = entries(text).find(|e| name(e) == Some(key))?;
    let value = entry.split_once('=')?.1.split(';').next()?.trim();
    Some(decode(value))
}

/// The text with `key` set; `None` when the key is no token or a cap would be passed.
pub(super) fn set(text: &str, key: &str, value: &str) -> Option<String> {
    if key.is_empty() || !key.bytes().all(token) {
        return None;
    }
    let others: Vec<&str> = entries(text).filter(|e| name(e) != Some(key)).collect();
    let mut out = others.join(",");
    if !out.is_empty() {
        out.push(',');
    }
    out.push_str(key);
    out.push('=');
    encode(&mut out, value, plain);
    (out.len() <= LONGEST && others.len() < ENTRIES).then_some(out)
}

fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|e| !e.is_empty())
}

fn name(entry: &str) -> Option<&str> {
    let key = entry.split_once('=')?.0.trim();
    (!key.is_empty() && key.bytes().all(token)).then_some(key)
}

/// A character of a token (RFC 9110).
fn token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A character a value may hold unescaped; `%` is always escaped so that decoding is exact.
fn plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\",;\\%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_set_replaced_and_read() {
        let text = set("", "user", "a b,c").unwrap();
        assert_eq!(text, "user=a%20b%2Cc");
        assert_eq!(get(&text, "user").as_deref(), Some("a b,c"));
        let text = set(&text, "user", "x").unwrap();
        assert_eq!(text, "user=x");
        assert_eq!(get("a = 1 ;p=2 , b=%zz", "a").as_deref(), Some("1"));
        assert_eq!(get("a = 1 ;p=2 , b=%zz", "b").as_deref(), Some("%zz"));
    }

    #[test]
    fn caps_hold() {
        assert_eq!(set("", "no space", "x"), None);
        assert_eq!(set("", "k", &"x".repeat(9000)), None);
        assert_eq!(check(&"x".repeat(9000)), None);
        let many: Vec<String> = (0..80).map(|i| format!("k{i}=1")).collect();
        assert_eq!(entries(&check(&many.join(",")).unwrap()).count(), 64);
        assert_eq!(set(&check(&many.join(",")).unwrap(), "z", "1"), None);
    }
}
