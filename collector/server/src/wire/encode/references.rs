//! The names in use of a summary, and where they stand in its dictionaries.

use longpole_core::catalog::Catalog;
use longpole_model::signal::{
    EntryKey, Operation, OperationId, SeriesId, SeriesIdentity, SiteKey, VersionId, WindowSummary,
};
use longpole_proto::v1;
use std::sync::Arc;

/// References by id: 1 + index in the order of the names; 0 = not in use.
struct Numbers(Vec<u32>);

impl Numbers {
    fn new(known: usize) -> Self {
        Self(vec![0; known])
    }

    fn mark(&mut self, id: u32) {
        if let Some(cell) = self.0.get_mut(id as usize) {
            *cell = 1;
        }
    }

    /// Numbers what was marked; gives back its ids and names, in order.
    fn number<'a, N: Ord + ?Sized>(&mut self, names: &'a [Arc<N>]) -> Vec<(u32, &'a N)> {
        let all = (0u32..).zip(names).zip(&self.0);
        let used = all.filter(|(_, cell)| **cell > 0).map(|((id, name), _)| (id, &**name));
        let mut used: Vec<(u32, &N)> = used.collect();
        used.sort_unstable_by(|a, b| a.1.cmp(b.1));
        for (reference, (id, _)) in (1..).zip(&used) {
            if let Some(cell) = self.0.get_mut(*id as usize) {
                *cell = reference;
            }
        }
        used
    }

    fn of(&self, id: u32) -> u32 {
        self.0.get(id as usize).copied().unwrap_or(0)
    }
}

/// Where names stand.
pub struct References {
    operations: Numbers,
    versions: Numbers,
    series: Numbers,
}

/// The dictionaries.
pub struct Names {
    pub operations: Vec<v1::Operation>,
    pub versions: Vec<String>,
    pub series: Vec<v1::Series>,
}

impl References {
    /// What a summary uses of a catalog.
    pub fn new(s: &WindowSummary, catalog: &Catalog) -> (Self, Names) {
        let mut d = Self {
            operations: Numbers::new(catalog.operations().len()),
            versions: Numbers::new(catalog.versions().len()),
            series: Numbers::new(catalog.series().len()),
        };
        for (k, _) in s.red.iter().chain(&s.late) {
            d.use_pair(k.operation, k.version);
        }
        for k in s.entries.iter().map(|(k, _)| k).chain(s.paths.iter().map(|((k, _), _)| k)) {
            d.use_pair(k.operation, k.version);
        }
        for k in s.sites.iter().map(|(k, _)| k).chain(s.paths.iter().map(|((_, k), _)| k)) {
            d.operations.mark(k.operation.0);
            d.operations.mark(k.peer.0);
        }
        for (k, _) in &s.edges {
            d.operations.mark(k.caller.0);
            d.operations.mark(k.callee.0);
        }
        s.faults.iter().for_each(|(k, _)| d.operations.mark(k.operation.0));
        s.series.iter().for_each(|(id, _)| d.series.mark(id.0));
        let operations = d.operations.number(catalog.operations());
        let versions = d.versions.number(catalog.versions());
        let series_in_use = d.series.number(catalog.series());
        let names = Names {
            operations: operations.iter().map(|(id, o)| operation(*id, o, catalog)).collect(),
            versions: versions.iter().map(|(_, text)| (*text).to_owned()).collect(),
            series: series_in_use.iter().map(|(_, s)| series(s)).collect(),
        };
        (d, names)
    }

    fn use_pair(&mut self, operation: OperationId, version: VersionId) {
        self.operations.mark(operation.0);
        if version != VersionId::NONE {
            self.versions.mark(version.0);
        }
    }

    /// 0 = none.
    pub fn operation(&self, id: OperationId) -> u32 {
        self.operations.of(id.0)
    }

    /// 0 = not said.
    pub fn version(&self, id: VersionId) -> u32 {
        self.versions.of(id.0)
    }

    /// 0 = it has no name.
    pub fn series(&self, id: SeriesId) -> u32 {
        self.series.of(id.0)
    }

    /// In the order of stored rows.
    pub fn entry(&self, k: &EntryKey) -> Entry {
        let (operation, version) = (self.operation(k.operation), self.version(k.version));
        (k.scope as u32, operation, version, k.failed, u32::from(k.band))
    }

    /// In the order of stored rows.
    pub fn site(&self, k: &SiteKey) -> Site {
        (self.operation(k.operation), self.operation(k.peer), k.category as u32)
    }
}

/// Scope, operation, version, outcome, band.
pub type Entry = (u32, u32, u32, bool, u32);
/// Operation, peer, category.
pub type Site = (u32, u32, u32);

/// As it is stored.
pub fn entry_key((scope, operation, version, failed, band): Entry) -> v1::EntryKey {
    v1::EntryKey { scope, operation, version, failed, band }
}

/// As it is stored.
pub fn site_key((operation, peer, category): Site) -> v1::SiteKey {
    v1::SiteKey { operation, peer, category }
}

fn operation(id: u32, o: &Operation, catalog: &Catalog) -> v1::Operation {
    v1::Operation {
        tenant: o.tenant.clone(),
        environment: o.environment.clone(),
        namespace: o.namespace.clone(),
        service: o.service.clone(),
        kind: o.kind as u32,
        name: o.name.clone(),
        peer: catalog.peer_of(OperationId(id)).to_owned(),
        language: catalog.language_of(OperationId(id)).to_owned(),
    }
}

fn series(s: &SeriesIdentity) -> v1::Series {
    let attribute = |(k, v): &(String, String)| v1::Attribute { key: k.clone(), value: v.clone() };
    v1::Series {
        service: s.service.clone(),
        instance: s.placement.instance.clone(),
        pod: s.placement.pod.clone(),
        node: s.placement.node.clone(),
        gpu: s.placement.gpu.clone(),
        name: s.name.clone(),
        unit: s.unit.clone(),
        attributes: s.attributes.iter().map(attribute).collect(),
        temporality: s.temporality as u32,
        monotonic: s.monotonic,
        role: s.role as u32,
        facility: s.facility as u32,
    }
}
