//! Whose operations they are: what a resource adds to an operation's key, filed once.
//!
//! Only owners of operations that were given an id are here, so their number is capped with these.

use crate::memo::{Memo, Seed};
use longpole_model::signal::{Operation, Resource};

/// Tenant, environment, namespace, service.
pub(super) type Key<'a> = [&'a str; 4];

/// What a resource adds.
pub(super) fn of_resource(r: &Resource) -> Key<'_> {
    [&r.tenant, &r.environment, &r.namespace, &r.service]
}

/// What an operation's key has of it.
pub(super) fn of_operation(o: &Operation) -> Key<'_> {
    [&o.tenant, &o.environment, &o.namespace, &o.service]
}

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

fn hash(seed: Seed, key: Key<'_>) -> u64 {
    use std::hash::Hasher;
    key.iter().fold(seed.begin(), |mix, text| mix.bytes(text.as_bytes())).finish()
}

impl Owners {
    /// The owner of that key.
    pub(super) fn find(&self, seed: Seed, key: Key<'_>) -> Option<u32> {
        self.memo.find(hash(seed, key), |i| {
            let o = self.rows.get(i as usize);
            o.is_some_and(|o| [&*o.tenant, &o.environment, &o.namespace, &o.service] == key)
        })
    }

    /// The owner of that key, filed where it is new.
    pub(super) fn of(&mut self, seed: Seed, key: Key<'_>) -> u32 {
        self.find(seed, key).unwrap_or_else(|| {
            let id = self.rows.len() as u32;
            self.memo.insert(hash(seed, key), id);
            let [tenant, environment, namespace, service] = key.map(str::to_owned);
            self.rows.push(Owner { tenant, environment, namespace, service });
            id
        })
    }
}
