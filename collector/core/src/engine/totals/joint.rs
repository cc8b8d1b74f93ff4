//! Two catalogs read as one: the names of what the analyst has observed, and those of what is open.
//!
//! They are two where a process leads: it gives the names of all streams ids of its own, in the order in which
//! windows are read, and what its doors have open has theirs. No id is given out here, so that a scrape leaves
//! no trace in that order: a name that only the doors know keeps its id there, marked.

use super::order::Order;
use super::view::{DOOR, View};
use crate::catalog::Catalog;
use crate::hash::IdHash;
use longpole_model::signal::{EdgeKey, Operation, OperationId, RedKey, SiteKey, VersionId};
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

/// What is known of two catalogs so far, which only grow.
#[derive(Debug, Default)]
pub struct Joint {
    operations: Names<Operation>,
    versions: Names<str>,
    /// Those of `order`.
    keys: HashSet<RedKey, IdHash>,
    order: Order,
    /// RED rows taken in of the analyst's catalog and of the doors'.
    rows: [usize; 2],
    /// The last operations taken in of either.
    last: [Option<Arc<Operation>>; 2],
}

/// Whether a catalog goes on from where it was: its texts are shared by all its clones, and by no other.
fn goes_on(last: &Option<Arc<Operation>>, seen: usize, now: &[Arc<Operation>]) -> bool {
    let there = seen.checked_sub(1).and_then(|at| now.get(at));
    last.as_ref().is_none_or(|last| there.is_some_and(|there| Arc::ptr_eq(last, there)))
}

impl Joint {
    /// Takes in what is new. Where either is another catalog than it was, all begins again.
    pub fn follow(&mut self, analyst: &Catalog, doors: &Catalog) {
        let (theirs, ours) = (analyst.operations(), doors.operations());
        if !goes_on(&self.last[0], self.operations.known.len(), theirs)
            || !goes_on(&self.last[1], self.operations.joint.len(), ours)
        {
            *self = Self::default();
        }
        self.last = [theirs.last().cloned(), ours.last().cloned()];
        let operations = self.operations.follow(analyst.operations(), doors.operations());
        let versions = self.versions.follow(analyst.versions(), doors.versions());
        if operations || versions {
            // Some go by another key now: all that had a mark are taken in again.
            let lasting = |key: &RedKey| (key.operation.0 | key.version.0) & DOOR == 0;
            self.keys.retain(lasting);
            self.order.retain(lasting);
            self.rows[1] = 0;
        }
        let theirs = analyst.red_since(self.rows[0]);
        let ours = doors.red_since(self.rows[1]);
        self.rows = [self.rows[0] + theirs.len(), self.rows[1] + ours.len()];
        let all = theirs.iter().map(|row| row.key).chain(ours.iter().map(|row| self.red(row.key)));
        let all: Vec<RedKey> = all.collect();
        let new = all.into_iter().filter(|key| self.keys.insert(*key));
        self.order.take(new, View::joint(analyst, doors, &self.operations.back));
    }

    /// Both catalogs, by joint ids.
    pub(super) fn view<'a>(&'a self, analyst: &'a Catalog, doors: &'a Catalog) -> View<'a> {
        View::joint(analyst, doors, &self.operations.back)
    }

    /// Keys of RED rows, in the order of their labels.
    pub(super) fn order(&self) -> &Order {
        &self.order
    }

    fn operation(&self, id: OperationId) -> OperationId {
        OperationId(self.operations.of(id.0))
    }

    /// The joint key of one of the doors.
    pub(super) fn red(&self, key: RedKey) -> RedKey {
        let version = VersionId(self.versions.of(key.version.0));
        RedKey { operation: self.operation(key.operation), version }
    }

    /// The joint key of one of the doors.
    pub(super) fn edge(&self, key: EdgeKey) -> EdgeKey {
        EdgeKey { caller: self.operation(key.caller), callee: self.operation(key.callee) }
    }

    /// The joint key of one of the doors.
    pub(super) fn site(&self, key: SiteKey) -> SiteKey {
        let (operation, peer) = (self.operation(key.operation), self.operation(key.peer));
        SiteKey { operation, peer, ..key }
    }
}

/// Names of one kind.
#[derive(Debug)]
struct Names<N: ?Sized> {
    /// The analyst's ids.
    known: HashMap<Arc<N>, u32>,
    /// By id of the doors: the analyst's id, or their own, marked.
    joint: Vec<u32>,
    /// Ids of the doors that are marked.
    unknown: Vec<u32>,
    /// By id of the analyst: the doors' id.
    back: HashMap<u32, u32, IdHash>,
}

impl<N: ?Sized> Default for Names<N> {
    fn default() -> Self {
        let (known, back) = (HashMap::new(), HashMap::default());
        Self { known, joint: Vec::new(), unknown: Vec::new(), back }
    }
}

impl<N: Eq + Hash + ?Sized> Names<N> {
    /// Takes in what is new on either side; tells whether an id has lost its mark.
    fn follow(&mut self, analyst: &[Arc<N>], doors: &[Arc<N>]) -> bool {
        let seen = self.known.len();
        let new = (0u32..).zip(analyst).skip(seen);
        self.known.extend(new.map(|(id, name)| (Arc::clone(name), id)));
        let marked = std::mem::take(&mut self.unknown);
        let before = marked.len();
        if self.known.len() > seen {
            marked.into_iter().for_each(|id| self.place(id, doors));
        } else {
            self.unknown = marked;
        }
        let moved = self.unknown.len() < before;
        for id in self.joint.len()..doors.len() {
            self.joint.push(u32::MAX);
            self.place(id as u32, doors);
        }
        moved
    }

    fn place(&mut self, id: u32, doors: &[Arc<N>]) {
        let Some(cell) = self.joint.get_mut(id as usize) else { return };
        match doors.get(id as usize).and_then(|name| self.known.get(name)) {
            Some(known) => {
                *cell = *known;
                self.back.insert(*known, id);
            }
            None => {
                *cell = id | DOOR;
                self.unknown.push(id);
            }
        }
    }

    fn of(&self, id: u32) -> u32 {
        self.joint.get(id as usize).copied().unwrap_or(u32::MAX)
    }
}
