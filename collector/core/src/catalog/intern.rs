//! Interning of operations, versions and series, and the caps on their number, in one place before
//! the split into shards.
//!
//! A look-up allocates nothing: work per distinct operation of a request, never per span.

use super::owner::{self, Owners};
use super::recent::Recent;
use super::{Catalog, Facts, RedId, RedRow, role_of};
use crate::hash::IdHash;
use crate::limits::Limits;
use crate::memo::{Memo, Mix, Seed};
use longpole_model::signal::{
    Batch, OVERFLOW_NAME, Operation, OperationId, OperationRow, PointValue, RedKey, Resource,
    SECOND, SeriesId, SeriesIdentity, SeriesRow, SpanKind, Temporality, Timestamp, VersionId,
};
use std::collections::HashMap;
use std::hash::Hasher;
use std::sync::Arc;

/// A batch's dictionary in terms of the catalog.
#[derive(Clone, Debug, Default)]
pub struct Mapped {
    /// Per batch operation: its id, and whether it was folded into an overflow operation.
    pub operations: Vec<(RedId, bool)>,
    /// Per batch series.
    pub series: Vec<MappedSeries>,
}

/// One batch series in terms of the catalog.
#[derive(Clone, Copy, Debug)]
pub struct MappedSeries {
    /// The series of its numbers, or of a histogram's count.
    pub id: SeriesId,
    /// Series of a histogram's p50 and p99; unused for numbers.
    pub quantiles: [SeriesId; 2],
    /// Whether it was folded into an overflow series.
    pub overflow: bool,
}

#[derive(Debug, Default)]
pub(super) struct Service {
    pub(super) operations: usize,
    pub(super) series: usize,
    /// Live versions with the last time they were seen.
    pub(super) live: Vec<(VersionId, Timestamp)>,
}

/// A version not seen for this long makes room for another.
const VERSION_IDLE: u64 = 600 * SECOND;
const OVERFLOW_SERVICE: &str = OVERFLOW_NAME;

/// Gives out ids.
#[derive(Debug)]
pub struct Interner {
    limits: Limits,
    seed: Seed,
    pub(super) catalog: Arc<Catalog>,
    pub(super) owners: Owners,
    /// Owner of each operation.
    pub(super) owned: Vec<u32>,
    pub(super) operation_ids: Memo,
    pub(super) version_ids: HashMap<String, VersionId>,
    pub(super) red_ids: HashMap<RedKey, RedId, IdHash>,
    pub(super) services: Vec<Service>,
    pub(super) service_ids: HashMap<String, u32>,
    pub(super) series_ids: HashMap<Arc<SeriesIdentity>, SeriesId>,
    recent: Recent,
}

impl Interner {
    /// One that has given out nothing. `seed` is secret and shows in no output.
    pub fn new(limits: Limits, seed: Seed) -> Self {
        let unsaid = Catalog { versions: vec!["".into()], ..Catalog::default() };
        Self {
            limits,
            seed,
            catalog: Arc::new(unsaid),
            owners: Owners::default(),
            owned: Vec::new(),
            operation_ids: Memo::default(),
            version_ids: HashMap::from([(String::new(), VersionId::NONE)]),
            red_ids: HashMap::default(),
            services: Vec::new(),
            service_ids: HashMap::new(),
            series_ids: HashMap::new(),
            recent: Recent::default(),
        }
    }

    /// The names behind the ids given out so far. What is interned while somebody holds a clone costs
    /// one copy of the tables.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Interns a batch's dictionary.
    pub fn map(&mut self, batch: &Batch, now: Timestamp) -> Mapped {
        let nobody = Resource::default();
        let resource = |i: u32| batch.resources.get(i as usize).map_or(&nobody, |r| &**r);
        self.recent.begin(self.limits.names);
        let operations = batch.operations.iter().map(|row| self.operation(row, now)).collect();
        let mut histogram = vec![false; batch.series.len()];
        for p in &batch.points {
            if let PointValue::Histogram(_) = p.value
                && let Some(h) = histogram.get_mut(p.series as usize)
            {
                *h = true;
            }
        }
        let series = batch.series.iter().zip(histogram);
        let series = series.map(|(s, h)| self.mapped_series(s, resource(s.resource), h)).collect();
        Mapped { operations, series }
    }

    fn operation(&mut self, row: &Arc<OperationRow>, now: Timestamp) -> (RedId, bool) {
        let (id, overflow) = match self.recent.operation(row) {
            Some(id) => (id, row.name == OVERFLOW_NAME),
            None => {
                let owner = owner::of_resource(&row.resource);
                let (id, overflow) = self.operation_id(owner, row.kind, &row.name);
                self.learn(id, &row.peer, &row.resource.language);
                if !overflow {
                    self.recent.keep(row, id);
                }
                (id, overflow)
            }
        };
        let version = match self.recent.version(&row.resource) {
            Some(version) => version,
            None => {
                let (service, version) = (&row.resource.service, &row.resource.version);
                let version = self.version(service, version, now);
                self.recent.keep_version(&row.resource, version);
                version
            }
        };
        (self.red_id(RedKey { operation: id, version }), overflow)
    }

