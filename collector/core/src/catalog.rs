//! Interning of operations, versions and series, and the caps on their number, in one place before
//! the split into shards.
//!
//! Ids are given in order of appearance in the log; they never leave the process.

mod role;

pub use role::role_of;

use crate::limits::Limits;
use longpole_model::signal::{
    Batch, OVERFLOW_NAME, Operation, OperationId, OperationRow, RedKey, Resource, SECOND, SeriesId,
    SeriesIdentity, SeriesRow, SpanCategory, SpanKind, Temporality, Timestamp, VersionId,
};
use std::collections::HashMap;

/// Stands for an (operation, version) pair: the dense index of RED tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RedId(pub u32);

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

/// Facts about a known operation that are not part of its key.
#[derive(Clone, Debug, Default)]
struct Facts {
    service: u32,
    category: SpanCategory,
    peer: String,
    language: String,
}

#[derive(Debug, Default)]
struct Service {
    operations: usize,
    series: usize,
    /// Live versions with the last time they were seen, and every version ever seen, in order.
    live: Vec<(VersionId, Timestamp)>,
    versions: Vec<(VersionId, Timestamp)>,
}

/// A version not seen for this long makes room for another.
const VERSION_IDLE: u64 = 600 * SECOND;
const OVERFLOW_SERVICE: &str = OVERFLOW_NAME;

/// The dictionary of everything measured.
#[derive(Debug)]
pub struct Catalog {
    limits: Limits,
    operations: Vec<Operation>,
    facts: Vec<Facts>,
    operation_ids: HashMap<Operation, OperationId>,
    versions: Vec<String>,
    version_ids: HashMap<String, VersionId>,
    red: Vec<RedKey>,
    red_ids: HashMap<RedKey, RedId>,
    services: HashMap<String, Service>,
    service_ids: HashMap<String, u32>,
    series: Vec<SeriesIdentity>,
    series_ids: HashMap<SeriesIdentity, SeriesId>,
}

