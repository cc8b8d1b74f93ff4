//! Everything counted since the process began, open windows included: what a scrape reads.

use super::{PlaceboRow, UseRow};
use crate::signal::{EdgeCounters, Given, Operation, RedCounters, Tally};
use std::sync::Arc;

/// Totals; no counter among them ever goes back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// By service, name, kind, version.
    pub red: Vec<RedTotal>,
    /// By client, server, connection.
    pub edges: Vec<EdgeTotal>,
    /// Latest value of each utilization, saturation and error series.
    pub usage: Vec<UseRow>,
    /// Counters.
    pub tally: Tally,
    /// Windows closed.
    pub windows: u64,
    /// Spans held open until their traces are settled.
    pub open_spans: u64,
    /// What was given up under pressure.
    pub given: Given,
    /// Bytes that closed windows hold.
    pub history_bytes: u64,
    /// Closed windows that went before their time, because these were too many bytes.
    pub history_dropped: u64,
    /// The A/A test.
    pub placebo: PlaceboRow,
}

/// RED of one operation and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedTotal {
    /// Operation.
    pub operation: Arc<Operation>,
    /// Version; empty = not said.
    pub version: Arc<str>,
    /// Its sums.
    pub red: RedCounters,
}

/// What lies between two nodes of the service graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Connection {
    /// A call that was served by spans.
    Call,
    /// Over a queue or stream.
    Messaging,
    /// To a database, which sends no spans.
    Database,
    /// To something else that sends no spans.
    Virtual,
}

impl Connection {
    /// Label value, as service graphs name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Call => "",
            Self::Messaging => "messaging_system",
            Self::Database => "database",
            Self::Virtual => "virtual_node",
        }
    }
}

/// Calls between two nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeTotal {
    /// Calling service; [`USER`] = from outside.
    pub client: String,
    /// Serving service, or the name under which it was called.
    pub server: String,
    /// What lies between.
    pub connection: Connection,
    /// Its sums.
    pub edge: EdgeCounters,
}

/// The client of calls from outside.
pub const USER: &str = "user";