    /// The id of an operation, a new one where it has none, and whether it is one that stands for others.
    pub(super) fn operation_id(
        &mut self,
        owner: owner::Key<'_>,
        kind: SpanKind,
        name: &str,
    ) -> (OperationId, bool) {
        let filed = self.owners.find(self.seed, owner);
        match filed.and_then(|filed| self.find(filed, kind, name)) {
            Some(id) => (id, name == OVERFLOW_NAME),
            None => self.new_operation(owner, kind, name),
        }
    }

    pub(super) fn hash(&self, owner: u32, kind: SpanKind, name: &str) -> u64 {
        let mix: Mix = self.seed.begin().number(u64::from(owner) << 8 | kind as u64);
        mix.bytes(name.as_bytes()).finish()
    }

    fn find(&self, owner: u32, kind: SpanKind, name: &str) -> Option<OperationId> {
        let found = self.operation_ids.find(self.hash(owner, kind, name), |i| {
            self.owned.get(i as usize) == Some(&owner)
                && self
                    .catalog
                    .operation_of(OperationId(i))
                    .is_some_and(|o| o.kind == kind && o.name == name)
        });
        found.map(OperationId)
    }

    /// Takes in what a span says of its operation beside its name.
    pub(super) fn learn(&mut self, id: OperationId, peer: &str, language: &str) {
        let Some(facts) = self.catalog.facts.get(id.0 as usize) else { return };
        // The smallest name, so that the choice does not depend on the order of arrival.
        let nearer = !peer.is_empty() && (facts.peer.is_empty() || *peer < *facts.peer);
        let spoken = facts.language.is_empty() && !language.is_empty();
        if !nearer && !spoken {
            return;
        }
        let Some(facts) = Arc::make_mut(&mut self.catalog).facts.get_mut(id.0 as usize) else {
            return;
        };
        if nearer {
            facts.peer = peer.into();
        }
        if spoken {
            facts.language = language.into();
        }
    }

    /// The id of an operation without one, or of the overflow operation that takes its place.
    fn new_operation(
        &mut self,
        owner: owner::Key<'_>,
        kind: SpanKind,
        name: &str,
    ) -> (OperationId, bool) {
        let [.., service] = owner;
        let full = self.catalog.operations.len() >= self.limits.operations;
        let known = self.service(service);
        let folded = match known {
            None => full || self.services.len() >= self.limits.services,
            Some(s) => full || s.operations >= self.limits.operations_per_service,
        };
        if !folded {
            let [tenant, environment, namespace, service] = owner.map(str::to_owned);
            let name = name.to_owned();
            let operation = Operation { tenant, environment, namespace, service, kind, name };
            let overflow = operation.name == OVERFLOW_NAME;
            return (self.file(operation), overflow);
        }
        let service = if known.is_some() { service } else { OVERFLOW_SERVICE };
        let shared = Operation {
            service: service.to_owned(),
            kind,
            name: OVERFLOW_NAME.to_owned(),
            ..Operation::default()
        };
        (self.file(shared), true)
    }

    /// The id of an operation, a new one where it has none.
    fn file(&mut self, operation: Operation) -> OperationId {
        let service = self.service_id(&operation.service);
        let owner = self.owners.of(self.seed, owner::of_operation(&operation));
        if let Some(id) = self.find(owner, operation.kind, &operation.name) {
            return id;
        }
        let id = OperationId(self.catalog.operations.len() as u32);
        let hash = self.hash(owner, operation.kind, &operation.name);
        self.operation_ids.insert(hash, id.0);
        self.owned.push(owner);
        if let Some(s) = self.services.get_mut(service as usize) {
            s.operations += 1;
        }
        let catalog = Arc::make_mut(&mut self.catalog);
        catalog.operations.push(Arc::new(operation));
        catalog.facts.push(Facts { service, ..Facts::default() });
        id
    }

    fn service(&self, name: &str) -> Option<&Service> {
        self.services.get(*self.service_ids.get(name)? as usize)
    }

    fn service_id(&mut self, name: &str) -> u32 {
        if let Some(&id) = self.service_ids.get(name) {
            return id;
        }
        let id = self.services.len() as u32;
        self.services.push(Service::default());
        self.service_ids.insert(name.to_owned(), id);
        Arc::make_mut(&mut self.catalog).services.entry(name.into()).or_default();
        id
    }

