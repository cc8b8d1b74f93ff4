//! What each role does with a request, in its good release and in its bad one.

use super::cache::Cache;
use super::journal::Journal;
use super::store::{self, Query, Store};
use super::{Book, LiveError, Role, Service};
use crate::Fault;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tracing::Instrument;

/// How long the bank takes, well and badly.
const BANK: [Duration; 2] = [Duration::from_millis(6), Duration::from_millis(160)];
/// How often the checkout's bad release makes an audit copy of the ledger, and how long it holds it for that: whoever
/// comes waits some 80 ms, however many come.
const AUDIT: [Duration; 2] = [Duration::from_millis(150), Duration::from_millis(250)];
/// Processor time of ranking in the catalog's bad release.
const RANKING: Duration = Duration::from_millis(14);
/// Of so many payments one fails in the bad release.
const DECLINED: u64 = 3;
/// Of seven calls the bank refuses five when it is unwell, one behind the other.
const REFUSED: [u64; 2] = [5, 7];
/// How often the payment's bad release tries.
const TRIES: u32 = 12;
/// How long the bad release of orders leaves a transaction open on its only connection.
const LEFT_OPEN: Duration = Duration::from_millis(8);
/// How long prices are believed; bands of products they are kept for, and products in one.
const FRESH: Duration = Duration::from_secs(5);
const BANDS: u64 = 20;
const BAND: u64 = 5_000;

const FIND_PRODUCT: Query =
    Query { summary: "SELECT products", text: "SELECT name, price FROM products WHERE sku = ?" };
const FIND_PRICES: Query = Query {
    summary: "SELECT prices",
    text: "SELECT count(*), avg(price) FROM products WHERE id BETWEEN ? AND ?",
};
const FIND_ORDERS: Query =
    Query { summary: "SELECT orders", text: "SELECT id FROM orders WHERE customer = ?" };
const FIND_ITEMS: Query = Query {
    summary: "SELECT order_items",
    text: "SELECT i.id FROM orders o JOIN order_items i ON i.order_id = o.id WHERE o.customer = ?",
};
const FIND_ITEM: Query = Query {
    summary: "SELECT order_items",
    text: "SELECT id FROM order_items WHERE order_id = ? LIMIT 1 OFFSET ?",
};
const ADD_ORDER: Query = Query {
    summary: "INSERT orders",
    text: "INSERT INTO orders (customer) VALUES (?) RETURNING id",
};

/// What a role's handlers share.
struct Shop {
    fault: Fault,
    book: Book,
    client: reqwest::Client,
    store: Option<Store>,
    journal: Option<Journal>,
    /// The catalog's prices by band of products.
    prices: Cache,
    /// The bank's calls.
    charges: AtomicU64,
    /// The checkout's ledger.
    ledger: Mutex<u64>,
}

type Shared = State<Arc<Shop>>;
type Answer = Result<String, StatusCode>;

/// Serves a role until SIGTERM, then ends what is under way.
pub(super) async fn serve(service: Service) -> Result<(), LiveError> {
    let store = match service.role {
        Role::Catalog => {
            let fill = match service.fault {
                Fault::SlowDatabase => store::products_unindexed,
                _ => store::products,
            };
            Some(Store::open("catalog", store::POOL, Duration::ZERO, fill)?)
        }
        Role::Orders => {
            let (connections, open_for) = match service.fault {
                Fault::Pool => (1, LEFT_OPEN),
                _ => (store::POOL, Duration::ZERO),
            };
            Some(Store::open("orders", connections, open_for, store::orders)?)
        }
        _ => None,
    };
    let journal = match service.role {
        Role::Orders => Some(Journal::open()?),
        _ => None,
    };
    let _telemetry = telemetry(&service, store.as_ref(), journal.as_ref())?;
    let shop = Arc::new(Shop {
        fault: service.fault,
        book: Book::at(&service.book),
        client: reqwest::Client::builder().timeout(Duration::from_secs(20)).build()?,
        store,
        journal,
        prices: Cache::new(if service.fault == Fault::ColdCache { Duration::ZERO } else { FRESH }),
        charges: AtomicU64::new(0),
        ledger: Mutex::new(0),
    });
    if (service.role, service.fault) == (Role::Checkout, Fault::Lock) {
        tokio::spawn(audit(Arc::clone(&shop)));
    }
    let router = match service.role {
        Role::Frontend => Router::new()
            .route("/products/{sku}", get(frontend_product))
            .route("/orders/{customer}", get(frontend_orders))
            .route("/checkout/{customer}", post(frontend_checkout)),
        Role::Catalog => Router::new().route("/products/{sku}", get(product)),
        Role::Orders => Router::new().route("/orders/{customer}", get(list).post(add)),
        Role::Checkout => Router::new().route("/checkout/{customer}", post(checkout)),
        Role::Payment => Router::new().route("/pay/{customer}", post(pay)),
        Role::Bank => Router::new()
            .route("/v1/charge", post(charge))
            .route("/v2/charge", post(charge_slowly))
            .route("/v3/charge", post(charge_if_well)),
    };
    let mut router = router.with_state(shop);
    if service.role != Role::Bank {
        router = router.layer(longpole_sdk::axum());
    }
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    // The one who started this process waits for this line.
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let stop = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut term) => term.recv().await.unwrap_or(()),
            Err(_) => std::future::pending().await,
        }
    };
    axum::serve(listener, router).with_graceful_shutdown(stop).await?;
    Ok(())
}

