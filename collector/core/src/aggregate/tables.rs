//! The working tables of one open window of one shard, and how they close into a summary.
//!
//! Sorted only once, when the window closes.

use super::segment::Call;
use crate::catalog::{Catalog, RedId};
use crate::hash::IdHash;
use longpole_model::signal::{
    EdgeKey, EdgeSummary, EntryKey, EntryValue, FaultKey, OVERFLOW_NAME, OperationId, PathValue,
    RedSummary, SeriesId, SeriesSummary, SiteKey, SiteSummary, Tally, Window, WindowSummary,
};
use std::collections::HashMap;

/// RED by [`RedId`], a dense array: one index per span.
#[derive(Debug, Default)]
pub struct RedTable(Vec<Option<Box<RedSummary>>>);

impl RedTable {
    /// The summary of an id, made when it is new.
    pub fn at(&mut self, id: RedId) -> &mut RedSummary {
        let i = id.0 as usize;
        if self.0.len() <= i {
            self.0.resize_with(i + 1, || None);
        }
        self.0[i].get_or_insert_default()
    }

    /// Sorted copies of the rows.
    pub fn rows(&self, catalog: &Catalog) -> Vec<(longpole_model::signal::RedKey, RedSummary)> {
        let held = self.0.iter().enumerate();
        let mut rows: Vec<_> = held
            .filter_map(|(i, r)| Some((catalog.red_key(RedId(i as u32)), *r.clone()?)))
            .collect();
        rows.sort_unstable_by_key(|(k, _)| *k);
        rows
    }

    /// Sorted rows.
    pub fn into_rows(self, catalog: &Catalog) -> Vec<(longpole_model::signal::RedKey, RedSummary)> {
        let mut rows: Vec<_> = self
            .0
            .into_iter()
            .enumerate()
            .filter_map(|(i, r)| Some((catalog.red_key(RedId(i as u32)), *r?)))
            .collect();
        rows.sort_unstable_by_key(|(k, _)| *k);
        rows
    }
}

/// Everything that one window gathers.
#[derive(Debug)]
pub struct OpenWindow {
    /// The window.
    pub window: Window,
    /// Rate, errors, duration.
    pub red: RedTable,
    entries: HashMap<EntryKey, EntryValue, IdHash>,
    paths: HashMap<(EntryKey, SiteKey), PathValue, IdHash>,
    sites: HashMap<SiteKey, SiteSummary, IdHash>,
    edges: HashMap<EdgeKey, EdgeSummary, IdHash>,
    series: HashMap<SeriesId, SeriesSummary, IdHash>,
    faults: HashMap<FaultKey, u64>,
}

impl OpenWindow {
    pub fn new(window: Window) -> Self {
        Self {
            window,
            red: RedTable::default(),
            entries: HashMap::default(),
            paths: HashMap::default(),
            sites: HashMap::default(),
            edges: HashMap::default(),
            series: HashMap::default(),
            faults: HashMap::default(),
        }
    }

    fn rows(&self) -> usize {
        self.paths.len() + self.sites.len() + self.entries.len() + self.edges.len()
    }

    /// Adds an entry of a path profile; `false` when the cap folded it away.
    pub fn entry(&mut self, cap: usize, key: EntryKey, value: EntryValue) -> bool {
        let room = self.rows() < cap || self.entries.contains_key(&key);
        if room {
            self.entries.entry(key).or_default().merge(&value);
        }
        room
    }

    /// Adds a row of a path profile; beyond the cap it goes to the entry's "other" row.
    pub fn path(&mut self, cap: usize, entry: EntryKey, site: SiteKey, value: PathValue) -> bool {
        let room = self.rows() < cap || self.paths.contains_key(&(entry, site));
        let site = if room {
            site
        } else {
            SiteKey { operation: OperationId::NONE, peer: OperationId::NONE, ..site }
        };
        if room || self.entries.contains_key(&entry) {
            self.paths.entry((entry, site)).or_default().merge(&value);
        }
        room
    }

    /// Adds one visit of a site.
    pub fn site(
        &mut self,
        cap: usize,
        key: SiteKey,
        nanos: u64,
        weight: u64,
        failed: bool,
    ) -> bool {
        let room = self.rows() < cap || self.sites.contains_key(&key);
        if room {
            let site = self.sites.entry(key).or_default();
            site.visits += 1;
            site.failed += u64::from(failed);
            site.durations.record(nanos, weight);
        }
        room
    }

    /// Adds one call between services.
    pub fn edge(&mut self, cap: usize, key: EdgeKey, call: Call) -> bool {
        let room = self.rows() < cap || self.edges.contains_key(&key);
        if room {
            let edge = self.edges.entry(key).or_default();
            edge.weight = edge.weight.saturating_add(call.weight);
            if call.failed {
                edge.failed_weight = edge.failed_weight.saturating_add(call.weight);
            }
            if let Some(ns) = call.caller_ns {
                edge.caller.record(ns, call.weight);
            }
            edge.callee.record(call.callee_ns, call.weight);
        }
        room
    }

    /// Adds what a series did.
    pub fn series(&mut self, id: SeriesId, value: SeriesSummary) {
        self.series.entry(id).or_default().merge(&value);
    }

    /// Adds an error of a type; beyond the cap its type is folded.
    pub fn fault(&mut self, cap: usize, operation: OperationId, error: &str, weight: u64) -> bool {
        let key = FaultKey { operation, error: error.to_owned() };
        let room = self.faults.len() < cap || self.faults.contains_key(&key);
        let key = if room { key } else { FaultKey { operation, error: OVERFLOW_NAME.to_owned() } };
        let cell = self.faults.entry(key).or_default();
        *cell = cell.saturating_add(weight);
        room
    }

    /// What the window has gathered so far of what totals are made of: RED, edges, sites.
    pub fn peek(&self, catalog: &Catalog) -> WindowSummary {
        let mut edges: Vec<_> = self.edges.iter().map(|(k, v)| (*k, v.clone())).collect();
        edges.sort_unstable_by_key(|(k, _)| *k);
        let mut sites: Vec<_> = self.sites.iter().map(|(k, v)| (*k, v.clone())).collect();
        sites.sort_unstable_by_key(|(k, _)| *k);
        WindowSummary {
            window: self.window,
            red: self.red.rows(catalog),
            edges,
            sites,
            ..WindowSummary::default()
        }
    }

    /// Closes the window.
    pub fn close(self, late: RedTable, tally: Tally, catalog: &Catalog) -> WindowSummary {
        fn sorted<K: Ord, V>(map: impl IntoIterator<Item = (K, V)>) -> Vec<(K, V)> {
            let mut rows: Vec<(K, V)> = map.into_iter().collect();
            rows.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            rows
        }
        WindowSummary {
            window: self.window,
            red: self.red.into_rows(catalog),
            late: late.into_rows(catalog),
            entries: sorted(self.entries),
            paths: sorted(self.paths),
            sites: sorted(self.sites),
            edges: sorted(self.edges),
            series: sorted(self.series),
            faults: sorted(self.faults),
            tally,
            missing_shards: 0,
        }
    }
}