    /// The id of a version of a service; not said where it has as many live ones as it may.
    pub(super) fn version(&mut self, service: &str, version: &str, now: Timestamp) -> VersionId {
        if version.is_empty() {
            return VersionId::NONE;
        }
        let number = self.service_ids.get(service).map(|number| *number as usize);
        let Some(live) = number.and_then(|n| Some(&mut self.services.get_mut(n)?.live)) else {
            return VersionId::NONE;
        };
        let known = self.version_ids.get(version).copied();
        if let Some(id) = known
            && let Some(seen) = live.iter_mut().find(|(v, _)| *v == id)
        {
            seen.1 = seen.1.max(now);
            return id;
        }
        live.retain(|(_, seen)| now.since(*seen) < VERSION_IDLE);
        if live.len() >= self.limits.live_versions {
            return VersionId::NONE;
        }
        let catalog = Arc::make_mut(&mut self.catalog);
        let id = known.unwrap_or_else(|| {
            let id = VersionId(catalog.versions.len() as u32);
            catalog.versions.push(version.into());
            self.version_ids.insert(version.to_owned(), id);
            id
        });
        live.push((id, now));
        let versions = catalog.services.entry(service.into()).or_default();
        if !versions.iter().any(|(v, _)| *v == id) {
            versions.push((id, now));
        }
        id
    }

    /// The id of an operation's version, a new one where it has none.
    pub(super) fn red_id(&mut self, key: RedKey) -> RedId {
        let next = RedId(self.catalog.red.len() as u32);
        let id = *self.red_ids.entry(key).or_insert(next);
        if id == next {
            let service = self.catalog.service_of(key.operation);
            Arc::make_mut(&mut self.catalog).red.push(RedRow { key, service });
        }
        id
    }

    fn mapped_series(&mut self, row: &SeriesRow, r: &Resource, histogram: bool) -> MappedSeries {
        let stat = |stat: &str, temporality, monotonic, unit: &str| {
            let mut row = row.clone();
            row.attributes.push((STAT.to_owned(), stat.to_owned()));
            row.attributes.sort();
            (row.temporality, row.monotonic, row.unit) = (temporality, monotonic, unit.to_owned());
            row
        };
        if !histogram {
            let (id, overflow) = self.series_id(&identity(row.clone(), r));
            return MappedSeries { id, quantiles: [id; 2], overflow };
        }
        let unit = row.unit.clone();
        let count = stat("count", row.temporality, true, "1");
        let (id, overflow) = self.series_id(&identity(count, r));
        let quantiles = QUANTILES
            .map(|q| self.series_id(&identity(stat(q, Temporality::Gauge, false, &unit), r)).0);
        MappedSeries { id, quantiles, overflow }
    }

    /// The id of a series, a new one where it has none, and whether it is one that stands for others.
    pub(super) fn series_id(&mut self, wanted: &SeriesIdentity) -> (SeriesId, bool) {
        if let Some(&id) = self.series_ids.get(wanted) {
            return (id, wanted.name == OVERFLOW_NAME);
        }
        let known = self.service(&wanted.service);
        let folded = self.catalog.series.len() >= self.limits.series
            || match known {
                None => self.services.len() >= self.limits.services,
                Some(s) => s.series >= self.limits.series_per_service,
            };
        if !folded {
            return (self.file_series(wanted.clone()), wanted.name == OVERFLOW_NAME);
        }
        // Numbers of different series make no sum: the overflow series only counts points.
        let shared = SeriesRow { name: OVERFLOW_NAME.to_owned(), ..SeriesRow::default() };
        let service = if known.is_some() { &wanted.service } else { OVERFLOW_SERVICE };
        let owner = Resource { service: service.to_owned(), ..Resource::default() };
        let shared = identity(shared, &owner);
        let id = self.series_ids.get(&shared).copied();
        (id.unwrap_or_else(|| self.file_series(shared)), true)
    }

    /// The id of a series that somebody else had given an id; `None` where there are too many.
    pub fn series(&mut self, wanted: &SeriesIdentity) -> Option<SeriesId> {
        let (id, overflow) = self.series_id(wanted);
        (!overflow).then_some(id)
    }

    fn file_series(&mut self, series: SeriesIdentity) -> SeriesId {
        let id = SeriesId(self.catalog.series.len() as u32);
        let service = self.service_id(&series.service);
        if let Some(s) = self.services.get_mut(service as usize) {
            s.series += 1;
        }
        let series = Arc::new(series);
        Arc::make_mut(&mut self.catalog).series.push(Arc::clone(&series));
        self.series_ids.insert(series, id);
        id
    }
}

fn identity(row: SeriesRow, r: &Resource) -> SeriesIdentity {
    let (role, facility) = role_of(&row);
    SeriesIdentity {
        service: r.service.clone(),
        placement: r.placement.clone(),
        name: row.name,
        unit: row.unit,
        attributes: row.attributes,
        temporality: row.temporality,
        monotonic: row.monotonic,
        role,
        facility,
    }
}

/// Attribute that tells a histogram's derived series apart.
const STAT: &str = "longpole.stat";
/// Its values for what is no count.
const QUANTILES: [&str; 2] = ["p50", "p99"];

/// Whether a series is a quantile of a histogram, whose points the histogram's count has.
pub(super) fn is_quantile(series: &SeriesIdentity) -> bool {
    series.attributes.iter().any(|(k, v)| k == STAT && QUANTILES.contains(&v.as_str()))
}
