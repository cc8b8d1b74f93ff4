//! `longpole config` as a person meets it: exit codes, and which stream says what.

use std::process::{Command, Output};

fn longpole(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longpole"));
    command.args(args).env_clear().output().expect("runs")
}

#[test]
fn good_configurations_are_data() {
    for args in [
        &["config", "show"][..],
        &["config", "show", "--origin", "--grpc", "0.0.0.0:4317"],
        &["config", "show", "--json"],
        &["config", "show", "--origin", "--json"],
        &["config", "schema"],
    ] {
        let out = longpole(args);
        assert_eq!(out.status.code(), Some(0), "{args:?}");
        assert!(out.stderr.is_empty() && !out.stdout.is_empty(), "{args:?}");
        if args.last() != Some(&"show") && !args.contains(&"--grpc") {
            let read: Result<serde_json::Value, _> = serde_json::from_slice(&out.stdout);
            assert!(read.is_ok(), "{args:?}");
        }
    }
}

#[test]
fn bad_configurations_are_exit_code_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("longpole.yaml");
    std::fs::write(&path, "log:\n  levl: info\n").expect("written");
    let path = path.display().to_string();
    let out = longpole(&["config", "show", "--config", &path]);
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(2), "{said}");
    assert!(out.stdout.is_empty());
    assert!(
        said.contains("longpole.yaml:2:3 unknown key \"levl\" under log: did you mean \"level\"?")
    );
    let out = longpole(&["config", "show", "--config", "/nowhere.yaml"]);
    assert_eq!(out.status.code(), Some(2));
}
