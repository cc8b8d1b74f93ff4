//! `/api/v1`: tables as JSON, and the declaration of changes.

mod profiles;

use super::{GONE, Web};
use crate::control::{Unasked, Wish};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use longpole_exporters::json;
use longpole_model::finding::{Change, ChangeKind, Snapshot};
use longpole_model::signal::{SECOND, Timestamp};
use serde::Deserialize;
use std::sync::Arc;

/// The API's description.
const OPENAPI: &str = include_str!("openapi.json");
/// Bytes of a declared change.
const CHANGE_BYTES: usize = 16 << 10;
/// A change may be declared this far ahead of the clock, nanoseconds.
const AHEAD: u64 = 60 * SECOND;

/// The routes.
pub fn routes() -> Router<Web> {
    Router::new()
        .route("/services", get(services))
        .route("/red", get(red))
        .route("/use", get(usage))
        .route("/investigations", get(investigations))
        .route("/investigations/{id}", get(investigation))
        .route("/changes", get(changes).post(declare))
        .route("/control", get(control).post(ask))
        .route("/profiles", get(profiles::list))
        .route("/profiles/{id}", get(profiles::fetch))
        .route("/profiles/{id}/top", get(profiles::top))
        .route("/outbox", get(outbox))
        .route("/streams", get(streams))
        .route("/openapi.json", get(|| async { document(OPENAPI.to_owned()) }))
        .fallback(|| async {
            problem(StatusCode::NOT_FOUND, "no such path; see /api/v1/openapi.json")
        })
        .layer(DefaultBodyLimit::max(CHANGE_BYTES))
}

#[derive(Deserialize)]
struct Filter {
    #[serde(default)]
    service: String,
}

fn document(body: String) -> Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

fn problem(code: StatusCode, what: &str) -> Response {
    let body = serde_json::json!({ "error": what }).to_string();
    (code, [(CONTENT_TYPE, "application/json")], body).into_response()
}

/// The answer of a process that does not lead, and judges nothing.
fn elsewhere(web: &Web) -> Option<Response> {
    let text = match web.led_elsewhere()?.as_str() {
        "" => "no collector leads yet: ask again in a second".to_owned(),
        leader => format!(
            "another collector leads and has the tables: ask {leader} (host, process; /api/v1/streams tells \
             who is there)"
        ),
    };
    Some(problem(StatusCode::SERVICE_UNAVAILABLE, &text))
}

async fn table(web: &Web, write: impl FnOnce(&Snapshot) -> String) -> Response {
    if let Some(elsewhere) = elsewhere(web) {
        return elsewhere;
    }
    match web.pipeline.ask(|state| state.snapshot()).await {
        Some(snapshot) => document(write(&snapshot)),
        None => GONE.into_response(),
    }
}

async fn streams(State(web): State<Web>) -> Response {
    let told = web.redis.as_ref().map(|redis| redis.json(web.pipeline.now()));
    document(serde_json::json!({ "redis": told }).to_string())
}

async fn services(State(web): State<Web>) -> Response {
    table(&web, json::services).await
}

async fn red(State(web): State<Web>, Query(filter): Query<Filter>) -> Response {
    table(&web, |s| json::red(s, &filter.service)).await
}

async fn usage(State(web): State<Web>, Query(filter): Query<Filter>) -> Response {
    table(&web, |s| json::usage(s, &filter.service)).await
}

async fn investigations(State(web): State<Web>) -> Response {
    table(&web, json::investigations).await
}

async fn changes(State(web): State<Web>) -> Response {
    table(&web, json::changes).await
}

async fn investigation(State(web): State<Web>, Path(id): Path<String>) -> Response {
    if let Some(elsewhere) = elsewhere(&web) {
        return elsewhere;
    }
    let snapshot: Option<Arc<Snapshot>> = web.pipeline.ask(|state| state.snapshot()).await;
    let Some(snapshot) = snapshot else { return GONE.into_response() };
    match snapshot.investigations.iter().find(|i| i.id == id) {
        Some(found) => document(json::investigation(found)),
        None => problem(StatusCode::NOT_FOUND, "no investigation has this id"),
    }
}