/// The SDK, as any service sets it up; the bank has none.
fn telemetry(
    service: &Service,
    store: Option<&Store>,
    journal: Option<&Journal>,
) -> Result<Option<longpole_sdk::Guard>, LiveError> {
    if service.role == Role::Bank || service.otlp.is_empty() {
        return Ok(None);
    }
    let guard = longpole_sdk::Builder::new(service.role.name())
        .version(&service.version)
        .attribute("deployment.environment.name", "demo")
        .endpoint(&service.otlp)
        .schedule_delay(Duration::from_millis(200))
        .metric_interval(Duration::from_secs(1))
        .quiet(true)
        .init()
        .map_err(|e| LiveError::Telemetry(e.to_string()))?;
    if let Some(store) = store {
        let pool = [("db.client.connection.pool.name", service.role.name())];
        let used = [pool[0], ("db.client.connection.state", "used")];
        let s = store.clone();
        longpole_sdk::observe("db.client.connection.count", "{connection}", &used, move || {
            s.used() as f64
        });
        let s = store.clone();
        longpole_sdk::observe(
            "db.client.connection.pending_requests",
            "{request}",
            &pool,
            move || s.waiting.load(std::sync::atomic::Ordering::Relaxed) as f64,
        );
        let s = store.clone();
        longpole_sdk::observe("db.client.connection.max", "{connection}", &pool, move || {
            s.connections() as f64
        });
    }
    if let Some(journal) = journal.cloned() {
        longpole_sdk::observe("journal.disk.write.duration", "s", &[], move || {
            journal.mean_seconds()
        });
    }
    Ok(Some(guard))
}

impl Shop {
    /// Calls another role; a failure there is one here.
    async fn call(&self, method: reqwest::Method, to: Role, path: &str) -> Answer {
        let unreachable = |_| StatusCode::BAD_GATEWAY;
        let at = self.book.find(to).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        let request = self.client.request(method, format!("http://{at}{path}"));
        let request = request.build().map_err(unreachable)?;
        let answer = longpole_sdk::reqwest::execute(&self.client, request).await;
        let answer = answer.map_err(unreachable)?;
        if !answer.status().is_success() {
            return Err(StatusCode::BAD_GATEWAY);
        }
        answer.text().await.map_err(unreachable)
    }

