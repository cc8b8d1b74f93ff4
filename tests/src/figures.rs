//! Figures that tests print. What they mean is theirs.

use std::io::Write;

/// Says a line past the harness, which keeps what a passing test prints: a figure has to be seen.
pub fn say(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}
