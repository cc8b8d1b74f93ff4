//! `/healthz`: the process answers. `/readyz`: it may be sent to, or which check fails.

use super::Web;
use crate::pipeline::Gate;
use axum::Json;
use axum::extract::State;
use hyper::StatusCode;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The engine answers within this time, or is not ready.
const ANSWER: Duration = Duration::from_secs(2);
/// Above this share of its bytes the queue is not ready for more.
const FULL: f64 = 0.9;

/// Alive.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// Ready, or the checks that fail.
pub async fn ready(State(web): State<Web>) -> (StatusCode, Json<Value>) {
    let draining = web.draining.load(Ordering::Acquire);
    let engine = tokio::time::timeout(ANSWER, web.pipeline.ask(|_| ())).await;
    let filled = web.pipeline.filled();
    let gate = web.pipeline.gate();
    let failing = match &gate {
        Gate::Failing(why) => &**why,
        Gate::Replaying | Gate::Open | Gate::Closed => "",
    };
    let reading = "the journal is being read again";
    let (redis, caught_up) = match &web.redis {
        Some(redis) => redis.health(),
        None => (None, true),
    };
    let checks = [
        ("accepting", !draining, "the collector is shutting down"),
        ("replay", gate != Gate::Replaying, reading),
        ("journal", failing.is_empty(), failing),
        ("engine", matches!(engine, Ok(Some(()))), "the engine does not answer within 2 s"),
        ("queue", filled < FULL, "the queue between doors and engine is full"),
        ("redis", redis.is_none(), redis.as_deref().unwrap_or_default()),
        ("streams", caught_up, "what stood in the streams at the start is read first"),
    ];
    let ready = checks.iter().all(|(_, ok, _)| *ok);
    let list: Vec<Value> = checks
        .iter()
        .map(|(name, ok, why)| match ok {
            true => json!({ "check": name, "ok": true }),
            false => json!({ "check": name, "ok": false, "why": why }),
        })
        .collect();
    let kept = match (web.pipeline.is_durable(), &web.redis) {
        (true, _) => "journal",
        (false, Some(_)) => "streams",
        (false, None) => "none",
    };
    let code = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let step = web.pipeline.shedding().0.number();
    let told = json!({ "ready": ready, "checks": list, "durability": kept, "shedding_step": step });
    (code, Json(told))
}
