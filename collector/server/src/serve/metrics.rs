//! `/metrics`.

use super::{GONE, Web, parts};
use crate::checkpoint::Seen;
use crate::own::catch_up;
use crate::pipeline::Gate;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use longpole_exporters::prometheus::{CONTENT_TYPE as TEXT, encode_parts, families};
use longpole_model::signal::{SECOND, Timestamp};
use std::sync::Arc;

/// Answer before all that was acknowledged has been counted again: counters must not go back.
const REPLAYING: (StatusCode, &str) =
    (StatusCode::SERVICE_UNAVAILABLE, "the collector is reading its journal again\n");

/// Totals, open windows included; own counters behind them. Where another collector leads, which has the totals of
/// all, own counters alone: a total that moves from one process to another would look like new traffic.
pub async fn scrape(State(web): State<Web>) -> Response {
    if web.pipeline.gate() == Gate::Replaying {
        return REPLAYING.into_response();
    }
    let mut all = None;
    if web.led_elsewhere().is_none() {
        let Some(totals) = web.pipeline.totals().await else { return GONE.into_response() };
        let investigations = web.pipeline.ask(|state| state.investigations()).await;
        let Some(investigations) = investigations else { return GONE.into_response() };
        all = Some((totals, investigations));
    }
    catch(&web);
    web.own.queued.set(signed(web.pipeline.queued_bytes() as u64));
    web.own.receiving.set(signed(web.rooms.used() as u64));
    if let Some(redis) = &web.redis {
        redis.refresh(web.pipeline.now());
    }
    let (own, dialects) = (web.own.families(), Arc::clone(&web.dialects));
    let body = parts::body(move |parts| {
        let told = all.as_ref().map(|(totals, found)| families(totals, found, &dialects));
        let mut all = told.unwrap_or_default();
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
    let mut all = Before::default();
    web.pipeline.seen(|seen| all.add(seen, now));
    catch_up(&kept.duplicates, all.duplicate);
    catch_up(&kept.stale, all.stale);
    catch_up(&kept.missing, all.missing);
    catch_up(&kept.forgotten, all.forgotten);
    kept.awaited.set(signed(all.awaited));
    kept.reach.set(all.reach.map_or(-1, |ns| signed(ns / SECOND)));
}

/// What came before, of all logs.
#[derive(Default)]
struct Before {
    duplicate: u64,
    stale: u64,
    missing: u64,
    forgotten: u64,
    awaited: u64,
    /// The shortest.
    reach: Option<u64>,
}

impl Before {
    fn add(&mut self, seen: &Seen, now: Timestamp) {
        let (batches, parts) = (seen.batches.counted(), seen.parts.counted());
        self.duplicate += batches.duplicate + parts.duplicate + seen.requests.duplicates();
        self.stale += batches.stale + parts.stale;
        self.missing += batches.missing;
        self.forgotten += batches.forgotten + parts.forgotten;
        self.awaited += seen.batches.awaited();
        self.reach = [self.reach, seen.requests.reach(now)].into_iter().flatten().min();
    }
}
