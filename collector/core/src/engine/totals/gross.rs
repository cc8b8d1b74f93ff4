//! Everything counted since the process began, by key: closed windows as they come, and for a scrape
//! what is open on top.

use crate::hash::IdHash;
use longpole_model::signal::{
    Counters, EdgeCounters, EdgeKey, RedCounters, RedKey, SiteCounters, SiteKey, Tally,
    WindowSummary,
};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::Hash;

type Table<K, V> = HashMap<K, V, IdHash>;

/// Sums by key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Gross {
    #[serde(with = "crate::sorted")]
    pub(super) red: Table<RedKey, RedCounters>,
    #[serde(with = "crate::sorted")]
    pub(super) edges: Table<EdgeKey, EdgeCounters>,
    #[serde(with = "crate::sorted")]
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
        let red = window.red.iter().chain(&window.late);
        let sites = window.sites.iter().filter(|(key, _)| key.category.is_virtual());
        add_all(&mut self.red, red.map(|(k, v)| (k, v)), RedCounters::add);
        add_all(&mut self.edges, window.edges.iter().map(|(k, v)| (k, v)), EdgeCounters::add);
        add_all(&mut self.sites, sites.map(|(k, v)| (k, v)), SiteCounters::add);
        self.tally.merge(&window.tally);
    }

    /// Adds a part of what is open.
    pub fn merge(&mut self, part: &Counters) {
        add_all(&mut self.red, part.red.iter().map(|(k, v)| (k, v)), RedCounters::merge);
        add_all(&mut self.edges, part.edges.iter().map(|(k, v)| (k, v)), EdgeCounters::merge);
        add_all(&mut self.sites, part.sites.iter().map(|(k, v)| (k, v)), SiteCounters::merge);
        self.tally.merge(&part.tally);
    }

    /// Adds all of another.
    pub fn include(&mut self, other: &Self) {
        add_all(&mut self.red, other.red.iter(), RedCounters::merge);
        add_all(&mut self.edges, other.edges.iter(), EdgeCounters::merge);
        add_all(&mut self.sites, other.sites.iter(), SiteCounters::merge);
        self.tally.merge(&other.tally);
    }
}

/// Adds rows to sums of integers: in whatever order they come.
fn add_all<'a, K: Copy + Eq + Hash + 'a, V: Default, R: 'a>(
    sums: &mut Table<K, V>,
    rows: impl Iterator<Item = (&'a K, &'a R)>,
    add: impl Fn(&mut V, &R),
) {
    rows.for_each(|(key, row)| add(sums.entry(*key).or_default(), row));
}
