//! Declared or observed changes of the system: the first suspects.

use crate::signal::Timestamp;
use serde::{Deserialize, Serialize};

/// What was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A new `service.version` took traffic.
    Deploy,
    /// Configuration.
    Config,
    /// A feature flag.
    Flag,
    /// Number or size of instances.
    Scale,
}

/// A change of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What.
    pub kind: ChangeKind,
    /// Whose.
    pub service: String,
    /// When it took effect (observed: the window in which it was first seen).
    pub at: Timestamp,
    /// Before, e.g. a version; empty = not known.
    pub from: String,
    /// After.
    pub to: String,
}
