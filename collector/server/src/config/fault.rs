//! What is wrong with a configuration, and how it is told: place, what, nearest, and the line.
//!
//! Never repeats a secret: lines under `webhooks` and `redis` are shown up to their colon.

use longpole_exporters::text::clean_to;
use std::path::PathBuf;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error(
        "cannot read the configuration {}: {why}. It was named by {named_by}; Longpole also runs \
         without one", .path.display()
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// The flag or variable that names it.
        named_by: &'static str,
        /// What the system said.
        why: String,
    },
    /// Faults, each with its place.
    #[error("{}", .0.join("\n"))]
    Faults(Vec<String>),
}

/// Line and column, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u64,
    pub(super) column: u64,
}

/// A fault of the file.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) place: Place,
    pub(super) what: String,
}

/// How much of a line is shown.
const LINE_CHARS: usize = 120;

/// `file:line:column what`, with the line and a caret below.
pub(super) fn told(file: &str, text: &str, fault: &Fault) -> String {
    let Place { line, column } = fault.place;
    let mut out = format!("{file}:{line}:{column} {}", fault.what);
    if let Some(row) = shown(text, line) {
        let pad = usize::try_from(column.saturating_sub(1)).unwrap_or(0).min(LINE_CHARS);
        out.push_str(&format!("\n  | {row}\n  | {}^", " ".repeat(pad)));
    }
    out
}

/// The line as it may be shown.
fn shown(text: &str, line: u64) -> Option<String> {
    let at = usize::try_from(line.checked_sub(1)?).ok()?;
    let row = text.lines().nth(at)?;
    let row: String = row.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if !is_private(text, at) && !row.contains("whsec_") {
        return Some(clean_to(&row, LINE_CHARS).into_owned());
    }
    let key = match row.split_once(": ") {
        Some((key, _)) => format!("{key}: …"),
        None if row.trim_end().ends_with(':') => row,
        None => "…".to_owned(),
    };
    Some(clean_to(&key, LINE_CHARS).into_owned())
}

/// Whether line number `at` (from 0) may stand under `webhooks` or `redis`.
fn is_private(text: &str, at: usize) -> bool {
    let rows: Vec<&str> = text.lines().take(at.saturating_add(1)).collect();
    // The last line that begins a section: a key at the very left.
    let section = rows.iter().rev().find(|r| r.starts_with(|c: char| !" \t-#]}".contains(c)));
    match section {
        Some(row) if row.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            row.starts_with("webhooks") || row.starts_with("redis")
        }
        // Braces, quotes or anchors: a form that lines do not tell.
        _ => rows.iter().any(|r| r.contains("webhooks") || r.contains("redis")),
    }
}
