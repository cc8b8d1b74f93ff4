//! The working tables of one open window of one shard, and how they close into a summary.
//!
//! Sorted only once, when the window closes.

use super::codes::{EntryCode, PathCode, Ranks, SiteCode};
use super::dense::{Dense, make_room};
use super::order::{in_order, profiles};
use super::segment::Call;
use crate::catalog::RedId;
use crate::hash::IdHash;
use longpole_model::signal::{
    Counters, EXEMPLARS, EdgeCounters, EdgeKey, EdgeSummary, EntryValue, Exemplar, FaultKey,
    OVERFLOW_NAME, OperationId, PathValue, RedKey, RedSummary, SeriesId, SeriesSummary,
    SiteCounters, SiteSummary, Tally, Window, WindowSummary,
};
use std::collections::HashMap;

/// Rows of which is read together what lies elsewhere: to wait for one after the other takes longer than all the rest.
const AT_ONCE: usize = 8;

/// RED of one operation, and from where on an exemplar is too late to be kept.
#[derive(Clone, Debug)]
pub struct OpenRed {
    /// What it has gathered.
    pub summary: RedSummary,
    /// The order of the last exemplar, where there is no room for more: nearly all are turned away without a look
    /// at those that are kept, which lie elsewhere.
    bar: u64,
}

impl Default for OpenRed {
    fn default() -> Self {
        Self { summary: RedSummary::default(), bar: u64::MAX }
    }
}

impl OpenRed {
    /// Keeps an exemplar where it belongs to the kept ones.
    #[inline]
    pub fn offer(&mut self, candidate: Exemplar) {
        if candidate.order() <= self.bar {
            self.summary.offer(candidate);
            let last = self.summary.exemplars.get(EXEMPLARS - 1);
            self.bar = last.map_or(u64::MAX, Exemplar::order);
        }
    }
}

/// RED by [`RedId`]: one index per span. Rows lie one behind the other, in order of their first span.
#[derive(Clone, Debug, Default)]
pub struct RedTable {
    /// By id: 1 + place of the row; 0 = none yet.
    places: Vec<u32>,
    rows: Vec<OpenRed>,
}

impl RedTable {
    fn with_room(ids: usize, rows: usize) -> Self {
        Self { places: Vec::with_capacity(ids), rows: Vec::with_capacity(rows) }
    }

    /// The row of an id, made when it is new.
    #[inline]
    pub fn at(&mut self, id: RedId) -> &mut OpenRed {
        let i = id.0 as usize;
        let place = match self.places.get(i) {
            Some(&place) if place > 0 => place as usize - 1,
            _ => self.new_row(i),
        };
        &mut self.rows[place]
    }

    #[cold]
    fn new_row(&mut self, i: usize) -> usize {
        if self.places.len() <= i {
            self.places.resize(i + 1, 0);
        }
        make_room(&mut self.rows);
        self.rows.push(OpenRed::default());
        self.places[i] = self.rows.len() as u32;
        self.rows.len() - 1
    }

    /// Rows in it.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether an id has gathered anything.
    pub fn has(&self, i: usize) -> bool {
        self.places.get(i).is_some_and(|place| *place > 0)
    }

    /// Calls `f` with all rows and their ids, the one that was made first first: as they lie in memory. What of them lies
    /// elsewhere is read ahead.
    pub fn each(&self, mut f: impl FnMut(usize, &RedSummary)) {
        let mut ids = vec![0; self.rows.len()];
        for (i, place) in self.places.iter().enumerate() {
            if let Some(id) = (*place as usize).checked_sub(1).and_then(|at| ids.get_mut(at)) {
                *id = i;
            }
        }
        for (ids, rows) in ids.chunks(AT_ONCE).zip(self.rows.chunks(AT_ONCE)) {
            let halves = rows.iter().flat_map(|row| &row.summary.halves);
            std::hint::black_box(halves.fold(0, |sum, half| sum ^ half.touch_first()));
            ids.iter().zip(rows).for_each(|(id, row)| f(*id, &row.summary));
        }
    }

