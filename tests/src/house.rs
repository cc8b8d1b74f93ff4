//! The house as data: which crate may use which, and what the pure ones may not touch.
//!
//! Judges manifests and sources that are given as text, so that each rule can be shown to fail.

use std::collections::BTreeMap;
use toml::Table;

/// Crate, and the workspace crates it may use (DESIGN: arrows). Tests may use all.
pub const ARROWS: &[(&str, &[&str])] = &[
    ("longpole-model", &[]),
    ("longpole-proto", &[]),
    ("longpole-core", &["longpole-model"]),
    ("longpole-exporters", &["longpole-model", "longpole-proto"]),
    ("longpole-sdk", &["longpole-sdk-macros", "longpole-proto"]),
    ("longpole-sdk-macros", &[]),
    ("longpole-lab", &["longpole-sdk"]),
    (
        "longpole-collector",
        &[
            "longpole-lab",
            "longpole-core",
            "longpole-exporters",
            "longpole-model",
            "longpole-proto",
        ],
    ),
    ("longpole-tests", &["*"]),
];

/// What the pure crates may use from outside, each with its reason.
pub const PURE: &[(&str, &[(&str, &str)])] = &[
    (
        "longpole-model",
        &[
            ("hdrhistogram", "layout of the duration sketch; judge of its quantiles and wire form"),
            ("serde", "findings are read and written as JSON; derives only"),
        ],
    ),
    (
        "longpole-core",
        &[
            ("serde", "the routing tree is data; derives only"),
            ("thiserror", "one error enum at the crate's edge"),
        ],
    ),
    (
        "longpole-exporters",
        &[
            ("base64", "signatures and secrets of webhooks"),
            ("hmac", "signatures of webhooks"),
            ("serde", "derives"),
            ("serde_json", "the JSON voice: text, no I/O"),
            ("sha2", "signatures of webhooks"),
            ("thiserror", "one error enum at the crate's edge"),
        ],
    ),
];

/// What a pure crate's source must not name.
pub const BANNED: &[(&str, &str)] = &[
    ("std::time::Instant", "time is an argument"),
    ("std::time::SystemTime", "time is an argument"),
    ("SystemTime::now", "time is an argument"),
    ("Instant::now", "time is an argument"),
    ("std::fs", "no files"),
    ("std::net", "no sockets"),
    ("std::env", "no environment"),
    ("std::thread", "no threads"),
    ("std::process", "no processes"),
    ("println!", "no output"),
    ("async fn", "no runtime"),
    ("thread_rng", "no randomness"),
];

/// Faults of one manifest.
pub fn manifest(text: &str) -> Vec<String> {
    let Ok(table) = text.parse::<Table>() else { return vec!["not TOML".to_owned()] };
    let name = table.get("package").and_then(|p| p.get("name")).and_then(|n| n.as_str());
    let Some(name) = name else { return vec!["no package name".to_owned()] };
    let Some((_, allowed)) = ARROWS.iter().find(|(n, _)| *n == name) else {
        return vec![format!("{name} is not a room of the house")];
    };
    let mut out = Vec::new();
    let lints = table.get("lints");
    let inherits = lints.and_then(|l| l.get("workspace")).and_then(toml::Value::as_bool);
    let denies = lints.and_then(|l| l.get("rust")).and_then(|r| r.get("unsafe_code"));
    let strict = inherits == Some(true)
        || (name == "longpole-sdk" && denies.and_then(|d| d.as_str()) == Some("deny"));
    if !strict {
        out.push(format!("{name} does not inherit the workspace's lints"));
    }
    for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
        let used = table.get(section).and_then(|d| d.as_table());
        for dependency in used.into_iter().flat_map(Table::keys) {
            if dependency.starts_with("longpole-") {
                // A test may look at more than its crate, but at nothing above it.
                if !allowed.contains(&"*") && !allowed.contains(&dependency.as_str()) {
                    out.push(format!(
                        "{name} -> {dependency} ({section}) is no arrow of the house"
                    ));
                }
            } else if section != "dev-dependencies"
                && let Some((_, list)) = PURE.iter().find(|(n, _)| *n == name)
                && !list.iter().any(|(n, _)| n == dependency)
            {
                out.push(format!("{name} is pure: {dependency} is not on its list"));
            }
        }
    }
    out
}

/// Faults of one source file of a crate.
pub fn source(crate_name: &str, path: &str, text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let first = text.lines().find(|l| !l.trim().is_empty()).unwrap_or("");
    if !first.starts_with("//!") {
        out.push(format!("{path}: does not open with what lives here (//!)"));
    }
    let lines = text.lines().count();
    if lines > 500 {
        out.push(format!("{path}: {lines} lines; one idea a file, at most 500"));
    }
    if path.ends_with("/mod.rs") {
        out.push(format!("{path}: modules are foo.rs + foo/, not mod.rs"));
    }
    if PURE.iter().any(|(n, _)| *n == crate_name) {
        let code = text.lines().filter(|l| !l.trim_start().starts_with("//"));
        for line in code {
            for (word, why) in BANNED {
                if line.contains(word) {
                    out.push(format!("{path}: {word}: {why}"));
                }
            }
        }
    }
    out.extend(crate::house::verbs(path, text));
    out
}

/// The verbs of the core; only the engine may name more than one.
const VERBS: [&str; 5] = ["aggregate", "detect", "attribute", "classify", "route"];

/// Verbs that a file of another verb names.
pub fn verbs(path: &str, text: &str) -> Vec<String> {
    let Some(inside) = path.split("collector/core/src/").nth(1) else { return Vec::new() };
    let own = inside.split(['/', '.']).next().unwrap_or("");
    if !VERBS.contains(&own) && !["facts", "catalog", "limits", "stats", "hash"].contains(&own) {
        return Vec::new();
    }
    let others = VERBS.iter().filter(|v| **v != own);
    let named = others.filter(|v| {
        text.contains(&format!("crate::{v}::")) || text.contains(&format!("use crate::{v};"))
    });
    named.map(|v| format!("{path}: {own} names {v}; only the engine names the verbs")).collect()
}

/// Manifests of the workspace by path.
pub fn manifests(root: &std::path::Path) -> BTreeMap<String, String> {
    let root_manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default();
    let table: Table = root_manifest.parse().unwrap_or_default();
    let members = table.get("workspace").and_then(|w| w.get("members")).and_then(|m| m.as_array());
    let members = members.into_iter().flatten().filter_map(|m| m.as_str());
    members
        .map(|m| {
            let path = format!("{m}/Cargo.toml");
            let text = std::fs::read_to_string(root.join(&path)).unwrap_or_default();
            (path, text)
        })
        .collect()
}
