//! The JSON Schema of the file, from the table of settings.
//!
//! Says what an editor can check. Variables (`${VAR}`) are allowed wherever a value is.

use super::fields::{FIELDS, Slot};
use super::webhooks::{EVENTS, KEYS};
use serde_json::{Map, Value, json};

/// A value that holds a variable is only known when it runs.
const VARIABLE: &str = r"\$\{";

/// The schema, for `# yaml-language-server: $schema=`.
pub fn schema() -> Value {
    let mut properties = Map::new();
    for field in FIELDS {
        let mut one = slot(&field.slot);
        if let Some(one) = one.as_object_mut() {
            let mut doc = field.doc.to_owned();
            let also: Vec<&str> =
                field.env.into_iter().chain(field.flag.map(|(flag, _)| flag)).collect();
            if !also.is_empty() {
                doc.push_str(&format!(" Also as {}.", also.join(" or ")));
            }
            one.insert("description".into(), doc.into());
            if !field.default.is_empty() {
                let default =
                    if field.is_list() { json!([field.default]) } else { json!(field.default) };
                one.insert("default".into(), default);
            }
        }
        match field.key.split_once('.') {
            None => drop(properties.insert(field.key.into(), one)),
            Some((section, key)) => {
                let section = properties.entry(section).or_insert_with(|| object(Map::new()));
                if let Some(inner) = section.get_mut("properties").and_then(Value::as_object_mut) {
                    inner.insert(key.into(), one);
                }
            }
        }
    }
    let mut root = object(properties);
    if let Some(root) = root.as_object_mut() {
        root.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        root.insert("title".into(), "Longpole configuration".into());
    }
    root
}

fn object(properties: Map<String, Value>) -> Value {
    // A section may be left empty.
    json!({ "type": ["object", "null"], "additionalProperties": false, "properties": properties })
}

fn text(pattern: &str) -> Value {
    json!({ "type": ["string", "null"], "pattern": format!("^({pattern})$|{VARIABLE}") })
}

fn words(words: &[&str]) -> Value {
    json!({ "anyOf": [{ "enum": words }, { "type": "string", "pattern": VARIABLE }, { "type": "null" }] })
}

fn slot(slot: &Slot) -> Value {
    match slot {
        Slot::Address(_) => text(r"[^ ]+:[0-9]+"),
        Slot::Path(_) => json!({ "type": ["string", "null"] }),
        Slot::Count(_, least, most) => json!({ "anyOf": [
            { "type": "integer", "minimum": least, "maximum": most },
            { "type": "string", "pattern": VARIABLE },
            { "type": "null" },
        ] }),
        Slot::Duration(..) => text("[0-9]+ *(ms|s|m|h)"),
        Slot::Bytes(..) => json!({ "anyOf": [
            { "type": "integer" },
            text("[0-9]+ *(B|KiB|MiB|GiB)?"),
        ] }),
        Slot::Words(all, _, _, true) => {
            json!({ "type": ["array", "null"], "items": words(all), "minItems": 1 })
        }
        Slot::Words(all, _, _, false) => words(all),
        Slot::Redis(_) => text("rediss?://[^ ]+"),
        Slot::Webhooks => {
            let one = |(key, list, doc): &(&str, bool, &str)| {
                let item =
                    if *key == "events" { words(&EVENTS) } else { json!({ "type": "string" }) };
                let mut value =
                    if *list { json!({ "type": ["array", "null"], "items": item }) } else { item };
                if let Some(value) = value.as_object_mut() {
                    value.insert("description".into(), (*doc).into());
                }
                ((*key).to_owned(), value)
            };
            json!({ "type": ["array", "null"], "items": {
                "type": "object",
                "additionalProperties": false,
                "required": ["url"],
                "properties": KEYS.iter().map(one).collect::<Map<_, _>>(),
            } })
        }
    }
}
