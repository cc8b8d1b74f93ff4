//! Names and facts behind the ids of summaries, as readers see them. Append-only: an id keeps its
//! meaning.
//!
//! Who gives the ids out and caps their number is [`Interner`]. Ids are given in order of appearance
//! in the log; they never leave the process. A clone shares the texts.

mod adopt;
mod intern;
mod owner;
mod recent;
mod role;
mod stored;
#[cfg(test)]
mod tests;

pub use adopt::{Described, Dictionary};
pub use intern::{Interner, Mapped, MappedSeries};
pub use role::role_of;
pub use stored::{Captured, Stored};

use longpole_model::signal::{
    Operation, OperationId, RedKey, SeriesIdentity, Timestamp, VersionId,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Stands for an (operation, version) pair: the dense index of RED tables.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct RedId(pub u32);

/// What a [`RedId`] stands for, as far as a shard needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedRow {
    /// Operation and version.
    pub key: RedKey,
    /// A number that operations of one service share.
    pub service: u32,
}

/// Facts about a known operation that are not part of its key.
#[derive(Clone, Debug, Default)]
struct Facts {
    service: u32,
    peer: Arc<str>,
    language: Arc<str>,
}

/// The dictionary of everything measured.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    operations: Vec<Arc<Operation>>,
    facts: Vec<Facts>,
    versions: Vec<Arc<str>>,
    red: Vec<RedRow>,
    /// Versions ever seen of each service, in order.
    services: BTreeMap<Arc<str>, Vec<(VersionId, Timestamp)>>,
    series: Vec<Arc<SeriesIdentity>>,
}

impl Catalog {
    /// The rows from the `from`th on.
    pub fn red_since(&self, from: usize) -> &[RedRow] {
        self.red.get(from..).unwrap_or_default()
    }

    /// The operation behind an id.
    pub fn operation_of(&self, id: OperationId) -> Option<&Operation> {
        self.operations.get(id.0 as usize).map(|o| &**o)
    }

    /// All operations, by id.
    pub fn operations(&self) -> &[Arc<Operation>] {
        &self.operations
    }

    /// A number that operations of one service share.
    pub fn service_of(&self, id: OperationId) -> u32 {
        self.facts.get(id.0 as usize).map_or(u32::MAX, |f| f.service)
    }

    /// Whom the operation's spans address; empty = not said.
    pub fn peer_of(&self, id: OperationId) -> &str {
        self.facts.get(id.0 as usize).map_or("", |f| &f.peer)
    }

    /// The language of the service's SDK; empty = not said.
    pub fn language_of(&self, id: OperationId) -> &str {
        self.facts.get(id.0 as usize).map_or("", |f| &f.language)
    }

    /// All versions, by id; the first is "not said".
    pub fn versions(&self) -> &[Arc<str>] {
        &self.versions
    }

    /// The version behind an id; empty = not said.
    pub fn version_of(&self, id: VersionId) -> &str {
        self.versions.get(id.0 as usize).map_or("", |v| v)
    }

    /// The same, shared.
    pub fn version_text(&self, id: VersionId) -> Arc<str> {
        self.versions.get(id.0 as usize).cloned().unwrap_or_default()
    }

    /// Versions of a service with the log time at which each was first seen, oldest first.
    pub fn versions_of_service(&self, service: &str) -> Vec<(VersionId, Timestamp)> {
        self.services.get(service).cloned().unwrap_or_default()
    }

    /// Names of all services, sorted.
    pub fn services(&self) -> Vec<&str> {
        self.services.keys().map(|k| &**k).collect()
    }

    /// All series, by id.
    pub fn series(&self) -> &[Arc<SeriesIdentity>] {
        &self.series
    }
}
