//! The part of the traffic that a story is about: entries whose requests touch what alarmed, and
//! everything that those requests visit.
//!
//! Where a thousand operations share a service, one of them that got slower shows in none of its
//! percentiles. So what alarmed is compared among those that it concerns, with their own past; and
//! the work follows the size of the story, not of the system. Judges nothing.

use crate::sorted::before;
use longpole_model::signal::{EntryKey, OperationId, Scope, WindowSummary};
use std::collections::{BTreeMap, BTreeSet};

/// A set of operations, by id.
#[derive(Clone, Debug, Default)]
struct Ids(Vec<bool>);

impl Ids {
    /// Adds one; "none" is nobody.
    fn insert(&mut self, id: OperationId) {
        if id == OperationId::NONE {
            return;
        }
        let at = id.0 as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, false);
        }
        self.0[at] = true;
    }

    fn contains(&self, id: OperationId) -> bool {
        self.0.get(id.0 as usize).copied().unwrap_or(false)
    }
}

/// Entries and the operations below them.
#[derive(Clone, Debug, Default)]
pub struct Population {
    entries: BTreeSet<OperationId>,
    operations: Ids,
}

impl Population {
    /// Of rows that are sorted by their entry those of a scope whose requests are theirs: of a few entries among many,
    /// found without a look at all others.
    pub fn entered<'a, T>(
        &self,
        mut rows: &'a [T],
        scope: Scope,
        entry: impl Fn(&T) -> &EntryKey,
    ) -> Vec<&'a [T]> {
        let mut runs = Vec::new();
        for operation in &self.entries {
            let order =
                |row: &T| (entry(row).scope, entry(row).operation).cmp(&(scope, *operation));
            let (_, rest) = rows.split_at(before(rows, |row| order(row).is_lt()));
            let (ours, rest) = rest.split_at(before(rest, |row| order(row).is_eq()));
            runs.push(ours);
            rows = rest;
        }
        runs
    }

    /// Of a window what concerns them: their rows, every caller's edge into them, and all metric
    /// series. Late spans and counters stay behind.
    pub fn narrow(&self, w: &WindowSummary) -> WindowSummary {
        fn rows<K: Clone, V: Clone>(all: &[(K, V)], ours: impl Fn(&K) -> bool) -> Vec<(K, V)> {
            all.iter().filter(|(k, _)| ours(k)).cloned().collect()
        }
        let known = |id| self.operations.contains(id);
        let both = [Scope::Trace, Scope::Segment];
        let entries = both.iter().flat_map(|scope| self.entered(&w.entries, *scope, |(k, _)| k));
        let paths = both.iter().flat_map(|scope| self.entered(&w.paths, *scope, |((k, _), _)| k));
        WindowSummary {
            window: w.window,
            red: rows(&w.red, |k| known(k.operation)),
            entries: entries.flatten().copied().collect(),
            paths: paths.flatten().copied().collect(),
            sites: rows(&w.sites, |k| known(k.operation) || known(k.peer)),
            edges: rows(&w.edges, |k| known(k.caller) || known(k.callee)),
            series: w.series.clone(),
            faults: rows(&w.faults, |k| known(k.operation)),
            missing_shards: w.missing_shards,
            ..WindowSummary::default()
        }
    }
}

/// One entry operation that an alarm touches.
#[derive(Clone, Debug, Default)]
struct Reach {
    /// Alarmed operations on its paths, by their rank.
    alarmed: BTreeSet<usize>,
    /// Everything on its paths.
    visited: BTreeSet<OperationId>,
}

/// Who shares requests with what alarmed.
#[derive(Clone, Debug, Default)]
pub struct Reached {
    alarmed: Vec<OperationId>,
    entries: BTreeMap<OperationId, Reach>,
}

impl Reached {
    /// Follows `alarmed`, clearest first, through the path profiles of some windows.
    pub fn new<'a>(
        alarmed: Vec<OperationId>,
        windows: impl Iterator<Item = &'a WindowSummary>,
    ) -> Self {
        let mut ranks: BTreeMap<OperationId, usize> = BTreeMap::new();
        for (rank, id) in alarmed.iter().enumerate() {
            ranks.entry(*id).or_insert(rank);
        }
        let mut is_alarmed = Ids::default();
        alarmed.iter().for_each(|id| is_alarmed.insert(*id));
        let mut entries: BTreeMap<OperationId, Reach> = BTreeMap::new();
        // Rows are sorted by entry: those of one lie together, once for each scope.
        let runs =
            windows.flat_map(|w| w.paths.chunk_by(|a, b| a.0.0.operation == b.0.0.operation));
        for run in runs {
            let on_path = run.iter().flat_map(|((entry, site), _)| {
                [entry.operation, site.operation, site.peer].into_iter()
            });
            if !on_path.clone().any(|id| is_alarmed.contains(id)) {
                continue;
            }
            let Some(((entry, _), _)) = run.first() else { continue };
            let reach = entries.entry(entry.operation).or_default();
            reach.alarmed.extend(on_path.clone().filter_map(|id| ranks.get(&id)));
            reach.visited.extend(on_path);
        }
        Self { alarmed, entries }
    }

    /// Which alarms are one story: those that share a request, or a service (`service_of`). Ranks,
    /// ascending; the story of the clearest alarm first.
    pub fn stories(&self, service_of: impl Fn(OperationId) -> u32) -> Vec<Vec<usize>> {
        let mut groups = Groups((0..self.alarmed.len()).collect());
        let mut homes: BTreeMap<u32, usize> = BTreeMap::new();
        for (rank, id) in self.alarmed.iter().enumerate() {
            groups.join(rank, *homes.entry(service_of(*id)).or_insert(rank));
        }
        for reach in self.entries.values() {
            if let Some(first) = reach.alarmed.first() {
                reach.alarmed.iter().for_each(|rank| groups.join(*first, *rank));
            }
        }
        let mut stories: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for rank in 0..self.alarmed.len() {
            stories.entry(groups.of(rank)).or_default().push(rank);
        }
        stories.into_values().collect()
    }

    /// Everything that these alarms concern: their entries, the clearest alarm's first, until `cap`
    /// operations are in it. What thousands of operations feel, any thousands of them show.
    pub fn population(&self, story: &[usize], cap: usize) -> Population {
        let mut out = Population::default();
        let mut operations: BTreeSet<OperationId> = BTreeSet::new();
        for rank in story {
            if operations.len() >= cap {
                break;
            }
            operations.extend(self.alarmed.get(*rank));
            for (entry, reach) in self.entries.iter().filter(|(_, r)| r.alarmed.contains(rank)) {
                if operations.len() < cap {
                    out.entries.extend(Some(*entry).filter(|id| *id != OperationId::NONE));
                    operations.extend(&reach.visited);
                }
            }
        }
        operations.into_iter().for_each(|id| out.operations.insert(id));
        out
    }
}

