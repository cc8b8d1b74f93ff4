//! Which files a replay reads: named ones as they are, in folders those that are recordings.
//!
//! Where the same data lies side by side as protobuf and as JSON, the protobuf is taken.

use super::ReplayError;
use super::note::{Note, Notes, Place};
use super::open::{Format, looks_like_otlp, named_format, without_compression};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Folders nested deeper than this are not entered.
const FOLDER_DEPTH: usize = 32;

/// The name that stands for standard input.
pub(super) const STANDARD_INPUT: &str = "-";

/// The files behind `paths`.
pub(super) fn recordings<P: AsRef<Path>>(
    paths: &[P],
    notes: &mut Notes,
) -> Result<Vec<PathBuf>, ReplayError> {
    if paths.is_empty() {
        return Err(ReplayError::Nothing);
    }
    let mut files: Vec<PathBuf> = Vec::new();
    for path in paths.iter().map(AsRef::as_ref) {
        if path == Path::new(STANDARD_INPUT) {
            if files.iter().any(|f| f == path) {
                return Err(ReplayError::InputTwice);
            }
            files.push(path.to_path_buf());
            continue;
        }
        let io = |source| ReplayError::Io { path: path.to_path_buf(), source };
        match std::fs::metadata(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(ReplayError::Missing { path: path.to_path_buf() });
            }
            Err(e) => return Err(io(e)),
            Ok(about) if about.is_dir() => {
                let before = files.len();
                folder(path, &mut files, 0)?;
                if files.len() == before {
                    return Err(ReplayError::Empty { path: path.to_path_buf() });
                }
            }
            Ok(_) => files.push(path.to_path_buf()),
        }
    }
    Ok(without_twins(files, notes))
}

fn folder(path: &Path, files: &mut Vec<PathBuf>, depth: usize) -> Result<(), ReplayError> {
    let io = |source| ReplayError::Io { path: path.to_path_buf(), source };
    let listed = std::fs::read_dir(path).map_err(io)?;
    let mut entries =
        listed.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>().map_err(io)?;
    entries.sort();
    for entry in entries {
        let hidden = entry.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
        let link = entry.is_symlink();
        if hidden || (link && entry.is_dir()) {
            continue;
        }
        if entry.is_dir() {
            if depth < FOLDER_DEPTH {
                folder(&entry, files, depth + 1)?;
            }
            continue;
        }
        match named_format(&entry) {
            Some(Format::Frames) => files.push(entry),
            Some(Format::Documents) if looks_like_otlp(&entry) => files.push(entry),
            Some(Format::Documents) | None => {}
        }
    }
    Ok(())
}

/// Leaves out JSON files beside which the same name stands as protobuf, and files named twice.
fn without_twins(files: Vec<PathBuf>, notes: &mut Notes) -> Vec<PathBuf> {
    let stem = |path: &Path| without_compression(path).with_extension("");
    let binary: BTreeSet<PathBuf> =
        files.iter().filter(|f| named_format(f) == Some(Format::Frames)).map(|f| stem(f)).collect();
    let mut seen = BTreeSet::new();
    let mut kept = Vec::with_capacity(files.len());
    for file in files {
        let text =
            if named_format(&file) == Some(Format::Documents) && binary.contains(&stem(&file)) {
                "left out: the same recording lies beside it as protobuf, which is read instead"
            } else if !seen.insert(file.clone()) {
                "named twice, read once"
            } else {
                kept.push(file);
                continue;
            };
        let name = file.display().to_string();
        notes.add(Note { file: name, place: Place::File, reason: None, text: text.into() });
    }
    kept
}
