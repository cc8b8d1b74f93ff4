//! Everything counted since the process began, by key: closed windows as they come, and for a scrape
//! what is open on top.

use crate::hash::IdHash;
use longpole_model::signal::{
    Counters, EdgeCounters, EdgeKey, RedCounters, RedKey, SiteCounters, SiteKey, Tally,
    WindowSummary,
};
use std::collections::HashMap;

type Table<K, V> = HashMap<K, V, IdHash>;

/// Sums by key.
#[derive(Clone, Debug, Default)]
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
        for (key, red) in window.red.iter().chain(&window.late) {
            self.red.entry(*key).or_default().add(red);
        }
        for (key, edge) in &window.edges {
            self.edges.entry(*key).or_default().add(edge);
        }
        for (key, site) in window.sites.iter().filter(|(key, _)| key.category.is_virtual()) {
            self.sites.entry(*key).or_default().add(site);
        }
        self.tally.merge(&window.tally);
    }

    /// Adds a part of what is open.
    pub fn merge(&mut self, part: &Counters) {
        part.red.iter().for_each(|(key, red)| self.red.entry(*key).or_default().merge(red));
        part.edges.iter().for_each(|(key, edge)| self.edges.entry(*key).or_default().merge(edge));
        part.sites.iter().for_each(|(key, site)| self.sites.entry(*key).or_default().merge(site));
        self.tally.merge(&part.tally);
    }

    /// Adds all of another.
    pub fn include(&mut self, other: &Self) {
        other.red.iter().for_each(|(key, red)| self.red.entry(*key).or_default().merge(red));
        other.edges.iter().for_each(|(key, edge)| self.edges.entry(*key).or_default().merge(edge));
        other.sites.iter().for_each(|(key, site)| self.sites.entry(*key).or_default().merge(site));
        self.tally.merge(&other.tally);
    }
}