    fn store(&self) -> Result<&Store, StatusCode> {
        self.store.as_ref().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

fn broken(e: LiveError) -> StatusCode {
    tracing::error!(exception.type = "DatabaseError", exception.message = %e);
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn frontend_product(shop: Shared, Path(sku): Path<String>) -> Answer {
    shop.call(reqwest::Method::GET, Role::Catalog, &format!("/products/{sku}")).await
}

async fn frontend_orders(shop: Shared, Path(customer): Path<u64>) -> Answer {
    shop.call(reqwest::Method::GET, Role::Orders, &format!("/orders/{customer}")).await
}

async fn frontend_checkout(shop: Shared, Path(customer): Path<u64>) -> Answer {
    shop.call(reqwest::Method::POST, Role::Checkout, &format!("/checkout/{customer}")).await
}

async fn product(shop: Shared, Path(sku): Path<String>) -> Answer {
    let store = shop.store()?;
    let band = sku.bytes().fold(0u64, |n, b| n * 31 + u64::from(b)) % BANDS;
    if !shop.prices.has(band) {
        let (from, to) = (band * BAND, (band + 1) * BAND);
        let prices = store
            .query(&FIND_PRICES, vec![Box::new(from), Box::new(to)], |r| r.get::<_, i64>(0))
            .await;
        prices.map_err(broken)?;
        shop.prices.put(band);
    }
    let found = store.query(&FIND_PRODUCT, vec![Box::new(sku)], |r| r.get::<_, String>(0)).await;
    let found = found.map_err(broken)?;
    if shop.fault == Fault::Cpu {
        rank();
    }
    found.into_iter().next().ok_or(StatusCode::NOT_FOUND)
}

/// The bad release's idea: rank every product anew for each request.
fn rank() {
    let until = Instant::now() + RANKING;
    let mut score = 1.0_f64;
    while Instant::now() < until {
        for i in 1..500 {
            score = black_box((score * f64::from(i)).sqrt() + 1.0);
        }
    }
}

async fn list(shop: Shared, Path(customer): Path<u64>) -> Answer {
    let store = shop.store()?;
    let orders = store.query(&FIND_ORDERS, vec![Box::new(customer)], |r| r.get::<_, i64>(0)).await;
    let orders = orders.map_err(broken)?;
    if shop.fault != Fault::NPlusOne {
        let items =
            store.query(&FIND_ITEMS, vec![Box::new(customer)], |r| r.get::<_, i64>(0)).await;
        return Ok(format!("{} items", items.map_err(broken)?.len()));
    }
    // The bad release asks for each item by itself.
    let mut items = 0;
    for order in orders.into_iter().take(store::ORDERS as usize) {
        for i in 0..i64::from(store::ITEMS) {
            let one =
                store.query(&FIND_ITEM, vec![Box::new(order), Box::new(i)], |r| r.get::<_, i64>(0));
            items += one.await.map_err(broken)?.len();
        }
    }
    Ok(format!("{items} items"))
}

async fn add(shop: Shared, Path(customer): Path<u64>) -> Answer {
    let added =
        shop.store()?.query(&ADD_ORDER, vec![Box::new(customer)], |r| r.get::<_, i64>(0)).await;
    let id = format!("{:?}", added.map_err(broken)?.first());
    let journal = shop.journal.clone().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    let (line, sync) = (format!("{id}\n"), shop.fault == Fault::SlowDisk);
    let written = tokio::task::spawn_blocking(move || journal.append(&line, sync))
        .instrument(tracing::info_span!("append journal"))
        .await;
    match written {
        Ok(Ok(())) => Ok(id),
        _ => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

async fn checkout(shop: Shared, Path(customer): Path<u64>) -> Answer {
    let pay = format!("/pay/{customer}");
    let waits = || tracing::info_span!("ledger lock", longpole.wait = "lock");
    shop.call(reqwest::Method::POST, Role::Payment, &pay).await?;
    *shop.ledger.lock().instrument(waits()).await += 1;
    shop.call(reqwest::Method::POST, Role::Orders, &format!("/orders/{customer}")).await
}

/// The bad release's idea: a copy of the ledger, made again and again while nobody may write to it.
async fn audit(shop: Arc<Shop>) {
    loop {
        tokio::time::sleep(AUDIT[0]).await;
        let ledger = shop.ledger.lock().await;
        tokio::time::sleep(AUDIT[1]).await;
        drop(ledger);
    }
}

async fn pay(shop: Shared, Path(customer): Path<u64>) -> Answer {
    if shop.fault == Fault::Errors && customer % DECLINED == 0 {
        tracing::error!(
            exception.type = "AmountOverflow",
            exception.message = "amount does not fit the new field"
        );
        return Err(StatusCode::INTERNAL_SERVER_ERROR);
    }
    let path = match shop.fault {
        Fault::DownstreamLatency => "/v2/charge",
        Fault::FailingDependency | Fault::RetryStorm => "/v3/charge",
        _ => "/v1/charge",
    };
    let tries = if shop.fault == Fault::RetryStorm { TRIES } else { 1 };
    let mut answer = shop.call(reqwest::Method::POST, Role::Bank, path).await;
    for _ in 1..tries {
        if answer.is_ok() {
            break;
        }
        answer = shop.call(reqwest::Method::POST, Role::Bank, path).await;
    }
    answer
}

async fn charge() -> &'static str {
    tokio::time::sleep(BANK[0]).await;
    "charged"
}

/// The bank's newest way, which refuses most of what it is asked.
async fn charge_if_well(shop: Shared) -> Answer {
    tokio::time::sleep(BANK[0]).await;
    let n = shop.charges.fetch_add(1, Ordering::Relaxed);
    if n % REFUSED[1] < REFUSED[0] {
        Err(StatusCode::SERVICE_UNAVAILABLE)
    } else {
        Ok("charged".to_owned())
    }
}

async fn charge_slowly() -> &'static str {
    tokio::time::sleep(BANK[1]).await;
    "charged"
}
