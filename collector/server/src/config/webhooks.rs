//! The list of webhooks: its own small table of keys, its secrets, and its [`Target`]s.
//!
//! No message here repeats a value: addresses and secrets are both passwords.

use super::fault::Fault;
use super::file::{scalar, unknown_key};
use super::load::Env;
use super::parse::unknown;
use super::tree::{At, Node};
use crate::outbox::Target;
use longpole_exporters::text::clean;
use longpole_exporters::webhook::Secret;
use longpole_model::finding::EventKind;
use serde_json::{Value, json};
use std::io::Read;

/// Keys of a webhook: name, whether it is a list, and what it is.
pub(super) const KEYS: [(&str, bool, &str); 4] = [
    ("url", false, "Where events are posted: an absolute http: or https: address."),
    ("secrets", true, "Keys that sign, whsec_<base64>; several while a key is changed."),
    ("secret_files", true, "Files that hold one such key each."),
    ("events", true, "Kinds that are sent; all where this is left out."),
];

/// Words for [`EventKind`]s.
pub(super) const EVENTS: [&str; 3] = ["opened", "updated", "resolved"];
const KINDS: [EventKind; 3] = [EventKind::Opened, EventKind::Updated, EventKind::Resolved];

/// Every webhook costs a queue.
const MOST: usize = 32;

pub(super) fn read(items: &[&At<Node>], env: Env, faults: &mut Vec<Fault>) -> Vec<Target> {
    if let Some(one) = items.get(MOST) {
        faults.push(Fault { place: one.place, what: format!("more than {MOST} webhooks") });
    }
    items.iter().filter_map(|item| target(item, env, faults)).collect()
}

fn target(item: &At<Node>, env: Env, faults: &mut Vec<Fault>) -> Option<Target> {
    let before = faults.len();
    let mut fault = |place, what: String| faults.push(Fault { place, what });
    let Node::Map(entries) = &item.value else {
        fault(item.place, "a webhook holds keys: \"- url: https://...\"".into());
        return None;
    };
    let (mut url, mut secrets, mut events) = (None, Vec::new(), Vec::new());
    for (key, value) in entries {
        let name = key.value.as_str();
        let Some((_, list, _)) = KEYS.iter().find(|(k, ..)| *k == name) else {
            let known: Vec<&'static str> = KEYS.iter().map(|(k, ..)| *k).collect();
            let Fault { place, what } = unknown_key(key, "webhooks", &known);
            fault(place, what);
            continue;
        };
        let values: Vec<&At<Node>> = match (&value.value, list) {
            (Node::List(values), true) => values.iter().collect(),
            (Node::Null, true) => Vec::new(),
            (_, true) => {
                fault(
                    value.place,
                    format!(
                        "\"{name}\" takes a list: put \"- \" before the value, on a line below"
                    ),
                );
                continue;
            }
            (_, false) => vec![value],
        };
        for node in values {
            let text = match scalar(node, env) {
                Ok(Some((text, _))) => text,
                Ok(None) => {
                    fault(node.place, format!("\"{name}\" is empty here: is its variable set?"));
                    continue;
                }
                Err(f) => {
                    fault(f.place, f.what);
                    continue;
                }
            };
            let outcome = match name {
                "url" => {
                    url = Some((node.place, text));
                    Ok(())
                }
                "secrets" => {
                    Secret::parse(&text).map(|s| secrets.push(s)).map_err(|e| e.to_string())
                }
                "secret_files" => from_file(&text, node).map(|s| secrets.push(s)),
                _ => match EVENTS.iter().zip(KINDS).find(|(word, _)| **word == text) {
                    Some((_, kind)) => {
                        events.push(kind);
                        Ok(())
                    }
                    None => Err(unknown("this kind of event", &text, &EVENTS)),
                },
            };
            if let Err(what) = outcome {
                fault(node.place, what);
            }
        }
    }
    let Some((place, url)) = url else {
        if faults.len() == before {
            faults.push(Fault { place: item.place, what: "this webhook has no \"url\"".into() });
        }
        return None;
    };
    Target::new(&url, secrets, events)
        .map_err(|e| {
            faults.push(Fault { place, what: format!("this \"url\" cannot be called: {e}") })
        })
        .ok()
}

/// The path is told as it is written: what a variable holds may be a secret set to the wrong key.
fn from_file(path: &str, node: &At<Node>) -> Result<Secret, String> {
    if Secret::parse(path).is_ok() {
        return Err("this is a secret and no file: put it under \"secrets\"".into());
    }
    let written = match &node.value {
        Node::Scalar(text) => clean(text),
        Node::Null | Node::List(_) | Node::Map(_) => "".into(),
    };
    let cannot = |why: String| format!("cannot take a secret from the file {written}: {why}");
    let file = std::fs::File::open(path).map_err(|e| cannot(e.to_string()))?;
    let mut text = String::new();
    file.take(4_096).read_to_string(&mut text).map_err(|e| cannot(e.to_string()))?;
    Secret::parse(&text).map_err(|e| cannot(e.to_string()))
}

/// A webhook as it may be shown.
pub(super) fn shown(target: &Target) -> Value {
    let wanted = EVENTS.iter().zip(KINDS).filter(|(_, kind)| target.wants(*kind));
    json!({
        "url": target.shown(),
        "secrets": vec!["***"; target.secrets()],
        "events": wanted.map(|(word, _)| *word).collect::<Vec<_>>(),
    })
}
