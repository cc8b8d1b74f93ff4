//! What a call site says every time, encoded once.

use super::ATTRIBUTES;
use crate::drain::wire;
use crate::site::{Fixed, Site};

/// What is known of a call site, encoded.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) site: Option<&'static Site>,
    /// Name and kind.
    pub(super) head: Vec<u8>,
    /// Names and `KeyValue`s of what is the same every time.
    pub(super) fixed: Vec<(&'static str, Vec<u8>)>,
    /// Where in the program it is.
    pub(super) place: Vec<u8>,
    /// Keys as `KeyValue`s have them.
    keys: Vec<Vec<u8>>,
}

impl Prepared {
    pub(super) fn new(site: Option<&'static Site>) -> Self {
        let mut head = Vec::new();
        wire::bytes(&mut head, 5, site.map_or("", |s| s.name).as_bytes());
        wire::number(&mut head, 6, site.map_or(1, |s| s.kind as u64));
        let mut place = Vec::new();
        if let Some((site, file)) = site.and_then(|s| Some((s, s.file?))) {
            wire::text(&mut place, ATTRIBUTES, "code.file.path", file);
            wire::integer(&mut place, ATTRIBUTES, "code.line.number", i64::from(site.line));
        }
        let fixed = site.map_or(&[][..], |s| s.fixed).iter().map(|f| (f.key, literal(f))).collect();
        let keys = site.map_or(&[][..], |s| s.keys).iter().map(|k| wire::key_bytes(k)).collect();
        Self { site, head, fixed, place, keys }
    }

    pub(super) fn key(&self, index: usize) -> &[u8] {
        self.keys.get(index).map_or(b"\x0a\x01?", |k| k)
    }

    pub(super) fn names(&self) -> &'static [&'static str] {
        self.site.map_or(&[], |s| s.keys)
    }
}

/// A literal of the program, typed as it is there.
fn literal(f: &Fixed) -> Vec<u8> {
    let mut out = Vec::new();
    let key = wire::key_bytes(f.key);
    let quoted = f.source.contains('"') || f.source.starts_with('\'');
    match f.text {
        "true" | "false" if !quoted => {
            wire::pair(&mut out, ATTRIBUTES, &key, 2);
            wire::number(&mut out, 2, u64::from(f.text == "true"));
        }
        text if !quoted && text.parse::<i64>().is_ok() => {
            wire::integer(&mut out, ATTRIBUTES, f.key, text.parse().unwrap_or_default());
        }
        text if !quoted && text.parse::<f64>().is_ok() => {
            wire::pair(&mut out, ATTRIBUTES, &key, 9);
            wire::fixed64(&mut out, 4, text.parse::<f64>().unwrap_or_default().to_bits());
        }
        text => wire::text(&mut out, ATTRIBUTES, f.key, text),
    }
    out
}
