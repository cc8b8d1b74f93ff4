//! A loaded configuration for people and programs. Secrets are stars, addresses of webhooks end at
//! the host.

use super::fields::FIELDS;
use super::load::{Loaded, Origin};
use serde_json::{Map, Value, json};

/// Every setting as YAML, in the order of the table. Lists are in their short form.
pub fn show(loaded: &Loaded) -> String {
    let mut out = String::new();
    let mut open = "";
    for field in FIELDS {
        let value = field.get(&loaded.config);
        match field.key.split_once('.') {
            None => out.push_str(&format!("{}: {value}\n", field.key)),
            Some((section, key)) => {
                if section != open {
                    out.push_str(&format!("{section}:\n"));
                    open = section;
                }
                out.push_str(&format!("  {key}: {value}\n"));
            }
        }
    }
    out
}

/// Every setting as one JSON object, sections within.
pub fn show_json(loaded: &Loaded) -> Value {
    let mut out = Map::new();
    for field in FIELDS {
        let value = field.get(&loaded.config);
        match field.key.split_once('.') {
            None => drop(out.insert(field.key.into(), value)),
            Some((section, key)) => {
                let section = out.entry(section).or_insert_with(|| json!({}));
                if let Some(section) = section.as_object_mut() {
                    section.insert(key.into(), value);
                }
            }
        }
    }
    out.into()
}

/// A table: setting, value, and where it came from.
pub fn show_origins(loaded: &Loaded) -> String {
    let mut rows = vec![["setting".to_owned(), "value".to_owned(), "origin".to_owned()]];
    for (field, setting) in FIELDS.iter().zip(&loaded.settings) {
        let value = match field.get(&loaded.config) {
            Value::String(text) => text,
            Value::Null => "-".to_owned(),
            Value::Array(items) if items.is_empty() => "-".to_owned(),
            other => other.to_string(),
        };
        rows.push([field.key.to_owned(), value, setting.origin.to_string()]);
    }
    let width = |n: usize| rows.iter().map(|r| r.get(n).map_or(0, |c| c.chars().count())).max();
    // The longest value is a list of webhooks: it must not push every origin off the screen.
    let (first, second) = (width(0).unwrap_or(0), width(1).unwrap_or(0).min(40));
    let line = |[a, b, c]: &[String; 3]| format!("{a:first$}  {b:second$}  {c}\n");
    rows.iter().map(line).collect()
}

/// The same as a list of `{key, value, origin}`.
pub fn show_origins_json(loaded: &Loaded) -> Value {
    let row = |(field, setting): (&super::fields::Field, &super::Setting)| {
        let origin = match &setting.origin {
            Origin::Default => json!({ "from": "default" }),
            Origin::File { at, variables } => {
                json!({ "from": "file", "at": at, "variables": variables })
            }
            Origin::Env(name) => json!({ "from": "env", "name": name }),
            Origin::Flag(name) => json!({ "from": "flag", "name": name }),
        };
        json!({ "key": field.key, "value": field.get(&loaded.config), "origin": origin })
    };
    FIELDS.iter().zip(&loaded.settings).map(row).collect()
}
