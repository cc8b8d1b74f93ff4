//! Rows that came before are known by where they lie: a door that keeps its names sends the same ones
//! again, and nothing of them is read.
//!
//! A row that is kept here is kept alive, so its place cannot be another's. What is found is what a
//! look-up by name would find.

use crate::hash::IdHash;
use longpole_model::signal::{OperationId, OperationRow, Resource, VersionId};
use std::collections::{HashMap, hash_map};
use std::sync::Arc;

/// Bytes of names of a row that is kept.
const LONG: usize = 512;
/// Rows let go of in one request at the least, and for each that is kept: all at once would hold everybody up.
const FEWEST: usize = 256;
const FOR_EACH: usize = 4;

type Rows = HashMap<usize, (Arc<OperationRow>, OperationId), IdHash>;

/// Rows by their addresses.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// Those used since the others were put aside.
    young: Rows,
    /// Those put aside: used again they are young, or they go when the next ones are.
    old: Rows,
    gone: Option<hash_map::IntoIter<usize, (Arc<OperationRow>, OperationId)>>,
    kept: usize,
    /// Versions of the resources of the request under way: which of them are live may change between
    /// requests.
    versions: Vec<(usize, VersionId)>,
}

fn place<T>(row: &Arc<T>) -> usize {
    Arc::as_ptr(row).addr()
}

impl Recent {
    /// Begins a request. Of more than `most` operations those go that were not used for longest.
    pub(super) fn begin(&mut self, most: usize) {
        self.versions.clear();
        let let_go = FEWEST + FOR_EACH * std::mem::take(&mut self.kept);
        if let Some(gone) = &mut self.gone {
            gone.by_ref().take(let_go).for_each(drop);
            self.gone = self.gone.take().filter(|gone| gone.len() > 0);
        }
        if self.young.len() > most / 2 && self.gone.is_none() {
            let old = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
            self.gone = Some(old.into_iter());
        }
    }

    /// The operation that a row was found to be.
    #[inline]
    pub(super) fn operation(&mut self, row: &Arc<OperationRow>) -> Option<OperationId> {
        let at = place(row);
        if let Some((_, id)) = self.young.get(&at) {
            return Some(*id);
        }
        let (row, id) = self.old.remove(&at)?;
        self.young.insert(at, (row, id));
        Some(id)
    }

    /// Keeps what a row was found to be.
    pub(super) fn keep(&mut self, row: &Arc<OperationRow>, id: OperationId) {
        if row.name.len() + row.peer.len() <= LONG {
            self.young.insert(place(row), (Arc::clone(row), id));
            self.kept += 1;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: String) -> Arc<OperationRow> {
        Arc::new(OperationRow { name, ..OperationRow::default() })
    }

    #[test]
    fn what_is_used_stays_and_the_rest_goes_bit_by_bit() {
        let (mut recent, used) = (Recent::default(), row("used".into()));
        let (most, each) = (1_000, 100);
        recent.keep(&used, OperationId(7));
        let mut all = Vec::new();
        for request in 0..100 {
            recent.begin(most);
            assert_eq!(recent.operation(&used), Some(OperationId(7)), "request {request}");
            for n in 0..each {
                let new = row(format!("{request} {n}"));
                assert_eq!(recent.operation(&new), None);
                recent.keep(&new, OperationId(n));
                all.push(new);
            }
            let alive = all.iter().filter(|row| Arc::strong_count(row) > 1).count();
            assert!(alive <= 2 * most, "{alive} in request {request}");
        }
        assert_eq!(recent.operation(&all[0]), None);
        assert_eq!(Arc::strong_count(&all[0]), 1, "nobody keeps it alive");
        let last = all.last().expect("there are some");
        assert_eq!(recent.operation(last), Some(OperationId(each - 1)));
    }

    #[test]
    fn a_long_name_is_not_kept() {
        let (mut recent, long) = (Recent::default(), row("n".repeat(LONG + 1)));
        recent.keep(&long, OperationId(1));
        assert_eq!(recent.operation(&long), None);
    }
}
