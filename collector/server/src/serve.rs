//! Port 4319: the scrape, the API, health. Everything a person, Prometheus or an agent opens.
//!
//! Reads from the pipeline's owner; changes nothing but the list of declared changes
//! and what services are asked to do.

mod api;
mod guard;
mod health;
mod metrics;
mod parts;

use crate::control::Control;
use crate::door::Rooms;
use crate::outbox::OutboxHandle;
use crate::own::Own;
use crate::pipeline::Pipeline;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use longpole_exporters::prometheus::Dialect;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What the routes need.
#[derive(Clone)]
pub struct Web {
    /// Where answers come from.
    pub pipeline: Pipeline,
    /// Own counters.
    pub own: Arc<Own>,
    /// Room for requests at the doors.
    pub rooms: Arc<Rooms>,
    /// Names under which span metrics are served.
    pub dialects: Arc<[Dialect]>,
    /// The address that is listened on: names of others are refused.
    pub listen: SocketAddr,
    /// What was told to whom.
    pub outbox: OutboxHandle,
    /// What services are asked to do.
    pub control: Arc<Control>,
    /// The door of streams, where there is one.
    pub redis: Option<crate::redis::State>,
    /// Set once the process drains.
    pub draining: Arc<AtomicBool>,
}

impl Web {
    /// Who has the tables, where that is another process or nobody yet.
    fn led_elsewhere(&self) -> Option<String> {
        self.redis.as_ref()?.led_elsewhere()
    }
}

/// All routes of the port.
pub fn routes(web: &Web) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/metrics", get(metrics::scrape))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .nest("/api/v1", api::routes())
        .layer(from_fn_with_state(web.clone(), guard::check))
        .with_state(web.clone())
}

/// What there is, for whoever opens the port by hand.
async fn index() -> &'static str {
    "longpole collector\n\n\
     /metrics                 Prometheus scrape: RED, USE, service graph, own health\n\
     /api/v1/services         services by RED, last five minutes of closed windows\n\
     /api/v1/red?service=     operations\n\
     /api/v1/use?service=     utilization, saturation, errors\n\
     /api/v1/investigations   what got slow, whose it is, what kind, who gets it\n\
     /api/v1/changes          deploys, config, flags, scaling (POST to declare one)\n\
     /api/v1/outbox           what was told to webhooks, and what could not be\n\
     /api/v1/control          what services were asked to do (POST to ask)\n\
     /api/v1/profiles         profiles that came (/{id}: for pprof, /{id}/top: self time by function)\n\
     /api/v1/streams          the streams in Redis: whose they are, how far they were read\n\
     /api/v1/openapi.json     the API's description\n\
     /healthz /readyz         alive, ready\n"
}

/// Answer when the pipeline's owner is gone.
const GONE: (hyper::StatusCode, &str) =
    (hyper::StatusCode::SERVICE_UNAVAILABLE, "the collector is shutting down\n");
