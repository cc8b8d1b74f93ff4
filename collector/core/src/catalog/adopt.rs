//! Summaries of other processes: their names are given ids here, and their rows these ids.
//!
//! What comes of it depends on the summaries and their order alone, not on when they are adopted. Who may
//! publish what, and in which order summaries are read, is not known here; nor how they are stored.

use super::intern::{Interner, is_quantile};
use super::owner;
use crate::hash::IdHash;
use longpole_model::signal::{
    EdgeKey, EdgeSummary, EntryKey, EntryValue, FaultKey, OVERFLOW_NAME, Operation, OperationId,
    PathValue, RedKey, RedSummary, SeriesIdentity, SiteKey, SiteSummary, Timestamp, VersionId,
    WindowSummary, united_rows,
};
use std::collections::HashMap;

/// The names that came with a summary: what its ids stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dictionary {
    /// By operation id.
    pub operations: Vec<Described>,
    /// By version id; the first is "not said".
    pub versions: Vec<String>,
    /// By series id.
    pub series: Vec<SeriesIdentity>,
}

/// An operation, and what was known of it beside its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    /// The operation.
    pub operation: Operation,
    /// Whom its spans address; empty = not said.
    pub peer: String,
    /// The language of the service's SDK; empty = not said.
    pub language: String,
}

impl Interner {
    /// A summary in terms of this interner. Its names are given ids, in the order in which the dictionary has
    /// them, and what they say beside their keys is taken in as from a batch; versions are seen at the start of
    /// the summary's window.
    ///
    /// Caps hold as for a batch. Rows of operations that are folded here come together under the overflow operation,
    /// and their spans count as `overflow_spans`; rows of series that are folded here go, and the points that made
    /// them count as `overflow_points`. What was folded before has been counted by who did it. Versions beyond the
    /// live ones of a service become "not said".
    pub fn adopt(&mut self, mut summary: WindowSummary, names: &Dictionary) -> WindowSummary {
        let mut to = Adoption::new(self, summary.window.start, names);
        let spans = summary.red.iter().chain(&summary.late);
        let folded = spans.filter(|(key, _)| to.is_folded(key.operation)).map(|(_, red)| red.spans);
        let folded = folded.fold(summary.tally.overflow_spans, u64::saturating_add);
        summary.tally.overflow_spans = folded;

        summary.red =
            renamed(summary.red, |key| *key = to.red(*key), |a: &mut RedSummary, b| a.merge(&b));
        summary.late =
            renamed(summary.late, |key| *key = to.red(*key), |a: &mut RedSummary, b| a.merge(&b));
        let add = |a: &mut EntryValue, b| a.merge(&b);
        summary.entries = renamed(summary.entries, |key| *key = to.entry(*key), add);
        let path = |(entry, site): &mut (EntryKey, SiteKey)| {
            (*entry, *site) = (to.entry(*entry), to.site(*site));
        };
        summary.paths = renamed(summary.paths, path, |a: &mut PathValue, b| a.merge(&b));
        summary.sites = renamed(
            summary.sites,
            |key| *key = to.site(*key),
            |a: &mut SiteSummary, b| a.merge(&b),
        );
        let edge = |key: &mut EdgeKey| {
            (key.caller, key.callee) = (to.operation(key.caller), to.operation(key.callee));
        };
        summary.edges = renamed(summary.edges, edge, |a: &mut EdgeSummary, b| a.merge(&b));
        let fault = |key: &mut FaultKey| {
            key.operation = to.operation(key.operation);
        };
        summary.faults = renamed(summary.faults, fault, |a, b| *a = a.saturating_add(b));
        self.adopt_series(&mut summary, names);
        summary
    }

    fn adopt_series(&mut self, summary: &mut WindowSummary, names: &Dictionary) {
        let ids: Vec<_> = names.series.iter().map(|series| self.series_id(series)).collect();
        let (mut rows, mut folded) = (Vec::with_capacity(summary.series.len()), 0u64);
        for (id, row) in std::mem::take(&mut summary.series) {
            let at = id.0 as usize;
            match ids.get(at) {
                Some((id, false)) => rows.push((*id, row)),
                // A histogram's points were counted with its count.
                _ if names.series.get(at).is_some_and(is_quantile) => {}
                _ => folded = folded.saturating_add(row.points),
            }
        }
        summary.series = united_rows(rows, |a, b| a.merge(&b));
        summary.tally.overflow_points = summary.tally.overflow_points.saturating_add(folded);
    }
}