impl Catalog {
    /// An empty catalog.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            operations: Vec::new(),
            facts: Vec::new(),
            operation_ids: HashMap::new(),
            versions: vec![String::new()],
            version_ids: HashMap::from([(String::new(), VersionId::NONE)]),
            red: Vec::new(),
            red_ids: HashMap::new(),
            services: HashMap::new(),
            service_ids: HashMap::new(),
            series: Vec::new(),
            series_ids: HashMap::new(),
        }
    }

    /// Interns a batch's dictionary. Work per distinct operation and series, never per span.
    pub fn map(&mut self, batch: &Batch, now: Timestamp) -> Mapped {
        let nobody = Resource::default();
        let resource = |i: u32| batch.resources.get(i as usize).unwrap_or(&nobody);
        let operations =
            batch.operations.iter().map(|o| self.operation(o, resource(o.resource), now)).collect();
        let mut histogram = vec![false; batch.series.len()];
        for p in &batch.points {
            if let longpole_model::signal::PointValue::Histogram(_) = p.value
                && let Some(h) = histogram.get_mut(p.series as usize)
            {
                *h = true;
            }
        }
        let series = batch
            .series
            .iter()
            .zip(histogram)
            .map(|(s, h)| self.mapped_series(s, resource(s.resource), h))
            .collect();
        Mapped { operations, series }
    }

    fn operation(&mut self, row: &OperationRow, r: &Resource, now: Timestamp) -> (RedId, bool) {
        let wanted = Operation {
            tenant: r.tenant.clone(),
            environment: r.environment.clone(),
            namespace: r.namespace.clone(),
            service: r.service.clone(),
            kind: row.kind,
            name: row.name.clone(),
        };
        let (id, overflow) = self.operation_id(wanted);
        if let Some(facts) = self.facts.get_mut(id.0 as usize) {
            facts.category = facts.category.max(row.category);
            // The smallest name, so that the choice does not depend on the order of arrival.
            if !row.peer.is_empty() && (facts.peer.is_empty() || row.peer < facts.peer) {
                facts.peer.clone_from(&row.peer);
            }
            if facts.language.is_empty() {
                facts.language.clone_from(&r.language);
            }
        }
        let version = self.version(r, now);
        (self.red_id(RedKey { operation: id, version }), overflow)
    }

    /// The id of an operation, or of the overflow operation that takes its place.
    fn operation_id(&mut self, wanted: Operation) -> (OperationId, bool) {
        if let Some(&id) = self.operation_ids.get(&wanted) {
            return (id, wanted.name == OVERFLOW_NAME);
        }
        let full = self.operations.len() >= self.limits.operations;
        let services = self.services.len();
        let known = self.services.get(&wanted.service);
        let folded = match known {
            None => services >= self.limits.services || full,
            Some(s) => s.operations >= self.limits.operations_per_service || full,
        };
        if !folded || wanted.name == OVERFLOW_NAME {
            let id = OperationId(self.operations.len() as u32);
            self.services.entry(wanted.service.clone()).or_default().operations += 1;
            self.operations.push(wanted.clone());
            let next = self.service_ids.len() as u32;
            let service = *self.service_ids.entry(wanted.service.clone()).or_insert(next);
            self.facts.push(Facts { service, ..Facts::default() });
            self.operation_ids.insert(wanted, id);
            return (id, false);
        }
        let service = match known {
            Some(_) => wanted.service,
            None => OVERFLOW_SERVICE.to_owned(),
        };
        let shared = Operation {
            service,
            kind: wanted.kind,
            name: OVERFLOW_NAME.to_owned(),
            ..Operation::default()
        };
        (self.operation_id(shared).0, true)
    }

    fn version(&mut self, r: &Resource, now: Timestamp) -> VersionId {
        if r.version.is_empty() {
            return VersionId::NONE;
        }
        let Some(service) = self.services.get_mut(&r.service) else { return VersionId::NONE };
        let id = match self.version_ids.get(&r.version) {
            Some(&id) => id,
            None => {
                let id = VersionId(self.versions.len() as u32);
                if service.live.len() >= self.limits.live_versions
                    && service.live.iter().all(|(_, seen)| now.since(*seen) < VERSION_IDLE)
                {
                    return VersionId::NONE;
                }
                self.versions.push(r.version.clone());
                self.version_ids.insert(r.version.clone(), id);
                id
            }
        };
        if let Some(live) = service.live.iter_mut().find(|(v, _)| *v == id) {
            live.1 = now;
            return id;
        }
        service.live.retain(|(_, seen)| now.since(*seen) < VERSION_IDLE);
        if service.live.len() >= self.limits.live_versions {
            return VersionId::NONE;
        }
        service.live.push((id, now));
        if !service.versions.iter().any(|(v, _)| *v == id) {
            service.versions.push((id, now));
        }
        id
    }

    fn red_id(&mut self, key: RedKey) -> RedId {
        let next = RedId(self.red.len() as u32);
        let id = *self.red_ids.entry(key).or_insert(next);
        if id == next {
            self.red.push(key);
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
            let (id, overflow) = self.series_id(row.clone(), r);
            return MappedSeries { id, quantiles: [id; 2], overflow };
        }
        let unit = row.unit.clone();
        let count = stat("count", row.temporality, true, "1");
        let (id, overflow) = self.series_id(count, r);
        let quantiles =
            ["p50", "p99"].map(|q| self.series_id(stat(q, Temporality::Gauge, false, &unit), r).0);
        MappedSeries { id, quantiles, overflow }
    }

    fn series_id(&mut self, row: SeriesRow, r: &Resource) -> (SeriesId, bool) {
        let (role, facility) = role_of(&row);
        let wanted = SeriesIdentity {
            service: r.service.clone(),
            placement: r.placement.clone(),
            name: row.name,
            unit: row.unit,
            attributes: row.attributes,
            temporality: row.temporality,
            monotonic: row.monotonic,
            role,
            facility,
        };
        if let Some(&id) = self.series_ids.get(&wanted) {
            return (id, wanted.name == OVERFLOW_NAME);
        }
        let known = self.services.get(&wanted.service);
        let folded = self.series.len() >= self.limits.series
            || match known {
                None => self.services.len() >= self.limits.services,
                Some(s) => s.series >= self.limits.series_per_service,
            };
        if !folded || wanted.name == OVERFLOW_NAME {
            let id = SeriesId(self.series.len() as u32);
            self.services.entry(wanted.service.clone()).or_default().series += 1;
            self.series.push(wanted.clone());
            self.series_ids.insert(wanted, id);
            return (id, false);
        }
        // Numbers of different series make no sum: the overflow series only counts points.
        let shared = SeriesRow { name: OVERFLOW_NAME.to_owned(), ..SeriesRow::default() };
        let owner = Resource {
            service: match known {
                Some(_) => wanted.service,
                None => OVERFLOW_SERVICE.to_owned(),
            },
            ..Resource::default()
        };
        (self.series_id(shared, &owner).0, true)
    }

    /// Number of (operation, version) pairs.
    pub fn red_len(&self) -> usize {
        self.red.len()
    }

    /// Operation and version behind an id.
    pub fn red_key(&self, id: RedId) -> RedKey {
        self.red
            .get(id.0 as usize)
            .copied()
            .unwrap_or(RedKey { operation: OperationId::NONE, version: VersionId::NONE })
    }

    /// The operation behind an id.
    pub fn operation_of(&self, id: OperationId) -> Option<&Operation> {
        self.operations.get(id.0 as usize)
    }

    /// All operations, by id.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The kind of an operation.
    pub fn kind_of(&self, id: OperationId) -> SpanKind {
        self.operation_of(id).map(|o| o.kind).unwrap_or_default()
    }

    /// A number that operations of one service share.
    pub fn service_of(&self, id: OperationId) -> u32 {
        self.facts.get(id.0 as usize).map_or(u32::MAX, |f| f.service)
    }

    /// What the operation's spans show by themselves.
    pub fn category_of(&self, id: OperationId) -> SpanCategory {
        self.facts.get(id.0 as usize).map(|f| f.category).unwrap_or_default()
    }

    /// Whom the operation's spans address; empty = not said.
    pub fn peer_of(&self, id: OperationId) -> &str {
        self.facts.get(id.0 as usize).map_or("", |f| &f.peer)
    }

    /// The language of the service's SDK; empty = not said.
    pub fn language_of(&self, id: OperationId) -> &str {
        self.facts.get(id.0 as usize).map_or("", |f| &f.language)
    }

    /// The version behind an id; empty = not said.
    pub fn version_of(&self, id: VersionId) -> &str {
        self.versions.get(id.0 as usize).map_or("", |v| v)
    }

    /// All versions, by id.
    pub fn versions(&self) -> &[String] {
        &self.versions
    }

    /// Versions of a service with the log time at which each was first seen, oldest first.
    pub fn versions_of_service(&self, service: &str) -> Vec<(VersionId, Timestamp)> {
        self.services.get(service).map(|s| s.versions.clone()).unwrap_or_default()
    }

    /// Names of all services, sorted.
    pub fn services(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.services.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// All series, by id.
    pub fn series(&self) -> &[SeriesIdentity] {
        &self.series
    }
}

/// Attribute that tells a histogram's derived series apart.
const STAT: &str = "longpole.stat";
