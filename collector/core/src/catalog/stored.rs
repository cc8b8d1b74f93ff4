//! The interner as a checkpoint keeps it: what ids stand for, and which versions are live. Ids come out as
//! they went in.
//!
//! Taking it shares the tables; only writing it copies texts. Look-up tables are not kept: they follow.

use super::intern::{Interner, Service};
use super::{Catalog, Facts, RedRow, owner};
use crate::limits::Limits;
use crate::memo::Seed;
use longpole_model::signal::{
    Facility, Operation, Placement, Role, SeriesId, SeriesIdentity, SpanKind, Temporality,
    Timestamp, VersionId,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Versions with the log time of something about them.
type Versions = Vec<(VersionId, Timestamp)>;

/// An interner at one place of the log.
#[derive(Clone, Debug)]
pub struct Captured {
    pub(super) catalog: Arc<Catalog>,
    /// By number: name and live versions.
    pub(super) services: Vec<(String, Versions)>,
}

/// The same as plain data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    operations: Vec<OperationForm>,
    versions: Vec<String>,
    red: Vec<RedRow>,
    /// Versions ever seen, by service.
    seen: Vec<(String, Versions)>,
    series: Vec<SeriesForm>,
    services: Vec<(String, Versions)>,
}

/// Tenant, environment, namespace, service, name; then kind, number of the service, peer, language.
type OperationForm = ([String; 5], SpanKind, u32, String, String);

/// Service, instance, pod, node, GPU, name, unit; then the rest of a series' key.
type SeriesForm = ([String; 7], Vec<(String, String)>, (Temporality, bool, Role, Facility));

impl Captured {
    /// The names, as of there.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// As plain data.
    pub fn stored(&self) -> Stored {
        let c = &self.catalog;
        let operation = |(o, f): (&Arc<Operation>, &Facts)| {
            let o = Operation::clone(o);
            let texts = [o.tenant, o.environment, o.namespace, o.service, o.name];
            (texts, o.kind, f.service, f.peer.to_string(), f.language.to_string())
        };
        let series = |s: &Arc<SeriesIdentity>| {
            let s = SeriesIdentity::clone(s);
            let Placement { instance, pod, node, gpu } = s.placement;
            let texts = [s.service, instance, pod, node, gpu, s.name, s.unit];
            (texts, s.attributes, (s.temporality, s.monotonic, s.role, s.facility))
        };
        Stored {
            operations: c.operations.iter().zip(&c.facts).map(operation).collect(),
            versions: c.versions.iter().map(|v| v.to_string()).collect(),
            red: c.red.clone(),
            seen: c.services.iter().map(|(name, seen)| (name.to_string(), seen.clone())).collect(),
            series: c.series.iter().map(series).collect(),
            services: self.services.clone(),
        }
    }
}

impl Stored {
    fn catalog(self) -> (Catalog, Vec<(String, Versions)>) {
        let mut catalog = Catalog {
            versions: self.versions.into_iter().map(Arc::from).collect(),
            red: self.red,
            services: self.seen.into_iter().map(|(name, seen)| (name.into(), seen)).collect(),
            ..Catalog::default()
        };
        for (texts, kind, service, peer, language) in self.operations {
            let [tenant, environment, namespace, of, name] = texts;
            let operation = Operation { tenant, environment, namespace, service: of, kind, name };
            catalog.operations.push(Arc::new(operation));
            catalog.facts.push(Facts { service, peer: peer.into(), language: language.into() });
        }
        for (texts, attributes, (temporality, monotonic, role, facility)) in self.series {
            let [service, instance, pod, node, gpu, name, unit] = texts;
            let placement = Placement { instance, pod, node, gpu };
            catalog.series.push(Arc::new(SeriesIdentity {
                service,
                placement,
                name,
                unit,
                attributes,
                temporality,
                monotonic,
                role,
                facility,
            }));
        }
        (catalog, self.services)
    }
}

impl Interner {
    /// What it knows now.
    pub fn capture(&self) -> Captured {
        let mut names: Vec<(&String, &u32)> = self.service_ids.iter().collect();
        names.sort_unstable_by_key(|(_, id)| **id);
        let live =
            |(name, service): ((&String, &u32), &Service)| (name.0.clone(), service.live.clone());
        Captured {
            catalog: Arc::clone(&self.catalog),
            services: names.into_iter().zip(&self.services).map(live).collect(),
        }
    }

    /// One that goes on from there.
    pub fn resume(limits: Limits, seed: Seed, stored: Stored) -> Self {
        let mut one = Self::new(limits, seed);
        let (catalog, services) = stored.catalog();
        for (id, (name, live)) in (0..).zip(services) {
            one.service_ids.insert(name, id);
            one.services.push(Service { live, ..Service::default() });
        }
        for (id, (o, facts)) in (0..).zip(catalog.operations.iter().zip(&catalog.facts)) {
            let owner = one.owners.of(seed, owner::of_operation(o));
            one.owned.push(owner);
            one.operation_ids.insert(one.hash(owner, o.kind, &o.name), id);
            if let Some(s) = one.services.get_mut(facts.service as usize) {
                s.operations += 1;
            }
        }
        for (id, s) in (0..).map(SeriesId).zip(&catalog.series) {
            let service = one.service_ids.get(&s.service).map(|id| *id as usize);
            if let Some(service) = service.and_then(|at| one.services.get_mut(at)) {
                service.series += 1;
            }
            one.series_ids.insert(Arc::clone(s), id);
        }
        let versions = (0..).map(VersionId).zip(&catalog.versions);
        one.version_ids = versions.map(|(id, text)| (text.to_string(), id)).collect();
        let red = (0..).map(super::RedId).zip(&catalog.red);
        one.red_ids = red.map(|(id, row)| (row.key, id)).collect();
        one.catalog = Arc::new(catalog);
        one
    }
}
