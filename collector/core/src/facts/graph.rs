//! Who calls whom: from the segments of traces, and from a topology that somebody declared.

use super::Stretch;
use crate::catalog::Catalog;
use longpole_model::signal::Category;
use std::collections::{BTreeMap, BTreeSet};

/// Caller and callee services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    callees: BTreeMap<String, BTreeSet<String>>,
    callers: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// From the edges that both stretches saw, and declared (caller, callee) pairs.
    pub fn new(stretches: [&Stretch; 2], declared: &[(String, String)], catalog: &Catalog) -> Self {
        let mut graph = Self::default();
        for stretch in stretches {
            for ((_, site), _) in &stretch.all.paths {
                if site.category != Category::Callee {
                    continue;
                }
                let ends = (catalog.operation_of(site.operation), catalog.operation_of(site.peer));
                if let (Some(caller), Some(callee)) = ends {
                    graph.add(&caller.service, &callee.service);
                }
            }
        }
        for (caller, callee) in declared {
            graph.add(caller, callee);
        }
        graph
    }

    fn add(&mut self, caller: &str, callee: &str) {
        if caller != callee {
            self.callees.entry(caller.to_owned()).or_default().insert(callee.to_owned());
            self.callers.entry(callee.to_owned()).or_default().insert(caller.to_owned());
        }
    }

    /// Services called by `service`.
    pub fn callees(&self, service: &str) -> impl Iterator<Item = &str> {
        self.callees.get(service).into_iter().flatten().map(String::as_str)
    }

    /// Services that call `service`.
    pub fn callers(&self, service: &str) -> impl Iterator<Item = &str> {
        self.callers.get(service).into_iter().flatten().map(String::as_str)
    }

    /// Everything that `service` may wait for, directly or through others; not itself.
    pub fn below(&self, service: &str) -> BTreeSet<&str> {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut next: Vec<&str> = self.callees(service).collect();
        while let Some(s) = next.pop() {
            if s != service && seen.insert(s) {
                next.extend(self.callees(s));
            }
        }
        seen
    }

    /// Whether any call of or to a service is known.
    pub fn knows(&self, service: &str) -> bool {
        self.callees.contains_key(service) || self.callers.contains_key(service)
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.callees.is_empty()
    }
}
