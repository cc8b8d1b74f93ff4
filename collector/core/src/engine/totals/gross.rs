//! Everything counted since the process began, by key: closed windows as they come, and for a scrape
//! what is open on top.

use super::joint::Joint;
use crate::sorted::before;
use longpole_model::signal::{
    Counters, EdgeCounters, EdgeKey, RedCounters, RedKey, SiteCounters, SiteKey, Tally,
    WindowSummary,
};
use serde::{Deserialize, Serialize};

/// Rows by key, ascending and unique. Windows come in that order: a walk over both tables meets each row once, where
/// a hash would send it across memory.
type Table<K, V> = Vec<(K, V)>;

/// Sums by key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Gross {
    pub(super) red: Table<RedKey, RedCounters>,
    pub(super) edges: Table<EdgeKey, EdgeCounters>,
    pub(super) sites: Table<SiteKey, SiteCounters>,
    /// Counters of items.
    pub tally: Tally,
}

impl Gross {
    /// With counters of items that are in no part yet.
    pub fn new(tally: Tally) -> Self {
        Self { tally, ..Self::default() }
    }

    /// Adds a window.
    pub fn add(&mut self, window: &WindowSummary) {
        let sites = window.sites.iter().filter(|(key, _)| key.category.is_virtual());
        add_all(&mut self.red, pairs(window.red.iter()), RedCounters::add);
        add_all(&mut self.red, pairs(window.late.iter()), RedCounters::add);
        add_all(&mut self.edges, pairs(window.edges.iter()), EdgeCounters::add);
        add_all(&mut self.sites, pairs(sites), SiteCounters::add);
        self.tally.merge(&window.tally);
    }

    /// Adds a part of what is open.
    pub fn merge(&mut self, part: &Counters) {
        add_all(&mut self.red, sorted(pairs(part.red.iter())), RedCounters::merge);
        add_all(&mut self.edges, sorted(pairs(part.edges.iter())), EdgeCounters::merge);
        add_all(&mut self.sites, sorted(pairs(part.sites.iter())), SiteCounters::merge);
        self.tally.merge(&part.tally);
    }

    /// What is counted of an operation and version.
    pub(super) fn red(&self, key: RedKey) -> Option<&RedCounters> {
        let at = self.red.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        self.red.get(at).map(|(_, red)| red)
    }

    /// Adds all of another.
    pub fn include(&mut self, other: &Self) {
        self.include_of(other, None);
    }

    /// Adds all of another, whose keys may be those of the doors of `joint`.
    pub(super) fn include_of(&mut self, other: &Self, joint: Option<&Joint>) {
        let Some(joint) = joint else {
            add_all(&mut self.red, pairs(other.red.iter()), RedCounters::merge);
            add_all(&mut self.edges, pairs(other.edges.iter()), EdgeCounters::merge);
            add_all(&mut self.sites, pairs(other.sites.iter()), SiteCounters::merge);
            self.tally.merge(&other.tally);
            return;
        };
        let red = other.red.iter().map(|(k, v)| (joint.red(*k), v));
        let edges = other.edges.iter().map(|(k, v)| (joint.edge(*k), v));
        let sites = other.sites.iter().map(|(k, v)| (joint.site(*k), v));
        add_all(&mut self.red, sorted(red), RedCounters::merge);
        add_all(&mut self.edges, sorted(edges), EdgeCounters::merge);
        add_all(&mut self.sites, sorted(sites), SiteCounters::merge);
        self.tally.merge(&other.tally);
    }
}

/// Rows as they are added.
fn pairs<'a, K: Copy + 'a, R: 'a>(
    rows: impl Iterator<Item = &'a (K, R)>,
) -> impl Iterator<Item = (K, &'a R)> {
    rows.map(|(key, row)| (*key, row))
}

/// The same in the order of their keys.
fn sorted<'a, K: Ord, R>(rows: impl Iterator<Item = (K, &'a R)>) -> std::vec::IntoIter<(K, &'a R)> {
    let mut rows: Vec<(K, &R)> = rows.collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows.into_iter()
}

/// Adds rows, ascending by key, to sums of integers.
fn add_all<'a, K: Copy + Ord, V: Default, R: 'a>(
    sums: &mut Table<K, V>,
    rows: impl Iterator<Item = (K, &'a R)>,
    add: impl Fn(&mut V, &R),
) {
    let (known, mut at) = (sums.len(), 0);
    for (key, row) in rows {
        at += before(sums.get(at..known).unwrap_or_default(), |(k, _)| *k < key);
        let there = at < known && sums.get(at).is_some_and(|(k, _)| *k == key);
        let place = if there { at } else { sums.len().saturating_sub(1) };
        match sums.get_mut(place) {
            Some((same, sum)) if *same == key => add(sum, row),
            // New keys come behind the known ones at first.
            _ => {
                let mut sum = V::default();
                add(&mut sum, row);
                sums.push((key, sum));
            }
        }
    }
    if sums.len() > known {
        // Two runs, each of them sorted.
        sums.sort_by_key(|(key, _)| *key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn rows_are_added_as_a_map_adds_them(
            parts in prop::collection::vec(prop::collection::vec((0u32..200, 1u64..9), 0..90), 0..8),
        ) {
            let (mut sums, mut map) = (Table::<u32, u64>::new(), BTreeMap::<u32, u64>::new());
            for part in &parts {
                add_all(&mut sums, sorted(pairs(part.iter())), |sum, n| *sum += n);
                part.iter().for_each(|(key, n)| *map.entry(*key).or_default() += n);
                prop_assert_eq!(&sums, &map.clone().into_iter().collect::<Vec<_>>());
            }
        }
    }
}
