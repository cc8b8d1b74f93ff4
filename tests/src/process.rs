//! What is done to processes from outside.

use std::process::Command;

/// Sends a signal, such as `-STOP`.
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(sent.is_ok_and(|s| s.success()), "{name} was not sent");
}
