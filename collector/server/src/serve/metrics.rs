//! `/metrics`.

use super::{GONE, Web, parts};
use crate::own::catch_up;
use crate::pipeline::Gate;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use longpole_exporters::prometheus::{CONTENT_TYPE as TEXT, encode_parts, families};
use longpole_model::signal::SECOND;
use std::sync::Arc;

/// Answer before all that was acknowledged has been counted again: counters must not go back.
const REPLAYING: (StatusCode, &str) =
    (StatusCode::SERVICE_UNAVAILABLE, "the collector is reading its journal again\n");

/// Totals, open windows included; own counters behind them.
pub async fn scrape(State(web): State<Web>) -> Response {
    if web.pipeline.gate() == Gate::Replaying {
        return REPLAYING.into_response();
    }
    let Some(totals) = web.pipeline.totals().await else { return GONE.into_response() };
    let investigations = web.pipeline.ask(|state| state.investigations()).await;
    let Some(investigations) = investigations else { return GONE.into_response() };
    catch(&web);
    web.own.queued.set(signed(web.pipeline.queued_bytes() as u64));
    if let Some(redis) = &web.redis {
        redis.refresh(web.pipeline.now());
    }
    let (own, dialects) = (web.own.families(), Arc::clone(&web.dialects));
    let body = parts::body(move |parts| {
        let mut all = families(&totals, &investigations, &dialects);
        all.extend(own);
        encode_parts(&all, parts::PART, |part| parts.send(part))
    });
    ([(CONTENT_TYPE, TEXT)], body).into_response()
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Reads what is counted elsewhere.
fn catch(web: &Web) {
    let (now, kept) = (web.pipeline.now(), &web.own.kept);
    let (evicted, journal) = web.pipeline.log_figures();
    catch_up(&web.own.evicted, evicted);
    let (step, not_held) = web.pipeline.shedding();
    web.own.shedding.set(step.number().into());
    catch_up(&web.own.not_held, not_held);
    if let Some(journal) = journal {
        kept.journal_bytes.set(signed(journal.bytes));
        kept.journal_segments.set(signed(journal.segments as u64));
        let age = journal.oldest.map_or(0, |at| now.since(at) / SECOND);
        kept.journal_oldest.set(signed(age));
        catch_up(&kept.journal_errors, journal.errors);
    }
    let (counted, parts, awaited, resent, reach) = web.pipeline.seen(|seen| {
        let (batches, requests) = (&seen.batches, &seen.requests);
        let reach = requests.reach(now);
        (batches.counted(), seen.parts.counted(), batches.awaited(), requests.duplicates(), reach)
    });
    catch_up(&kept.duplicates, counted.duplicate + parts.duplicate + resent);
    catch_up(&kept.stale, counted.stale + parts.stale);
    catch_up(&kept.missing, counted.missing);
    catch_up(&kept.forgotten, counted.forgotten + parts.forgotten);
    kept.awaited.set(signed(awaited));
    kept.reach.set(reach.map_or(-1, |ns| signed(ns / SECOND)));
}
