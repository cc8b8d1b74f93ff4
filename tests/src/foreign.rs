//! Programs of others that a test talks to: unmodified SDKs, Prometheus. `tests/run.sh` installs
//! them; nothing of them is in the repository.

use crate::binary::root;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where `tests/run.sh` puts what it installs.
pub fn installed() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root().join(target).join("foreign")
}

/// Whether a program is there. When it is not, says so loudly, or fails when the environment
/// variable is `1`: the test must not pass in silence where it was meant to run.
pub fn there(what: &str, path: &Path, required_by: &str) -> bool {
    if path.exists() {
        return true;
    }
    let missing = format!("{what} is not installed ({})", path.display());
    assert!(std::env::var(required_by).as_deref() != Ok("1"), "{missing}, and {required_by}=1");
    // Past the test harness, which keeps what a passing test prints.
    let text = format!("\n!! SKIPPED: {missing}; tests/run.sh installs it\n");
    let _ = std::io::stderr().write_all(text.as_bytes());
    false
}

/// A program in the search path.
pub fn in_path(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|d| d.join(name)).find(|p| p.exists());
    found.unwrap_or_else(|| PathBuf::from(name))
}
