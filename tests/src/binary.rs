//! The `longpole` binary as a person runs it. `tests/run.sh` builds it first.

use std::path::PathBuf;
use std::process::{Command, Output};

/// The binary beside the test's own.
pub fn longpole() -> Command {
    let mut path = std::env::current_exe().unwrap_or_default();
    path.pop(); // deps
    path.pop();
    path.push("longpole");
    assert!(
        path.exists(),
        "{} is not built: run `cargo build --workspace --bins` first",
        path.display()
    );
    let mut command = Command::new(path);
    command.env("NO_COLOR", "1").current_dir(root());
    command
}

/// The root of the checkout.
pub fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}

/// Runs the binary with arguments.
pub fn run(arguments: &[&str]) -> Output {
    longpole().args(arguments).output().unwrap_or_else(|e| panic!("longpole does not start: {e}"))
}

/// Standard output as JSON.
pub fn json(out: &Output) -> serde_json::Value {
    serde_json::from_slice(&out.stdout).unwrap_or_else(|e| {
        panic!(
            "no JSON ({e}): {}{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        )
    })
}
