//! A service's database: SQLite in memory behind a pool of connections, with the spans and pool
//! figures that a database client shows.

use super::LiveError;
use longpole_sdk::database::System;
use rusqlite::{Connection, OpenFlags, Row, ToSql};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument;

/// Connections of the pool.
pub(super) const POOL: usize = 8;
/// Products in the catalog: a full scan of them takes some ten milliseconds.
const PRODUCTS: u32 = 100_000;
/// Customers with orders, orders of each, items of each order.
const CUSTOMERS: u32 = 400;
pub(super) const ORDERS: u32 = 3;
pub(super) const ITEMS: u32 = 25;

/// A query that takes longer is asked for its plan, once in a while.
const SLOW: Duration = Duration::from_millis(5);
const PLAN_EVERY: Duration = Duration::from_secs(3);

/// The database.
#[derive(Clone)]
pub(super) struct Store {
    room: Arc<Semaphore>,
    connections: usize,
    /// How long a transaction stays open when its query is answered.
    open_for: Duration,
    idle: Arc<Mutex<Vec<Connection>>>,
    /// Of two writers to a shared cache one is refused: they take turns.
    writer: Arc<tokio::sync::Mutex<()>>,
    /// When the plan of a query was asked for, by its text.
    planned: Arc<Mutex<BTreeMap<&'static str, Instant>>>,
    pub(super) waiting: Arc<AtomicI64>,
}

/// What a query shows of itself.
pub(super) struct Query {
    /// `db.query.summary`: operation and table.
    pub(super) summary: &'static str,
    /// The text, without values.
    pub(super) text: &'static str,
}

impl Store {
    /// Opens a database of its own, filled by `fill`, behind so many connections.
    pub(super) fn open(
        name: &str,
        connections: usize,
        open_for: Duration,
        fill: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> Result<Self, LiveError> {
        // A shared in-memory database lives as long as one connection does.
        let uri = format!("file:longpole-{name}?mode=memory&cache=shared");
        let open = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_CREATE
                | OpenFlags::SQLITE_OPEN_URI
                | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let c = Connection::open_with_flags(&uri, flags)?;
            // Readers do not wait for the writer's table locks.
            c.pragma_update(None, "read_uncommitted", true)?;
            Ok::<_, rusqlite::Error>(c)
        };
        let first = open()?;
        fill(&first)?;
        let mut idle = vec![first];
        while idle.len() < connections {
            idle.push(open()?);
        }
        Ok(Self {
            room: Arc::new(Semaphore::new(connections)),
            connections,
            open_for,
            idle: Arc::new(Mutex::new(idle)),
            writer: Arc::default(),
            planned: Arc::default(),
            waiting: Arc::default(),
        })
    }

    /// Connections in use.
    pub(super) fn used(&self) -> usize {
        self.connections - self.room.available_permits()
    }

    /// A place at the pool. Who has to wait says so.
    async fn connection(&self) -> Result<OwnedSemaphorePermit, LiveError> {
        if let Ok(place) = Arc::clone(&self.room).try_acquire_owned() {
            return Ok(place);
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let wait = tracing::info_span!("connection", longpole.wait = "pool");
        let place = Arc::clone(&self.room).acquire_owned().instrument(wait).await;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        place.map_err(|_| LiveError::Closed)
    }

    /// Connections there are.
    pub(super) fn connections(&self) -> usize {
        self.connections
    }

    /// Runs a query on a connection of the pool, under a client span.
    pub(super) async fn query<T: Send + 'static>(
        &self,
        query: &'static Query,
        values: Vec<Box<dyn ToSql + Send>>,
        row: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, LiveError> {
        let (operation, table) = query.summary.split_once(' ').unwrap_or((query.summary, ""));
        let span = tracing::info_span!(
            "query",
            otel.name = query.summary,
            otel.kind = "client",
            db.system.name = "sqlite",
            db.query.summary = query.summary,
            db.query.text = query.text,
            db.operation.name = operation,
            db.collection.name = table,
        );
        let store = self.clone();
        let work = async move {
            let place = store.connection().await?;
            let _turn = match operation {
                "INSERT" => Some(store.writer.lock().await),
                _ => None,
            };
            let taken = store.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = taken.ok_or(LiveError::Closed)?;
            let planned = Arc::clone(&store.planned);
            let (connection, answer, plan) = tokio::task::spawn_blocking(move || {
                let began = Instant::now();
                let answer = run(&connection, query.text, &values, row);
                let plan = wants_plan(&planned, query.text, began.elapsed())
                    .then(|| plan(&connection, query.text));
                (connection, answer, plan)
            })
            .await
            .map_err(|_| LiveError::Closed)?;
            if let Some(Ok(plan)) = plan {
                tell(&plan);
            }
            store.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            if store.open_for.is_zero() {
                drop(place);
            } else {
                tokio::spawn(async move {
                    tokio::time::sleep(store.open_for).await;
                    drop(place);
                });
            }
            Ok(answer?)
        };
        work.instrument(span).await
    }
}

/// Whether a query is slow, and its plan was not asked for lately.
fn wants_plan(
    planned: &Mutex<BTreeMap<&'static str, Instant>>,
    text: &'static str,
    took: Duration,
) -> bool {
    let mut planned = planned.lock().unwrap_or_else(PoisonError::into_inner);
    let lately = planned.get(text).is_some_and(|at| at.elapsed() < PLAN_EVERY);
    let wants = took >= SLOW && !lately;
    if wants {
        planned.insert(text, Instant::now());
    }
    wants
}

/// What the database says it does for a query, a step a line.
fn plan(connection: &Connection, text: &str) -> rusqlite::Result<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {text}"))?;
    let mut rows = statement.raw_query();
    let mut lines = String::new();
    while let Some(row) = rows.next()? {
        lines.push_str(&row.get::<_, String>("detail")?);
        lines.push('\n');
    }
    Ok(lines)
}