/// Disjoint groups; each is known by its smallest member.
struct Groups(Vec<usize>);

impl Groups {
    fn of(&mut self, mut member: usize) -> usize {
        while self.0[member] != member {
            self.0[member] = self.0[self.0[member]];
            member = self.0[member];
        }
        member
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.of(a), self.of(b));
        self.0[a.max(b)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longpole_model::signal::{Category, PathValue, RedKey, SiteKey, VersionId};
    use proptest::prelude::*;

    /// Entry `entry` of one scope visits `below`.
    fn rows(scope: Scope, entry: u32, below: &[u32]) -> Vec<((EntryKey, SiteKey), PathValue)> {
        let entry = OperationId(entry);
        let key =
            EntryKey { scope, operation: entry, version: VersionId::NONE, failed: false, band: 20 };
        let site = |id: &u32| SiteKey {
            operation: OperationId(*id),
            peer: OperationId::NONE,
            category: Category::Own,
        };
        below.iter().map(|id| ((key, site(id)), PathValue::default())).collect()
    }

    /// Three entries: 0 visits 1 and 2, 3 visits 2, 4 visits 5.
    fn shop() -> WindowSummary {
        let paths = [(0, &[0, 1, 2][..]), (3, &[2, 3]), (4, &[4, 5])];
        let red = |id| {
            (RedKey { operation: OperationId(id), version: VersionId::NONE }, Default::default())
        };
        WindowSummary {
            paths: paths.iter().flat_map(|(e, below)| rows(Scope::Trace, *e, below)).collect(),
            red: (0..6).map(red).collect(),
            ..WindowSummary::default()
        }
    }

    fn reached(alarmed: &[u32]) -> Reached {
        Reached::new(alarmed.iter().map(|id| OperationId(*id)).collect(), [shop()].iter())
    }

    fn members(reached: &Reached, story: &[usize], cap: usize) -> Vec<u32> {
        let narrow = reached.population(story, cap).narrow(&shop());
        narrow.red.iter().map(|(k, _)| k.operation.0).collect()
    }

    #[test]
    fn a_story_is_what_shares_requests_or_a_service() {
        let alone = |id: OperationId| id.0;
        assert_eq!(reached(&[1, 5, 3, 2]).stories(alone), [vec![0, 2, 3], vec![1]]);
        assert_eq!(reached(&[1, 3]).stories(alone), [[0], [1]], "an operation, but no request");
        assert_eq!(reached(&[7, 1]).stories(alone), [[0], [1]], "nobody saw 7");
        assert_eq!(reached(&[1, 3]).stories(|_| 0), [[0, 1]]);
    }

    #[test]
    fn a_population_is_what_its_requests_visit() {
        let reached = reached(&[2, 5, 7]);
        assert_eq!(members(&reached, &[0], 100), [0, 1, 2, 3]);
        assert_eq!(members(&reached, &[1], 100), [4, 5]);
        assert_eq!(members(&reached, &[0, 1], 2), [0, 1, 2], "of too many, the clearest alarm's");
        assert_eq!(members(&reached, &[2], 100), [0_u32; 0], "nobody saw it");
        let paths = reached.population(&[1], 100).narrow(&shop()).paths;
        assert!(paths.len() == 2 && paths.iter().all(|((e, _), _)| e.operation.0 == 4));
    }

    proptest! {
        /// What is found without a look at all rows is what a look at all rows finds.
        #[test]
        fn rows_of_entries_are_those_that_enter_there(
            seen in prop::collection::btree_set((any::<bool>(), 0..30u32, 0..3u32), 0..80),
            entries in prop::collection::btree_set(0..30u32, 0..20),
        ) {
            let scope = |trace| if trace { Scope::Trace } else { Scope::Segment };
            let mut paths: Vec<_> =
                seen.iter().flat_map(|(trace, id, below)| rows(scope(*trace), *id, &[*below])).collect();
            paths.sort_by_key(|(key, _)| *key);
            let entries = entries.into_iter().map(OperationId).collect();
            let population = Population { entries, ..Population::default() };
            let ours = |((k, _), _): &&((EntryKey, SiteKey), PathValue)| {
                population.entries.contains(&k.operation)
            };
            let plain: Vec<_> = paths.iter().filter(ours).copied().collect();
            let window = WindowSummary { paths, ..WindowSummary::default() };
            prop_assert_eq!(population.narrow(&window).paths, plain);
        }
    }
}
