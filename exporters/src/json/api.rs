//! The tables of a live collector as JSON documents, one for each path of the API.

use super::document;
use longpole_model::finding::{Change, Investigation, RedRow, ServiceRow, Snapshot, UseRow};
use longpole_model::signal::Window;
use serde::Serialize;

/// What every table says of itself.
#[derive(Serialize)]
struct Head {
    /// Stretch of event time that the table covers.
    covers: Window,
    /// Windows closed since the start.
    windows: u64,
    total: usize,
}

impl Head {
    fn of(s: &Snapshot, total: usize) -> Self {
        Self { covers: s.covers, windows: s.windows, total }
    }
}

/// Whether a row is asked for; an empty filter asks for all.
fn asked(service: &str, filter: &str) -> bool {
    filter.is_empty() || service == filter
}

/// `/api/v1/services`
pub fn services(s: &Snapshot) -> String {
    #[derive(Serialize)]
    struct Table<'a> {
        #[serde(flatten)]
        head: Head,
        services: &'a [ServiceRow],
    }
    document(&Table { head: Head::of(s, s.services.len()), services: &s.services })
}

/// `/api/v1/red`, of one service unless `service` is empty.
pub fn red(s: &Snapshot, service: &str) -> String {
    #[derive(Serialize)]
    struct Table<'a> {
        #[serde(flatten)]
        head: Head,
        red: Vec<&'a RedRow>,
    }
    let red: Vec<_> = s.red.iter().filter(|r| asked(&r.operation.service, service)).collect();
    document(&Table { head: Head::of(s, red.len()), red })
}

/// `/api/v1/use`, of one service unless `service` is empty.
pub fn usage(s: &Snapshot, service: &str) -> String {
    #[derive(Serialize)]
    struct Table<'a> {
        #[serde(flatten)]
        head: Head,
        #[serde(rename = "use")]
        usage: Vec<&'a UseRow>,
    }
    let usage: Vec<_> = s.usage.iter().filter(|r| asked(&r.service, service)).collect();
    document(&Table { head: Head::of(s, usage.len()), usage })
}

/// `/api/v1/investigations`, by worth, open first.
pub fn investigations(s: &Snapshot) -> String {
    #[derive(Serialize)]
    struct Table<'a> {
        #[serde(flatten)]
        head: Head,
        investigations: &'a [Investigation],
    }
    let head = Head::of(s, s.investigations.len());
    document(&Table { head, investigations: &s.investigations })
}

/// `/api/v1/changes`, oldest first.
pub fn changes(s: &Snapshot) -> String {
    #[derive(Serialize)]
    struct Table<'a> {
        #[serde(flatten)]
        head: Head,
        changes: &'a [Change],
    }
    document(&Table { head: Head::of(s, s.changes.len()), changes: &s.changes })
}
