//! Names and facts behind ids for a scrape, out of one catalog or of two.

use crate::catalog::Catalog;
use crate::hash::IdHash;
use longpole_model::signal::{Operation, OperationId, VersionId};
use std::collections::HashMap;
use std::sync::Arc;

/// Marks ids of the doors' catalog. Caps keep catalogs far below it.
pub(super) const DOOR: u32 = 1 << 31;

/// What is read of catalogs.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    analyst: &'a Catalog,
    /// The doors' catalog, and the ids there of the analyst's operations.
    doors: Option<(&'a Catalog, &'a HashMap<u32, u32, IdHash>)>,
}

impl<'a> View<'a> {
    /// Of one catalog.
    pub fn of(analyst: &'a Catalog) -> Self {
        Self { analyst, doors: None }
    }

    /// Of two: marked ids are those of the doors.
    pub fn joint(
        analyst: &'a Catalog,
        doors: &'a Catalog,
        back: &'a HashMap<u32, u32, IdHash>,
    ) -> Self {
        Self { analyst, doors: Some((doors, back)) }
    }

    /// The catalog that an id is of, and the id there.
    fn home(self, id: u32) -> (&'a Catalog, u32) {
        match self.doors {
            Some((doors, _)) if id & DOOR > 0 => (doors, id & !DOOR),
            _ => (self.analyst, id),
        }
    }

    /// The operation behind an id.
    pub fn operation(self, id: OperationId) -> Option<&'a Arc<Operation>> {
        let (catalog, id) = self.home(id.0);
        catalog.operations().get(id as usize)
    }

    /// The version behind an id.
    pub fn version(self, id: VersionId) -> Option<&'a Arc<str>> {
        let (catalog, id) = self.home(id.0);
        catalog.versions().get(id as usize)
    }

    /// Whom an operation's spans address: the smallest name, as where one catalog learns them all.
    pub fn peer(self, id: OperationId) -> &'a str {
        let (home, own) = self.home(id.0);
        let peer = home.peer_of(OperationId(own));
        let there = self.doors.and_then(|(doors, back)| Some((doors, back.get(&id.0)?)));
        let other = there.map_or("", |(doors, id)| doors.peer_of(OperationId(*id)));
        if peer.is_empty() || !other.is_empty() && other < peer { other } else { peer }
    }
}