    /// Sorted rows.
    pub fn into_rows(mut self, ranks: &Ranks) -> Vec<(RedKey, RedSummary)> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        let mut places = Vec::with_capacity(self.rows.len());
        places.extend(ranks.sorted().filter_map(|(id, key)| {
            let place = self.places.get(id.0 as usize)?.checked_sub(1)?;
            Some((key, place as usize))
        }));
        let row =
            |(key, place): (RedKey, usize)| (key, std::mem::take(&mut self.rows[place].summary));
        places.into_iter().map(row).collect()
    }
}

/// Everything that one window gathers.
#[derive(Clone, Debug)]
pub struct OpenWindow {
    /// The window.
    pub window: Window,
    /// Rate, errors, duration.
    pub red: RedTable,
    entries: Dense<EntryCode, EntryValue>,
    paths: Dense<PathCode, PathValue>,
    sites: Dense<SiteCode, SiteSummary>,
    edges: Dense<EdgeKey, EdgeSummary>,
    series: HashMap<SeriesId, SeriesSummary, IdHash>,
    faults: HashMap<OperationId, HashMap<String, u64>, IdHash>,
    /// Error types in `faults`.
    errors: usize,
}

/// Room for the rows of a window, instead of growing table by table.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sizes {
    ids: usize,
    red: usize,
    entries: usize,
    paths: usize,
    sites: usize,
    edges: usize,
    series: usize,
}

impl OpenWindow {
    /// An empty window with room for `sizes`.
    pub fn new(window: Window, sizes: Sizes) -> Self {
        Self {
            window,
            red: RedTable::with_room(sizes.ids, sizes.red),
            entries: Dense::with_room(sizes.entries),
            paths: Dense::with_room(sizes.paths),
            sites: Dense::with_room(sizes.sites),
            edges: Dense::with_room(sizes.edges),
            series: HashMap::with_capacity_and_hasher(sizes.series, IdHash::default()),
            faults: HashMap::default(),
            errors: 0,
        }
    }

    /// Room for as many rows as it has, and an eighth more: of two windows under the same load every other one has a few
    /// rows more than the one before, and would move all of them for these.
    pub fn sizes(&self) -> Sizes {
        let room = |rows: usize| rows + rows / 8;
        Sizes {
            ids: room(self.red.places.len()),
            red: room(self.red.rows.len()),
            entries: room(self.entries.len()),
            paths: room(self.paths.len()),
            sites: room(self.sites.len()),
            edges: room(self.edges.len()),
            series: room(self.series.len()),
        }
    }

    /// Rows of its paths and sites.
    #[inline]
    pub fn profile_rows(&self) -> (usize, usize) {
        (self.paths.len(), self.sites.len())
    }

    fn rows(&self) -> usize {
        self.paths.len() + self.sites.len() + self.entries.len() + self.edges.len()
    }

    /// Adds an entry of a path profile; `false` when the cap kept it out.
    #[inline]
    pub fn entry(&mut self, cap: usize, key: EntryCode, value: EntryValue) -> bool {
        if let Some(row) = self.entries.get_mut(&key) {
            row.merge(&value);
            return true;
        }
        let room = self.rows() < cap;
        if room {
            self.entries.insert(key, value);
        }
        room
    }

    /// Adds a row of a path profile; beyond the cap it goes to the entry's "other" row.
    #[inline]
    pub fn path(&mut self, cap: usize, key: PathCode, value: PathValue) -> bool {
        if let Some(row) = self.paths.get_mut(&key) {
            row.merge(&value);
            return true;
        }
        let room = self.rows() < cap;
        if room {
            self.paths.insert(key, value);
        } else if self.entries.get(&key.entry()).is_some()
            && let Some(row) = self.paths.row(key.folded(), true)
        {
            row.merge(&value);
        }
        room
    }

    /// Reads a path's row. The value means nothing.
    #[inline]
    pub fn touch_path(&self, key: PathCode) -> u64 {
        self.paths.get(&key).map_or(0, |row| row.visits)
    }

    /// Reads what a visit of a site changes. The value means nothing.
    #[inline]
    pub fn touch_site(&self, key: SiteCode, nanos: u64) -> u64 {
        self.sites.get(&key).map_or(0, |row| row.durations.touch(nanos))
    }