/// Rows under other keys.
fn renamed<K: Ord, V: Default>(
    mut rows: Vec<(K, V)>,
    mut rename: impl FnMut(&mut K),
    add: impl Fn(&mut V, V),
) -> Vec<(K, V)> {
    rows.iter_mut().for_each(|(key, _)| rename(key));
    united_rows(rows, add)
}

/// What an operation of a dictionary has become.
#[derive(Clone, Copy)]
struct Adopted {
    id: OperationId,
    /// Whether it is here that it was folded into another.
    folded: bool,
    /// Its service, as a number that neighbours of one service share.
    service: u32,
}

/// One summary on its way: each name is looked up once, rows go by index.
struct Adoption<'a> {
    interner: &'a mut Interner,
    names: &'a Dictionary,
    now: Timestamp,
    operations: Vec<Adopted>,
    versions: HashMap<(u32, VersionId), VersionId, IdHash>,
    pairs: HashMap<RedKey, RedKey, IdHash>,
    /// The pair asked for last: rows of one entry lie together.
    last: (RedKey, RedKey),
}

const NOBODY: RedKey = RedKey { operation: OperationId::NONE, version: VersionId::NONE };

impl<'a> Adoption<'a> {
    fn new(interner: &'a mut Interner, now: Timestamp, names: &'a Dictionary) -> Self {
        let (mut operations, mut service) = (Vec::with_capacity(names.operations.len()), 0);
        let mut before: Option<&str> = None;
        for Described { operation, peer, language } in &names.operations {
            let owner = owner::of_operation(operation);
            let (id, overflow) = interner.operation_id(owner, operation.kind, &operation.name);
            interner.learn(id, peer, language);
            service += u32::from(before.is_some_and(|before| before != operation.service));
            before = Some(&operation.service);
            let folded = overflow && operation.name != OVERFLOW_NAME;
            operations.push(Adopted { id, folded, service });
        }
        let (versions, pairs) = (HashMap::default(), HashMap::default());
        Self { interner, names, now, operations, versions, pairs, last: (NOBODY, NOBODY) }
    }

    fn of(&self, id: OperationId) -> Option<Adopted> {
        self.operations.get(id.0 as usize).copied()
    }

    fn is_folded(&self, id: OperationId) -> bool {
        self.of(id).is_some_and(|o| o.folded)
    }

    fn operation(&self, id: OperationId) -> OperationId {
        self.of(id).map_or(OperationId::NONE, |o| o.id)
    }

    fn red(&mut self, key: RedKey) -> RedKey {
        if self.last.0 == key {
            return self.last.1;
        }
        let pair = match self.pairs.get(&key) {
            Some(pair) => *pair,
            None => self.new_pair(key),
        };
        self.last = (key, pair);
        pair
    }

    fn new_pair(&mut self, key: RedKey) -> RedKey {
        let Some(operation) = self.of(key.operation) else { return NOBODY };
        let version = self.version(key, operation.service);
        let pair = RedKey { operation: operation.id, version };
        // Tables of RED rows know the pairs that there are.
        self.interner.red_id(pair);
        self.pairs.insert(key, pair);
        pair
    }

    fn version(&mut self, key: RedKey, number: u32) -> VersionId {
        if let Some(version) = self.versions.get(&(number, key.version)) {
            return *version;
        }
        let operation = self.names.operations.get(key.operation.0 as usize);
        let text = self.names.versions.get(key.version.0 as usize);
        let version = match (operation, text) {
            (Some(o), Some(text)) => self.interner.version(&o.operation.service, text, self.now),
            _ => VersionId::NONE,
        };
        self.versions.insert((number, key.version), version);
        version
    }

    fn entry(&mut self, key: EntryKey) -> EntryKey {
        let red = self.red(RedKey { operation: key.operation, version: key.version });
        EntryKey { operation: red.operation, version: red.version, ..key }
    }

    fn site(&self, key: SiteKey) -> SiteKey {
        let (operation, peer) = (self.operation(key.operation), self.operation(key.peer));
        SiteKey { operation, peer, ..key }
    }
}
