//! Pools and queues of the program, registered in one line each.

use crate::metrics::{observe_many, observe_sums};
use std::sync::Arc;

/// What a pool says of itself, whenever it is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pool {
    /// Connections in use.
    pub used: u64,
    /// Connections that wait for work.
    pub idle: u64,
    /// Connections there may be.
    pub most: u64,
    /// Callers that wait for one: saturation.
    pub waiting: u64,
}

/// Watches a pool of database connections (`db.client.connection.*`).
///
/// ```no_run
/// # struct P; impl P { fn size(&self) -> u64 { 1 } }
/// # let pool = std::sync::Arc::new(P);
/// longpole_sdk::watch_pool("orders", move || longpole_sdk::Pool {
///     used: pool.size(), most: 10, ..Default::default()
/// });
/// ```
pub fn watch_pool(name: &str, ask: impl Fn() -> Pool + Send + Sync + 'static) {
    let (ask, name): (Arc<dyn Fn() -> Pool + Send + Sync>, Arc<str>) = (Arc::new(ask), name.into());
    let label = "db.client.connection.pool.name";
    let (a, n) = (Arc::clone(&ask), Arc::clone(&name));
    observe_sums("db.client.connection.count", "{connection}", false, move |tell| {
        let pool = a();
        tell(pool.used as f64, &[(label, &n), ("db.client.connection.state", "used")]);
        tell(pool.idle as f64, &[(label, &n), ("db.client.connection.state", "idle")]);
    });
    let (a, n) = (Arc::clone(&ask), Arc::clone(&name));
    observe_sums("db.client.connection.max", "{connection}", false, move |tell| {
        tell(a().most as f64, &[(label, &n)]);
    });
    observe_sums("db.client.connection.pending_requests", "{request}", false, move |tell| {
        tell(ask().waiting as f64, &[(label, &name)]);
    });
}

/// Watches a queue: how much waits in it, and how much it may hold (0 = without bound).
pub fn watch_queue(name: &str, capacity: u64, waiting: impl Fn() -> u64 + Send + Sync + 'static) {
    let name: Arc<str> = name.into();
    let same = Arc::clone(&name);
    observe_sums("queue.size", "{item}", false, move |tell| {
        tell(waiting() as f64, &[("queue.name", &same)]);
    });
    observe_many("queue.capacity", "{item}", move |tell| {
        if capacity > 0 {
            tell(capacity as f64, &[("queue.name", &name)]);
        }
    });
}
