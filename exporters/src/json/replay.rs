//! A snapshot as one JSON document, and that document read back.

use super::{Accounting, document};
use longpole_model::finding::{
    Change, Investigation, PlaceboRow, RedRow, ServiceRow, Snapshot, UseRow,
};
use longpole_model::signal::Window;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Version of the document's form.
pub const FORMAT: u32 = 1;

/// The document. Rows are in the snapshot's order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replay<'a> {
    /// Version of this form.
    pub format: u32,
    /// The oldest version whose readers understand it.
    pub oldest_reader: u32,
    /// Services, by name.
    pub services: Cow<'a, [ServiceRow]>,
    /// Operations.
    pub red: Cow<'a, [RedRow]>,
    /// Utilization, saturation and error series.
    #[serde(rename = "use")]
    pub usage: Cow<'a, [UseRow]>,
    /// Investigations by worth, open first.
    pub investigations: Cow<'a, [Investigation]>,
    /// What became of everything that came in.
    pub accounting: Accounting,
    /// The A/A test.
    pub placebo: PlaceboRow,
    /// Changes seen or declared.
    pub changes: Cow<'a, [Change]>,
    /// Windows closed.
    pub windows: u64,
    /// Stretch of event time that the tables cover.
    pub covers: Window,
}

impl<'a> From<&'a Snapshot> for Replay<'a> {
    fn from(s: &'a Snapshot) -> Self {
        Self {
            format: FORMAT,
            oldest_reader: FORMAT,
            services: Cow::Borrowed(&s.services),
            red: Cow::Borrowed(&s.red),
            usage: Cow::Borrowed(&s.usage),
            investigations: Cow::Borrowed(&s.investigations),
            accounting: Accounting::from(&s.tally),
            placebo: s.placebo,
            changes: Cow::Borrowed(&s.changes),
            windows: s.windows,
            covers: s.covers,
        }
    }
}

/// What `longpole replay --json` prints.
pub fn replay(snapshot: &Snapshot) -> String {
    document(&Replay::from(snapshot))
}

/// A text that is no replay document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadReplay(String);

impl std::fmt::Display for BadReplay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadReplay {}

/// Reads what [`replay`] wrote, of this version or of any newer one that still speaks to us.
///
/// # Errors
/// [`BadReplay`] with line and column, or with the versions that do not fit.
pub fn read_replay(text: &str) -> Result<Replay<'static>, BadReplay> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
        oldest_reader: u32,
    }
    let refused =
        |e: serde_json::Error| BadReplay(format!("not what `longpole replay --json` prints: {e}"));
    let head: Head = serde_json::from_str(text).map_err(refused)?;
    if head.oldest_reader > FORMAT {
        return Err(BadReplay(format!(
            "written in format {} for readers from {}; this program reads {FORMAT}: \
             use the newer longpole that wrote it",
            head.format, head.oldest_reader
        )));
    }
    serde_json::from_str(text).map_err(refused)
}
