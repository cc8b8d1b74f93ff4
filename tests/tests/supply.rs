//! What we build on: licences that may be linked, and no library twice where it would hurt.
//!
//! Runs without a network, from the lock file's metadata. Advisories are cargo-deny's business.

use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "0BSD",
    "CC0-1.0",
    "Unlicense",
    "BSL-1.0",
    "Apache-2.0 WITH LLVM-exception",
];

/// Libraries of which a second version would split types or start-up state.
const ONCE: &[&str] = &["prost", "hdrhistogram", "serde", "zstd-sys", "opentelemetry-proto"];

/// Whether an SPDX expression offers an allowed licence: any of an OR, all of an AND.
fn allowed(expression: &str) -> bool {
    let flat = expression.replace(['(', ')'], "").replace('/', " OR ");
    flat.split(" AND ").all(|part| part.split(" OR ").any(|l| LICENCES.contains(&l.trim())))
}

#[test]
fn licences_may_be_linked() {
    assert!(allowed("MIT OR GPL-3.0") && allowed("MIT/Apache-2.0") && !allowed("GPL-3.0"));
    assert!(!allowed("MIT AND GPL-3.0"));
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo metadata");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let data: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let mut versions: BTreeMap<&str, u32> = BTreeMap::new();
    let packages = data["packages"].as_array().expect("packages");
    assert!(packages.len() > 50);
    for p in packages {
        let name = p["name"].as_str().unwrap_or("?");
        *versions.entry(name).or_default() += 1;
        if let Some(licence) = p["license"].as_str() {
            assert!(allowed(licence), "{name}: {licence}");
        } else {
            assert!(p["license_file"].is_string(), "{name} has no licence");
        }
    }
    for name in ONCE {
        assert!(versions.get(name).is_none_or(|n| *n == 1), "{name} is there twice");
    }
}
