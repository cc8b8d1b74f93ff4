//! Whose a spill's folder is, and taking over those of processes that are gone. A folder is named by
//! process id and the moment the process began, so that a later process with the same id is another.
//!
//! Where there is no `/proc`, nobody can be known to be gone: folders wait until a person moves them. One
//! root serves the processes of one process-id namespace: give each container its own.

use std::io;
use std::path::{Path, PathBuf};

/// The folder of this process.
pub(super) fn name(producer: [u8; 16]) -> String {
    let pid = std::process::id();
    let hex = longpole_proto::road::producer_hex(producer);
    format!("{pid}-{}-{}", began(pid).unwrap_or(0), &hex[..16])
}

/// When a process began, in ticks since the start of the system: field 22 of `/proc/{pid}/stat`.
fn began(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command may hold anything, parentheses too.
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// Whether the owner of a folder lives.
fn lives(name: &str) -> bool {
    let mut parts = name.split('-');
    let (pid, start) = (parts.next(), parts.next());
    let Some((pid, start)) = pid.and_then(|p| p.parse().ok()).zip(start) else { return true };
    if !Path::new("/proc/self/stat").exists() {
        return true;
    }
    began(pid).is_some_and(|b| Ok(b) == start.parse())
}

/// Claims folders of the dead and lists their files, oldest first within each.
pub(super) fn take(root: &Path, own: &Path) -> io::Result<Vec<PathBuf>> {
    let mut out = Vec::new();
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root)?.flatten().map(|e| e.path()).collect();
    folders.sort();
    for (n, folder) in folders.iter().enumerate() {
        let name = folder.file_name().and_then(|n| n.to_str()).unwrap_or("");
        if folder == own || !folder.is_dir() || lives(name) {
            continue;
        }
        // Only one process can rename it; the others find it gone.
        let mine = claim(own, n);
        if std::fs::rename(folder, &mine).is_err() {
            continue;
        }
        let files = std::fs::read_dir(&mine)?.flatten().map(|e| e.path());
        let mut files: Vec<PathBuf> =
            files.filter(|p| p.extension().is_some_and(|e| e == "spill")).collect();
        files.sort();
        out.extend(files);
    }
    Ok(out)
}

/// The name under which a folder is emptied. It begins with our own name: should we end on the way, an
/// heir knows whose it was.
fn claim(own: &Path, n: usize) -> PathBuf {
    let mut name = own.as_os_str().to_owned();
    name.push(format!("-taken-{n}"));
    PathBuf::from(name)
}

/// Removes claimed folders that are empty now.
pub(super) fn clear(root: &Path, own: &Path) {
    let own = own.file_name().and_then(|n| n.to_str()).unwrap_or("").to_owned();
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(&format!("{own}-taken-")) {
            // One that is not empty holds what could not be moved: it stays.
            let _ = std::fs::remove_dir(entry.path());
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_living_are_known() {
        let own = name([1; 16]);
        assert!(lives(&own));
        let pid = std::process::id();
        assert!(!lives(&format!("{pid}-1-0101")), "the same id, another process");
        assert!(!lives("4194399-1-0101") && lives("no folder of ours"));
    }
}
