//! A YAML file as a tree of texts with their places. Knows no setting.

use super::fault::{Fault, Place};
use longpole_exporters::text::clean;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

/// Something at a place in the file.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// A node.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// Nothing: `key:`, `null`, `~`.
    Null,
    /// A value, as it is written.
    Scalar(String),
    List(Vec<At<Node>>),
    Map(Vec<(At<String>, At<Node>)>),
}

/// Parses a file.
///
/// # Errors
/// The first thing that is no YAML.
pub(super) fn parse(text: &str) -> Result<At<Node>, Fault> {
    let blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if text.lines().all(blank) {
        return Ok(At { value: Node::Null, place: Place { line: 1, column: 1 } });
    }
    match serde_saphyr::from_str::<Spanned<Raw>>(text) {
        Ok(root) => Ok(node(root, text)),
        Err(e) => {
            let e = e.without_snippet();
            let what = match e {
                serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => {
                    format!("the key \"{}\" stands here a second time", clean(key))
                }
                serde_saphyr::Error::MultipleDocuments { .. } => {
                    "a second document begins with this \"---\": a configuration is one".into()
                }
                other => {
                    let said = other.to_string();
                    let said = said.lines().next().unwrap_or_default();
                    // The place is told already, in front.
                    let what = said.rsplit_once(" at line ").map_or(said, |(what, _)| what);
                    format!("this is no YAML: {what}")
                }
            };
            Err(Fault { place: e.location().map_or(Place { line: 1, column: 1 }, place), what })
        }
    }
}

fn place(l: Location) -> Place {
    Place { line: l.line(), column: l.column() }
}

fn node(raw: Spanned<Raw>, text: &str) -> At<Node> {
    let at = raw.referenced;
    let value = match raw.value {
        Raw::Null => Node::Null,
        Raw::Text(text) => Node::Scalar(text),
        // A number or truth value means what was written: a folder may be called 007.
        Raw::Plain(read) => {
            let span = raw.defined.span();
            let start = span.byte_offset().and_then(|n| usize::try_from(n).ok());
            let length = span.byte_len().and_then(|n| usize::try_from(n).ok());
            let written = start.zip(length).and_then(|(s, n)| text.get(s..s.checked_add(n)?));
            Node::Scalar(written.map_or(read, |w| w.trim().to_owned()))
        }
        Raw::List(items) => Node::List(items.into_iter().map(|i| node(i, text)).collect()),
        Raw::Map(entries) => {
            let entry = |(k, v): (Spanned<String>, Spanned<Raw>)| {
                (At { value: k.value, place: place(k.referenced) }, node(v, text))
            };
            Node::Map(entries.into_iter().map(entry).collect())
        }
    };
    At { value, place: place(at) }
}

/// What serde hands over.
enum Raw {
    Null,
    Text(String),
    Plain(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Raw;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value, a list or keys with values")
    }
    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }
    fn visit_bool<E>(self, b: bool) -> Result<Raw, E> {
        Ok(Raw::Plain(b.to_string()))
    }
    fn visit_u64<E>(self, n: u64) -> Result<Raw, E> {
        Ok(Raw::Plain(n.to_string()))
    }
    fn visit_i64<E>(self, n: i64) -> Result<Raw, E> {
        Ok(Raw::Plain(n.to_string()))
    }
    fn visit_u128<E>(self, n: u128) -> Result<Raw, E> {
        Ok(Raw::Plain(n.to_string()))
    }
    fn visit_i128<E>(self, n: i128) -> Result<Raw, E> {
        Ok(Raw::Plain(n.to_string()))
    }
    fn visit_f64<E>(self, n: f64) -> Result<Raw, E> {
        Ok(Raw::Plain(n.to_string()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut out = Vec::new();
        while let Some(item) = items.next_element()? {
            out.push(item);
        }
        Ok(Raw::List(out))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut out = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            out.push(entry);
        }
        Ok(Raw::Map(out))
    }
}
