//! The layer of the file: keys to settings, variables put in, every fault with its place.
//!
//! Does not read the file, and does not know which layer is stronger.

use super::fault::{Fault, Place};
use super::fields::{FIELDS, Slot};
use super::load::{Env, Origin};
use super::substitute::substitute;
use super::tree::{At, Node};
use super::{Config, webhooks};
use longpole_core::route::nearest;
use longpole_exporters::text::clean;

/// The file's layer.
pub(super) struct File<'a> {
    pub(super) name: &'a str,
    pub(super) env: Env<'a>,
    pub(super) config: &'a mut Config,
    pub(super) faults: Vec<Fault>,
}

impl File<'_> {
    /// Takes every key of the file in, and notes what is none.
    pub(super) fn root(&mut self, root: &At<Node>, origins: &mut [Origin]) {
        let entries = match &root.value {
            Node::Map(entries) => entries,
            Node::Null => return,
            Node::Scalar(_) | Node::List(_) => {
                return self.fault(
                    root.place,
                    "the file must hold keys with values, such as \"grpc: 127.0.0.1:4317\"",
                );
            }
        };
        for (key, value) in entries {
            let section = format!("{}.", key.value);
            if FIELDS.iter().any(|f| f.key == key.value && !f.key.contains('.')) {
                self.field(&key.value, value, origins);
            } else if !FIELDS.iter().any(|f| f.key.starts_with(&section)) {
                let known = FIELDS.iter().map(|f| f.key.split('.').next().unwrap_or(f.key));
                self.unknown(key, "", known);
            } else {
                self.section(key, value, origins);
            }
        }
    }

    fn section(&mut self, key: &At<String>, value: &At<Node>, origins: &mut [Origin]) {
        let entries = match &value.value {
            Node::Map(entries) => entries,
            Node::Null => return,
            Node::Scalar(_) | Node::List(_) => {
                return self
                    .fault(value.place, format!("\"{}\" holds keys with values", key.value));
            }
        };
        let section = format!("{}.", key.value);
        for (inner, value) in entries {
            let full = format!("{section}{}", inner.value);
            if FIELDS.iter().any(|f| f.key == full) {
                self.field(&full, value, origins);
            } else {
                let known = FIELDS.iter().filter_map(|f| f.key.strip_prefix(&section));
                self.unknown(inner, &key.value, known);
            }
        }
    }

    fn unknown(
        &mut self,
        key: &At<String>,
        under: &str,
        known: impl Iterator<Item = &'static str>,
    ) {
        let mut known: Vec<&str> = known.collect();
        known.dedup();
        self.faults.push(unknown_key(key, under, &known));
    }

    fn field(&mut self, key: &str, value: &At<Node>, origins: &mut [Origin]) {
        let Some(n) = FIELDS.iter().position(|f| f.key == key) else { return };
        let (Some(field), Some(origin)) = (FIELDS.get(n), origins.get_mut(n)) else { return };
        let nodes: Vec<&At<Node>> = match (&value.value, field.is_list()) {
            (Node::Null, _) => return,
            (Node::Scalar(_), false) => vec![value],
            (Node::List(items), true) => items.iter().collect(),
            (_, true) if matches!(field.slot, Slot::Webhooks) => {
                return self.fault(
                    value.place,
                    "\"webhooks\" takes a list: put \"- \" before each \"url\"",
                );
            }
            (_, true) => {
                return self.fault(value.place, format!("\"{key}\" takes a list, such as [a, b]"));
            }
            (_, false) => return self.fault(value.place, format!("\"{key}\" takes one value")),
        };
        let mut variables = Vec::new();
        if matches!(field.slot, Slot::Webhooks) {
            self.config.webhooks = webhooks::read(&nodes, self.env, &mut self.faults);
        } else {
            let mut texts = Vec::new();
            for node in &nodes {
                match scalar(node, self.env) {
                    Ok(Some((text, used))) => {
                        texts.push(text);
                        variables.extend(used);
                    }
                    // A variable that is not set leaves the setting to the next layer.
                    Ok(None) if !field.is_list() => return,
                    Ok(None) => return self.fault(node.place, "this item is empty"),
                    Err(fault) => return self.faults.push(fault),
                }
            }
            // What came from a variable is shown by the variable's name: it may be a secret.
            let shown = |at: usize| match nodes.get(at).map(|n| &n.value) {
                Some(Node::Scalar(text)) => format!("\"{}\"", clean(text)),
                _ => "this".to_owned(),
            };
            if let Err(wrong) = field.set(self.config, &texts, shown) {
                let place = nodes.get(wrong.at).map_or(value.place, |n| n.place);
                return self.fault(place, wrong.what);
            }
        }
        let Place { line, column } = value.place;
        *origin = Origin::File { at: format!("{}:{line}:{column}", self.name), variables };
    }

    fn fault(&mut self, place: Place, what: impl Into<String>) {
        self.faults.push(Fault { place, what: what.into() });
    }
}

/// A key that is not in the table, with the nearest that is.
pub(super) fn unknown_key(key: &At<String>, under: &str, known: &[&'static str]) -> Fault {
    let what = match (FIELDS.iter().find(|f| f.key == key.value), key.value.split_once('.')) {
        (Some(_), Some((section, inner))) => {
            format!(
                "unknown key \"{section}.{inner}\": write \"{section}:\" and \"{inner}:\" on a line below it"
            )
        }
        _ => {
            let under = if under.is_empty() { String::new() } else { format!(" under {under}") };
            let unknown = format!("unknown key \"{}\"{under}", clean(&key.value));
            match nearest(&key.value, known.iter().copied()) {
                Some(near) => format!("{unknown}: did you mean \"{near}\"?"),
                None => format!("{unknown}: possible are {}", known.join(", ")),
            }
        }
    };
    Fault { place: key.place, what }
}

/// A value with its variables put in, and their names; `None` where nothing is left.
pub(super) fn scalar(node: &At<Node>, env: Env) -> Result<Option<(String, Vec<String>)>, Fault> {
    let wrong = |what: String| Fault { place: node.place, what };
    match &node.value {
        Node::Null => Ok(None),
        Node::Scalar(text) => {
            let s = substitute(text, env).map_err(wrong)?;
            let blank = s.text.is_empty() && !s.variables.is_empty();
            Ok((!blank).then_some((s.text, s.variables)))
        }
        Node::List(_) | Node::Map(_) => {
            Err(wrong("one value belongs here, no list and no keys".into()))
        }
    }
}