/// Orders, and who takes them.
async fn control(State(web): State<Web>) -> Response {
    let table = web.control.table(web.pipeline.now());
    document(serde_json::to_string(&table).unwrap_or_default())
}

async fn ask(State(web): State<Web>, body: Bytes) -> Response {
    let wish = match Wish::read(&body) {
        Ok(wish) => wish,
        Err(e) => {
            let text = format!(
                "not an order: {e}; an order is {{\"service\": \"...\", \"operation\": \"...\", \
                 \"share\": 0 to 1, \"seconds\": 1 to 3600}}, or {{\"kind\": \"profile\", \"service\": \
                 \"...\", \"seconds\": 1 to 60}}"
            );
            return problem(StatusCode::BAD_REQUEST, &text);
        }
    };
    match web.control.ask(wish, web.pipeline.now()) {
        Ok(order) => {
            let shown = serde_json::to_string(&order).unwrap_or_default();
            (StatusCode::CREATED, document(shown)).into_response()
        }
        Err(why @ (Unasked::Bounds | Unasked::ProfileBounds)) => {
            problem(StatusCode::BAD_REQUEST, &why.to_string())
        }
        Err(why @ (Unasked::Nobody(_) | Unasked::NoProfiles(_))) => {
            problem(StatusCode::CONFLICT, &why.to_string())
        }
    }
}

/// Deliveries by target, and the latest dead letters.
async fn outbox(State(web): State<Web>) -> Response {
    let targets: Vec<_> = web
        .outbox
        .stats()
        .into_iter()
        .map(|s| {
            serde_json::json!({
                "target": s.target,
                "accepted": s.accepted,
                "delivered": s.delivered,
                "attempts": s.attempts,
                "failures": s.failures,
                "coalesced": s.coalesced,
                "duplicate": s.duplicate,
                "dead": s.dead_gave_up + s.dead_full + s.dead_unsendable,
                "waiting": s.waiting,
            })
        })
        .collect();
    let letters: Vec<_> = web
        .outbox
        .dead_letters()
        .into_iter()
        .map(|l| {
            serde_json::json!({
                "target": l.target,
                "investigation": l.event.investigation,
                "idempotency_key": l.event.idempotency_key,
                "reason": l.reason.as_str(),
                "attempts": l.attempts,
                "last_error": l.last_error,
                "accepted_at": l.accepted_at.0,
                "at": l.at.0,
            })
        })
        .collect();
    document(serde_json::json!({ "targets": targets, "dead_letters": letters }).to_string())
}

/// A change as it is posted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    kind: ChangeKind,
    service: String,
    /// Unix nanoseconds; now when missing.
    at: Option<u64>,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

async fn declare(State(web): State<Web>, body: Bytes) -> Response {
    if let Some(elsewhere) = elsewhere(&web) {
        return elsewhere;
    }
    let declared: Declared = match serde_json::from_slice(&body) {
        Ok(declared) => declared,
        Err(e) => {
            let text = format!(
                "not a change: {e}; a change is {{\"kind\": \"deploy\"|\"config\"|\"flag\"|\"scale\", \
                 \"service\": \"...\", \"at\": unix nanoseconds, \"from\": \"...\", \"to\": \"...\"}}"
            );
            return problem(StatusCode::BAD_REQUEST, &text);
        }
    };
    if declared.service.is_empty() {
        return problem(StatusCode::BAD_REQUEST, "a change needs a service");
    }
    let now = web.pipeline.now();
    let at = declared.at.map_or(now, Timestamp);
    if at > now.plus(AHEAD) {
        return problem(StatusCode::BAD_REQUEST, "the change lies more than a minute ahead");
    }
    let change = Change {
        kind: declared.kind,
        service: declared.service,
        at,
        from: declared.from,
        to: declared.to,
    };
    let shown = serde_json::to_string(&change).unwrap_or_default();
    match web.pipeline.ask(move |state| state.declare(change)).await {
        Some(()) => (StatusCode::CREATED, document(shown)).into_response(),
        None => GONE.into_response(),
    }
}
