//! Whose operations they are: what a resource adds to an operation's key, filed once.
//!
//! Only owners of operations that were given an id are here, so their number is capped with these.

use crate::memo::{Memo, Seed};
use longpole_model::signal::{Operation, Resource};

#[derive(Debug)]
struct Owner {
    tenant: String,
    environment: String,
    namespace: String,
    service: String,
}

/// All owners.
#[derive(Debug, Default)]
pub(super) struct Owners {
    rows: Vec<Owner>,
    memo: Memo,
}

fn hash(seed: Seed, key: [&str; 4]) -> u64 {
    use std::hash::Hasher;
    key.iter().fold(seed.begin(), |mix, text| mix.bytes(text.as_bytes())).finish()
}

impl Owners {
    /// The owner that a resource is.
    pub(super) fn find(&self, seed: Seed, r: &Resource) -> Option<u32> {
        self.at(seed, [&r.tenant, &r.environment, &r.namespace, &r.service])
    }

    fn at(&self, seed: Seed, key: [&str; 4]) -> Option<u32> {
        self.memo.find(hash(seed, key), |i| {
            let o = self.rows.get(i as usize);
            o.is_some_and(|o| [&*o.tenant, &o.environment, &o.namespace, &o.service] == key)
        })
    }

    /// The owner of an operation, filed where it is new.
    pub(super) fn of(&mut self, seed: Seed, o: &Operation) -> u32 {
        let key = [&*o.tenant, &o.environment, &o.namespace, &o.service];
        self.at(seed, key).unwrap_or_else(|| {
            let id = self.rows.len() as u32;
            self.memo.insert(hash(seed, key), id);
            self.rows.push(Owner {
                tenant: o.tenant.clone(),
                environment: o.environment.clone(),
                namespace: o.namespace.clone(),
                service: o.service.clone(),
            });
            id
        })
    }
}
