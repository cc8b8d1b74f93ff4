//! The operations of an invented shop: services, what each serves, does, asks its database and calls.
//!
//! An operation is what a collector keeps a series for: service, kind and name. What a span of it
//! carries is [`super::attributes`].

use super::dice::{Dice, Zipf};

/// Services of the usual shop. Larger catalogues have more, so that no service has more than this:
const PER_SERVICE: usize = 1_000;
const SERVICES: usize = 6;
/// Kinds of [`Doing`].
const KINDS: usize = 4;

const NAMES: [&str; 12] = [
    "frontend",
    "checkout",
    "catalogue",
    "payment",
    "inventory",
    "shipping",
    "accounts",
    "search",
    "pricing",
    "reviews",
    "invoices",
    "messages",
];
const NOUNS: [&str; 10] = [
    "orders", "carts", "products", "payments", "stocks", "parcels", "users", "prices", "reviews",
    "invoices",
];

/// What an operation does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Serves HTTP.
    Http {
        /// Method.
        method: &'static str,
        /// Template of the path.
        route: String,
    },
    /// Serves RPC; package, service and method.
    Rpc(String),
    /// Works: function.
    Internal(String),
    /// Asks the database.
    Database {
        /// Verb.
        operation: &'static str,
        /// Table.
        table: String,
    },
    /// Calls what another service serves.
    Call {
        /// Index of the service.
        service: usize,
        /// Index among what it serves.
        operation: usize,
    },
}

/// One kind of operations of one service.
#[derive(Clone, Debug)]
pub struct Operations {
    /// From the most frequent.
    pub all: Vec<Doing>,
    zipf: Zipf,
}

impl Operations {
    fn new(all: Vec<Doing>) -> Self {
        Self { zipf: Zipf::new(all.len()), all }
    }

    /// One of them: frequent ones frequently. `None` where there are none.
    pub fn pick(&self, dice: &mut Dice) -> Option<&Doing> {
        self.all.get(self.zipf.roll(dice))
    }
}

/// A service.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// What it serves: HTTP, or RPC in every second service.
    pub serves: Operations,
    /// What it does itself.
    pub does: Operations,
    /// What it asks its database.
    pub asks: Operations,
    /// Whom it calls.
    pub calls: Operations,
}

/// All services.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// From the most frequent entry.
    pub services: Vec<Service>,
    zipf: Zipf,
}

impl Catalog {
    /// A shop of `operations` in all; at least one of each kind in each service.
    pub fn new(operations: usize) -> Self {
        let count = SERVICES.max(operations.div_ceil(PER_SERVICE));
        // Number `k` of the operations goes to service k % count, there to kind (k / count) % KINDS.
        let of = |service: usize, kind: usize| {
            let first = kind * count + service;
            let more = operations.saturating_sub(first).div_ceil(KINDS * count);
            more.max(1)
        };
        let services = (0..count).map(|at| {
            let many = |kind: usize, make: &dyn Fn(usize) -> Doing| {
                Operations::new((0..of(at, kind)).map(make).collect())
            };
            Service {
                name: named(&NAMES, at),
                serves: many(0, &|i| serves(at, i)),
                does: many(2, &|i| Doing::Internal(format!("shop::{}::rule_{i}", noun(at + i)))),
                asks: many(1, &|i| asks(at, i)),
                calls: many(3, &|i| {
                    // Never itself, and each other one in turn.
                    let service = (at + 1 + i % (count - 1)) % count;
                    Doing::Call { service, operation: i / (count - 1) % of(service, 0) }
                }),
            }
        });
        Self { services: services.collect(), zipf: Zipf::new(count) }
    }

    /// How many operations there are.
    pub fn operations(&self) -> usize {
        let of = |s: &Service| [&s.serves, &s.does, &s.asks, &s.calls].map(|o| o.all.len());
        self.services.iter().flat_map(of).sum()
    }

    /// The service where a request comes in.
    pub fn entry(&self, dice: &mut Dice) -> usize {
        self.zipf.roll(dice)
    }
}

fn noun(at: usize) -> &'static str {
    NOUNS[at % NOUNS.len()]
}

fn named(names: &[&str], at: usize) -> String {
    match at / names.len() {
        0 => names[at].to_owned(),
        round => format!("{}-{round}", names[at % names.len()]),
    }
}

fn serves(service: usize, i: usize) -> Doing {
    let (noun, round) = (noun(service + i), i / NOUNS.len());
    if service % 2 == 1 {
        let verb = ["Get", "List", "Place", "Update"][i % 4];
        return Doing::Rpc(format!("shop.{noun}.v{}.{verb}Service/{verb}{i}", round + 1));
    }
    let method = ["GET", "POST", "GET", "PUT"][i % 4];
    Doing::Http { method, route: format!("/api/v{}/{noun}/{{id}}/view-{i}", round + 1) }
}

fn asks(service: usize, i: usize) -> Doing {
    let operation = ["SELECT", "INSERT", "SELECT", "UPDATE"][i % 4];
    Doing::Database { operation, table: format!("{}_{i}", noun(service + i)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_catalogue_has_as_many_operations_as_asked_for() {
        for n in [40, 1_000, 25_001, 100_000] {
            let catalog = Catalog::new(n);
            assert_eq!(catalog.operations(), n);
            let names: HashSet<&str> = catalog.services.iter().map(|s| s.name.as_str()).collect();
            assert_eq!(names.len(), catalog.services.len());
        }
        assert_eq!(Catalog::new(40).services.len(), 6);
        assert_eq!(Catalog::new(100_000).services.len(), 100);
        assert_eq!(Catalog::new(1).operations(), 24, "one of each kind in each service");
    }

    #[test]
    fn every_call_leads_to_another_service() {
        let catalog = Catalog::new(5_000);
        for (at, service) in catalog.services.iter().enumerate() {
            let distinct: HashSet<String> =
                service.calls.all.iter().map(|c| format!("{c:?}")).collect();
            assert_eq!(distinct.len(), service.calls.all.len(), "{}", service.name);
            for call in &service.calls.all {
                let Doing::Call { service, operation } = call else { panic!("{call:?}") };
                assert_ne!(*service, at);
                assert!(catalog.services[*service].serves.all.get(*operation).is_some());
            }
        }
    }
}
