//! Everything counted since the process began, by key: closed windows as they come, and for a scrape
//! what is open on top.

use super::joint::Joint;
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
        add_all(&mut self.red, red.map(|(k, v)| (*k, v)), RedCounters::add);
        add_all(&mut self.edges, window.edges.iter().map(|(k, v)| (*k, v)), EdgeCounters::add);
        add_all(&mut self.sites, sites.map(|(k, v)| (*k, v)), SiteCounters::add);
        self.tally.merge(&window.tally);
    }

    /// Adds a part of what is open.
    pub fn merge(&mut self, part: &Counters) {
        add_all(&mut self.red, part.red.iter().map(|(k, v)| (*k, v)), RedCounters::merge);
        add_all(&mut self.edges, part.edges.iter().map(|(k, v)| (*k, v)), EdgeCounters::merge);
        add_all(&mut self.sites, part.sites.iter().map(|(k, v)| (*k, v)), SiteCounters::merge);
        self.tally.merge(&part.tally);
    }

    /// Adds all of another.
    pub fn include(&mut self, other: &Self) {
        self.include_of(other, None);
    }

    /// Adds all of another, whose keys may be those of the doors of `joint`.
    pub(super) fn include_of(&mut self, other: &Self, joint: Option<&Joint>) {
        let red = other.red.iter().map(|(k, v)| (joint.map_or(*k, |j| j.red(*k)), v));
        let edges = other.edges.iter().map(|(k, v)| (joint.map_or(*k, |j| j.edge(*k)), v));
        let sites = other.sites.iter().map(|(k, v)| (joint.map_or(*k, |j| j.site(*k)), v));
        add_all(&mut self.red, red, RedCounters::merge);
        add_all(&mut self.edges, edges, EdgeCounters::merge);
        add_all(&mut self.sites, sites, SiteCounters::merge);
        self.tally.merge(&other.tally);
    }
}

/// Adds rows to sums of integers: in whatever order they come.
fn add_all<'a, K: Eq + Hash, V: Default, R: 'a>(
    sums: &mut Table<K, V>,
    rows: impl Iterator<Item = (K, &'a R)>,
    add: impl Fn(&mut V, &R),
) {
    rows.for_each(|(key, row)| add(sums.entry(key).or_default(), row));
}
