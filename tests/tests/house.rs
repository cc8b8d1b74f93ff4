//! The house stands as ARCHITECTURE.md says: arrows, purity, files. Each rule is shown to fail on a
//! bad example before it judges the real tree.

use longpole_tests::house::{ARROWS, manifest, manifests, source, verbs};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

#[test]
fn bad_manifests_are_told() {
    let with = |name: &str, rest: &str| {
        manifest(&format!("[package]\nname = \"{name}\"\n[lints]\nworkspace = true\n{rest}"))
    };
    assert!(with("longpole-core", "[dependencies]\nlongpole-model.workspace = true").is_empty());
    let wrong = [
        ("longpole-core", "[dependencies]\nlongpole-exporters.workspace = true"),
        ("longpole-core", "[dev-dependencies]\nlongpole-collector.workspace = true"),
        ("longpole-core", "[dependencies]\ntokio = \"1\""),
        ("longpole-model", "[dependencies]\nlongpole-proto.workspace = true"),
        ("longpole-exporters", "[build-dependencies]\nprost = \"0.14\""),
        ("longpole-shed", ""),
    ];
    for (name, rest) in wrong {
        assert_eq!(with(name, rest).len(), 1, "{name} {rest}");
    }
    assert_eq!(manifest("[package]\nname = \"longpole-model\"").len(), 1, "no lints");
}

#[test]
fn bad_sources_are_told() {
    let judge = |path: &str, text: &str| source("longpole-core", path, text).len();
    assert_eq!(judge("collector/core/src/x.rs", "//! Fine.\n"), 0);
    assert_eq!(judge("collector/core/src/x.rs", "fn f() {}\n"), 1);
    assert_eq!(judge("collector/core/src/x/mod.rs", "//! Fine.\n"), 1);
    assert_eq!(judge("collector/core/src/x.rs", &format!("//! Long.\n{}", "\n".repeat(500))), 1);
    assert_eq!(judge("collector/core/src/x.rs", "//! Clock.\nuse std::time::Instant;\n"), 1);
    assert_eq!(verbs("collector/core/src/route/x.rs", "use crate::classify::Hypothesis;").len(), 1);
    assert_eq!(
        verbs("collector/core/src/engine/x.rs", "use crate::classify::Hypothesis;").len(),
        0
    );
}

#[test]
fn every_room_is_known_and_every_arrow_allowed() {
    let all = manifests(&root());
    assert!(all.len() >= 8, "{:?}", all.keys());
    let faults: Vec<String> = all.values().flat_map(|text| manifest(text)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn sources_are_pure_short_and_introduced() {
    let mut faults = Vec::new();
    for (path, text) in manifests(&root()) {
        let name = ARROWS.iter().map(|(n, _)| *n).find(|n| text.contains(&format!("\"{n}\"")));
        let folder = path.trim_end_matches("/Cargo.toml");
        let mut files = Vec::new();
        sources(&root().join(folder), &mut files);
        assert!(!files.is_empty(), "{path}");
        for file in files {
            let shown = file.strip_prefix(root()).unwrap_or(&file).display().to_string();
            let text = std::fs::read_to_string(&file).expect("a source");
            let generated = shown.contains("/generated/");
            if !generated {
                faults.extend(source(name.unwrap_or(""), &shown, &text));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn pure_crates_ban_the_outside_in_clippy_too() {
    for folder in ["collector/core", "proto/model", "exporters"] {
        let text = std::fs::read_to_string(root().join(folder).join("clippy.toml"))
            .unwrap_or_else(|e| panic!("{folder}/clippy.toml: {e}"));
        for word in [
            "std::time::Instant::now",
            "std::time::SystemTime::now",
            "std::fs::File",
            "std::net::TcpStream",
            "std::env::var",
            "std::thread::spawn",
            "std::process::Command",
        ] {
            assert!(text.contains(word), "{folder}/clippy.toml does not ban {word}");
        }
        assert!(text.matches("reason").count() >= 7, "{folder}: every ban has its reason");
    }
    let workspace = std::fs::read_to_string(root().join("Cargo.toml")).expect("a manifest");
    for lint in ["unsafe_code = \"forbid\"", "iter_over_hash_type"] {
        assert!(workspace.contains(lint), "the workspace does not set {lint}");
    }
}

#[test]
fn the_top_level_holds_what_was_agreed() {
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "proto",
        "collector",
        "agent-sdk",
        "exporters",
        "deploy",
        "tests",
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "LICENSE",
        "deny.toml",
        "rust-toolchain.toml",
        "rustfmt.toml",
        "clippy.toml",
        "target",
    ];
    for entry in std::fs::read_dir(root()).expect("the root").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(name.starts_with('.') || allowed.contains(&name.as_str()), "{name}");
    }
}
