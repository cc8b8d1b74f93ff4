//! Rows that came before are known by where they lie: a door that keeps its names sends the same ones
//! again, and nothing of them is read.
//!
//! A row that is kept here is kept alive, so its place cannot be another's. What is found is what a
//! look-up by name would find.

use crate::hash::IdHash;
use longpole_model::signal::{OperationId, OperationRow, Resource, VersionId};
use std::collections::HashMap;
use std::sync::Arc;

/// Operations kept; beyond it all are forgotten.
const KEPT: usize = 65_536;
/// Bytes of names of a row that is kept.
const LONG: usize = 512;

/// Rows by their addresses.
#[derive(Debug, Default)]
pub(super) struct Recent {
    operations: HashMap<usize, (Arc<OperationRow>, OperationId), IdHash>,
    /// Versions of the resources of the request under way: which of them are live may change between
    /// requests.
    versions: Vec<(usize, VersionId)>,
}

fn place<T>(row: &Arc<T>) -> usize {
    Arc::as_ptr(row).addr()
}

impl Recent {
    /// Begins a request.
    pub(super) fn begin(&mut self) {
        self.versions.clear();
        if self.operations.len() > KEPT {
            self.operations.clear();
        }
    }

    /// The operation that a row was found to be.
    #[inline]
    pub(super) fn operation(&self, row: &Arc<OperationRow>) -> Option<OperationId> {
        self.operations.get(&place(row)).map(|(_, id)| *id)
    }

    /// Keeps what a row was found to be.
    pub(super) fn keep(&mut self, row: &Arc<OperationRow>, id: OperationId) {
        if row.name.len() + row.peer.len() <= LONG {
            self.operations.insert(place(row), (Arc::clone(row), id));
        }
    }

    /// The version of a resource of this request.
    #[inline]
    pub(super) fn version(&self, resource: &Arc<Resource>) -> Option<VersionId> {
        let found = self.versions.iter().rev().take(64).find(|(at, _)| *at == place(resource));
        found.map(|(_, version)| *version)
    }

    /// Keeps the version of a resource until the next request.
    pub(super) fn keep_version(&mut self, resource: &Arc<Resource>, version: VersionId) {
        self.versions.push((place(resource), version));
    }
}