/// Says in the current span what a plan showed; an event's message is its name.
fn tell(plan: &str) {
    let finding = System::Sqlite.finding(plan);
    tracing::info!(db.query.plan = plan, db.query.plan.finding = finding, "db.query.plan");
}

fn run<T>(
    connection: &Connection,
    text: &str,
    values: &[Box<dyn ToSql + Send>],
    row: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = connection.prepare_cached(text)?;
    let values: Vec<&dyn ToSql> = values.iter().map(|v| &**v as &dyn ToSql).collect();
    statement.query_map(values.as_slice(), row)?.collect()
}

/// Products with an index on their number.
pub(super) fn products(c: &Connection) -> rusqlite::Result<()> {
    c.execute_batch(
        "CREATE TABLE products (id INTEGER PRIMARY KEY, sku TEXT, name TEXT, price INTEGER)",
    )?;
    let tx = c.unchecked_transaction()?;
    {
        let mut insert = tx.prepare("INSERT INTO products (sku, name, price) VALUES (?, ?, ?)")?;
        for i in 0..PRODUCTS {
            insert.execute((format!("SKU-{i:06}"), format!("Product {i}"), i % 5_000))?;
        }
    }
    tx.execute_batch("CREATE UNIQUE INDEX products_sku ON products (sku)")?;
    tx.commit()
}

/// Products after a migration that dropped the index.
pub(super) fn products_unindexed(c: &Connection) -> rusqlite::Result<()> {
    products(c)?;
    c.execute_batch("DROP INDEX products_sku")
}

/// Orders and items, both indexed.
pub(super) fn orders(c: &Connection) -> rusqlite::Result<()> {
    c.execute_batch(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER);
         CREATE TABLE order_items (id INTEGER PRIMARY KEY, order_id INTEGER, sku TEXT, count INTEGER);",
    )?;
    let tx = c.unchecked_transaction()?;
    {
        let mut order = tx.prepare("INSERT INTO orders (id, customer) VALUES (?, ?)")?;
        let mut item =
            tx.prepare("INSERT INTO order_items (order_id, sku, count) VALUES (?, ?, 1)")?;
        for id in 0..CUSTOMERS * ORDERS {
            order.execute((id, id % CUSTOMERS))?;
            for i in 0..ITEMS {
                item.execute((id, format!("SKU-{:06}", (id * ITEMS + i) % PRODUCTS)))?;
            }
        }
    }
    tx.execute_batch(
        "CREATE INDEX orders_customer ON orders (customer);
         CREATE INDEX order_items_order ON order_items (order_id);",
    )?;
    tx.commit()
}

/// A product's number that exists.
pub(super) fn sku(n: u64) -> String {
    format!("SKU-{:06}", n % u64::from(PRODUCTS))
}

/// A customer who exists.
pub(super) fn customer(n: u64) -> u64 {
    n % u64::from(CUSTOMERS)
}