    /// Adds one visit of a site.
    #[inline]
    pub fn site(
        &mut self,
        cap: usize,
        key: SiteCode,
        nanos: u64,
        weight: u64,
        failed: bool,
    ) -> bool {
        let room = self.rows() < cap;
        let Some(site) = self.sites.row(key, room) else { return false };
        site.visits += 1;
        site.failed += u64::from(failed);
        site.durations.record(nanos, weight);
        true
    }

    /// Adds one call between services.
    pub fn edge(&mut self, cap: usize, key: EdgeKey, call: Call) -> bool {
        let room = self.rows() < cap;
        let Some(edge) = self.edges.row(key, room) else { return false };
        edge.weight = edge.weight.saturating_add(call.weight);
        if call.failed {
            edge.failed_weight = edge.failed_weight.saturating_add(call.weight);
        }
        if let Some(ns) = call.caller_ns {
            edge.caller.record(ns, call.weight);
        }
        edge.callee.record(call.callee_ns, call.weight);
        true
    }

    /// Adds what a series did.
    pub fn series(&mut self, id: SeriesId, value: SeriesSummary) {
        self.series.entry(id).or_default().merge(&value);
    }

    /// Adds an error of a type; beyond the cap its type is folded.
    pub fn fault(&mut self, cap: usize, operation: OperationId, error: &str, weight: u64) -> bool {
        let errors = self.faults.entry(operation).or_default();
        if let Some(n) = errors.get_mut(error) {
            *n = n.saturating_add(weight);
            return true;
        }
        let room = self.errors < cap;
        let error = if room { error } else { OVERFLOW_NAME };
        let cell = errors.entry(error.to_owned()).or_default();
        *cell = cell.saturating_add(weight);
        self.errors += usize::from(room);
        room
    }

    /// Adds what the window has gathered so far of the service graph: calls, and calls to what sends no
    /// spans.
    pub fn count_graph(&self, into: &mut Counters) {
        into.edges.extend(self.edges.rows().iter().map(|(key, edge)| {
            let mut counters = EdgeCounters::default();
            counters.add(edge);
            (*key, counters)
        }));
        let sites = self.sites.rows().iter().filter(|(code, _)| code.is_virtual());
        into.sites.extend(sites.map(|(code, site)| {
            let mut counters = SiteCounters::default();
            counters.add(site);
            (code.key(), counters)
        }));
    }

    /// Closes the window.
    pub fn close(self, late: RedTable, tally: Tally, ranks: &Ranks) -> WindowSummary {
        let by_operation = self.faults.into_iter().flat_map(|(operation, errors)| {
            errors.into_iter().map(move |(error, n)| (FaultKey { operation, error }, n))
        });
        let mut faults: Vec<(FaultKey, u64)> = by_operation.collect();
        faults.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut series: Vec<(SeriesId, SeriesSummary)> = self.series.into_iter().collect();
        series.sort_unstable_by_key(|(id, _)| *id);
        let (entries, paths) = profiles(self.entries, self.paths, ranks);
        WindowSummary {
            window: self.window,
            red: self.red.into_rows(ranks),
            late: late.into_rows(ranks),
            entries,
            paths,
            sites: in_order(self.sites.into_rows(), |code| code.order(), SiteCode::key_of),
            edges: in_order(self.edges.into_rows(), |key| *key, |key| key),
            series,
            faults,
            tally,
            missing_shards: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longpole_model::signal::TraceId;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exemplars_are_those_of_a_plain_summary(
            offers in prop::collection::vec((0..9u64, any::<u64>(), 0..4u32), 0..60),
        ) {
            let (mut row, mut plain) = (OpenRed::default(), RedSummary::default());
            for (trace, hash, power) in offers {
                // Many are alike in what the order is made of.
                let hash = if trace % 2 == 0 { hash } else { hash % 100 };
                let trace = TraceId(u128::from(trace).to_be_bytes());
                let candidate = Exemplar { hash, trace, duration_ns: 900 << power };
                row.offer(candidate);
                plain.offer(candidate);
            }
            prop_assert_eq!(row.summary, plain);
        }
    }
}
