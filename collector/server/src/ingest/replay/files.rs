//! Which files a list of paths means.

use super::{Problem, ReplayError};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Files for the given paths, folders expanded in order of name.
pub(super) fn expand(
    paths: &[PathBuf],
    problems: &mut Vec<Problem>,
) -> Result<Vec<PathBuf>, ReplayError> {
    let mut out = Vec::new();
    for path in paths {
        if !path.is_dir() {
            out.push(path.clone());
            continue;
        }
        let mut found = Vec::new();
        walk(path, &mut found)?;
        let found = without_twins(found, problems);
        if found.is_empty() {
            return Err(ReplayError::Empty { path: path.display().to_string() });
        }
        out.extend(found);
    }
    Ok(out)
}

fn walk(folder: &Path, out: &mut Vec<PathBuf>) -> Result<(), ReplayError> {
    let unreadable = |error| ReplayError::Unreadable { path: folder.display().to_string(), error };
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .and_then(|list| list.map(|e| Ok(e?.path())).collect())
        .map_err(unreadable)?;
    entries.sort();
    for path in entries {
        // Links are not followed: they may lead in circles.
        if path.is_dir() && !path.is_symlink() {
            walk(&path, out)?;
        } else if path.is_file() && is_recording(&path) {
            out.push(path);
        }
    }
    Ok(())
}

/// The name without its compression, and the form it tells.
fn form(path: &Path) -> Option<(String, &'static str)> {
    let name = path.to_str()?;
    let bare = name.strip_suffix(".zst").or(name.strip_suffix(".gz")).unwrap_or(name);
    let forms = [(".binpb", "binpb"), (".jsonl", "json"), (".json", "json")];
    forms.iter().find_map(|(end, form)| Some((bare.strip_suffix(end)?.to_owned(), *form)))
}

/// By name; a plain `.json` must also look like OTLP, since many things are called that.
fn is_recording(path: &Path) -> bool {
    match form(path) {
        Some((_, "json")) if path.extension().is_some_and(|e| e == "json") => {
            let mut head = Vec::new();
            let read = std::fs::File::open(path).map(|f| f.take(65_536).read_to_end(&mut head));
            let text = String::from_utf8_lossy(&head);
            read.is_ok()
                && ["resourceSpans", "resourceMetrics", "resourceLogs", "resource_spans"]
                    .iter()
                    .any(|w| text.contains(w))
        }
        found => found.is_some(),
    }
}

/// The same recording in two forms is taken once, as protobuf.
fn without_twins(files: Vec<PathBuf>, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let mut by_stem: BTreeMap<String, Vec<&PathBuf>> = BTreeMap::new();
    for file in &files {
        if let Some((stem, _)) = form(file) {
            by_stem.entry(stem).or_default().push(file);
        }
    }
    let mut skipped = Vec::new();
    for twins in by_stem.values().filter(|t| t.len() > 1) {
        let binpb = twins.iter().find(|f| form(f).is_some_and(|(_, form)| form == "binpb"));
        let taken = binpb.unwrap_or(&twins[0]);
        for other in twins.iter().filter(|f| *f != taken) {
            problems.push(Problem {
                file: other.display().to_string(),
                at: String::new(),
                reason: None,
                message: format!("skipped: {} holds the same recording", taken.display()),
            });
            skipped.push((*other).clone());
        }
    }
    files.into_iter().filter(|f| !skipped.contains(f)).collect()
}
