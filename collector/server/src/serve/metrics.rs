//! `/metrics`.

use super::{GONE, Web};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::header::CONTENT_TYPE;
use longpole_exporters::prometheus::{CONTENT_TYPE as TEXT, encode, families};

/// Totals, open windows included; own counters behind them.
pub async fn scrape(State(web): State<Web>) -> Response {
    let Some(totals) = web.pipeline.totals().await else { return GONE.into_response() };
    let investigations = web.pipeline.ask(|state| state.investigations()).await;
    let Some(investigations) = investigations else { return GONE.into_response() };
    let (evicted, _) = web.pipeline.log_figures();
    web.own.evicted.inc_by(evicted.saturating_sub(web.own.evicted.get()));
    web.own.queued.set(i64::try_from(web.pipeline.queued_bytes()).unwrap_or(i64::MAX));
    if let Some(redis) = &web.redis {
        redis.refresh(web.pipeline.now());
    }
    let mut all = families(&totals, &investigations, &web.dialects);
    all.extend(web.own.families());
    ([(CONTENT_TYPE, TEXT)], encode(&all)).into_response()
}
