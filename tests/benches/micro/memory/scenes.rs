//! What is measured: shards at work, an attack by names, history, detectors, an hour.

use super::resident::{MIB, Since};
use super::tell;
use crate::analyst;
use crate::road::{Meter, Road};
use crate::traffic::Traffic;
use crate::windows::{RATE, Stock, second};
use longpole_core::engine::Settings;
use longpole_core::engine::analyst::Watch;
use longpole_core::engine::history::History;
use longpole_core::limits::Limits;
use longpole_model::signal::{
    Batch, Counters, OperationRow, Resource, SECOND, SpanId, SpanKind, SpanRecord, Timestamp,
    TraceId, Weight, WindowSummary,
};
use longpole_tests::load::dice::mix;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes of an open span.
const OPEN: f64 = 64.0;
/// A scene that has grown to this stops, MiB: others work here, too.
const ENOUGH: f64 = 3_072.0;
/// Windows of two hours.
const TWO_HOURS: usize = 720;

/// Takes what comes until a second, a little at a time, so that waiting requests take no room.
fn pass(road: &mut Road, traffic: &mut Traffic, now: u64, meter: &mut Meter) -> Vec<WindowSummary> {
    let mut done = Vec::new();
    for part in 1..=20 {
        let until = second(now - 1).plus(part * SECOND / 20);
        done.extend(road.run(traffic, until, meter));
        meter.clear();
    }
    done
}

/// Traffic that has been going on for five seconds.
fn traffic(operations: usize, rate: u64, lag: bool) -> Traffic {
    let mut traffic = Traffic::new(operations, rate, 1);
    if !lag {
        traffic.lag = 0;
    }
    while traffic.next().0 < second(5) {}
    traffic
}

/// Shards at 100 k spans/s until all open windows are there. With `settle` 0 few spans are open. Seconds pass as on the
/// wall: what is free goes back to the system some time later, and that does not wait for a shard that hurries.
pub fn state(operations: usize, shards: u32, settle: u64) -> Result<(), String> {
    let limits = Limits { settle: settle * SECOND, ..Limits::default() };
    let mut traffic = traffic(operations, RATE, settle > 0);
    let since = Since::now();
    let mut road = Road::new(&Settings { limits, shards, ..Settings::default() });
    let (mut most, mut open, mut meter) = (0f64, 0, Meter::default());
    let began = Instant::now();
    for now in 6..=65 {
        drop(pass(&mut road, &mut traffic, now, &mut meter));
        std::thread::sleep(Duration::from_secs(now - 5).saturating_sub(began.elapsed()));
        if since.grown() > most {
            (most, open) = (since.grown(), road.open_spans());
        }
    }
    let known = road.catalog().operations().len();
    tell(&format!("most, {known} operations known"), "MiB", most);
    tell(&format!("of it, {open} open spans of 64 bytes"), "MiB", open as f64 * OPEN / MIB);
    tell("the rest", "MiB", most - open as f64 * OPEN / MIB);
    tell("peak, closed windows included", "MiB", since.peak());
    let lost: u64 = road.shards.iter().map(|s| s.pending().not_kept).sum();
    if lost > 0 {
        Err(format!("{lost} of {} spans were not kept open", meter.spans))
    } else {
        Ok(())
    }
}

/// So many names, each sent twice, of two hundred services.
pub fn attack(names: usize) -> Result<(), String> {
    const SERVICES: usize = 200;
    const AT_ONCE: usize = 400;
    let limits = Limits::default();
    let (cap, services) = (limits.operations, limits.services);
    let since = Since::now();
    let mut road = Road::new(&Settings { shards: 2, limits, ..Settings::default() });
    let (mut meter, mut closed) = (Meter::default(), WindowSummary::default());
    for (i, first) in (0..2 * names).step_by(AT_ONCE).enumerate() {
        // 50 k spans a second.
        let at = second(1).plus(i as u64 * AT_ONCE as u64 * SECOND / 50_000);
        for window in road.advance(at, &mut meter) {
            closed.merge(&window);
        }
        let batch = strange(i % SERVICES, first..(first + AT_ONCE), names, at);
        road.record(at, batch, &mut meter);
    }
    let known = road.catalog().operations().len();
    tell(&format!("{} operations of {names} names known", known), "MiB", since.grown());
    tell("peak", "MiB", since.peak());
    tell("record, a span", "ns", meter.record as f64 / meter.spans as f64);
    let open: Vec<Counters> = road.shards.iter().map(|s| s.peek()).collect();
    open.iter().for_each(|part| closed.tally.merge(&part.tally));
    road.pending().for_each(|part| closed.merge(part));
    let counted: u64 = closed.red.iter().chain(&closed.late).map(|(_, r)| r.spans).sum();
    // All weigh one.
    let counted =
        counted + open.iter().flat_map(|o| &o.red).map(|(_, r)| r.weight >> 16).sum::<u64>();
    tell("spans sent", "", meter.spans as f64);
    tell("spans in all rows of RED", "", counted as f64);
    tell("of them folded into overflow rows", "", closed.tally.overflow_spans as f64);
    tell("rows left out of profiles", "", closed.tally.overflow_rows as f64);
    if counted != meter.spans {
        return Err(format!("{} spans sent, {counted} counted", meter.spans));
    }
    // Each service may have one more, its overflow operation.
    if known > cap + services {
        return Err(format!("{known} operations are kept; the cap is {cap}"));
    }
    Ok(())
}

/// A request of one service in which each span has a name of its own.
fn strange(service: usize, spans: std::ops::Range<usize>, names: usize, at: Timestamp) -> Batch {
    let service = format!("service-{service}");
    let resource = Arc::new(Resource { service, named: true, ..Resource::default() });
    let operation = |i: usize| {
        Arc::new(OperationRow {
            resource: Arc::clone(&resource),
            kind: SpanKind::Server,
            name: format!("GET /users/{:016x}", mix((i % names) as u64 + 1)),
            ..OperationRow::default()
        })
    };
    let span = |(operation, i): (u32, usize)| SpanRecord {
        trace: TraceId(u128::from(mix(i as u64 + 1)).to_be_bytes()),
        span: SpanId([1; 8]),
        start: at.minus(1_000_000 + i as u64 % 7_000_000),
        end: at,
        operation,
        weight: Weight::ONE,
        kind: SpanKind::Server,
        ..SpanRecord::default()
    };
    Batch {
        operations: spans.clone().map(operation).collect(),
        spans: (0..).zip(spans).map(span).collect(),
        ..Batch::default()
    }
}

/// Windows of 100 k spans/s kept at full resolution.
pub fn history(operations: usize) -> Result<(), String> {
    let stock = Stock::new(operations, RATE, 4);
    let since = Since::now();
    let mut history = History::new(TWO_HOURS, Limits::default().history_bytes);
    let mut kept = 0;
    while kept < TWO_HOURS && since.grown() < ENOUGH {
        history.push(stock.at(second(0), kept));
        kept += 1;
    }
    grown("windows kept", kept, since.grown());
    Ok(())
}

/// Detectors of all operations.
pub fn watch(operations: usize) -> Result<(), String> {
    let mut stock = Stock::new(operations, RATE, 4);
    let since = Since::now();
    let mut watch = Watch::default();
    for i in 0..60 {
        let names = std::sync::Arc::clone(&stock.catalog);
        watch.observe(stock.turn(second(0), i), &names);
        if matches!(i, 9 | 29 | 59) {
            tell(&format!("detectors after {} windows", i + 1), "MiB", since.grown());
        }
    }
    Ok(())
}

/// An hour of log time, ten thousand operations on two shards.
pub fn hour(rate: u64, judged: bool) -> Result<(), String> {
    let mut traffic = traffic(10_000, rate, true);
    let since = Since::now();
    let mut road = Road::new(&Settings { shards: 2, ..Settings::default() });
    let mut analyst = analyst::new(TWO_HOURS)?;
    let mut meter = Meter::default();
    for now in 6..=3_600 {
        let windows = pass(&mut road, &mut traffic, now, &mut meter);
        if judged {
            for window in windows {
                analyst.observe(window, &road.catalog());
            }
        }
        if matches!(now, 60 | 300) || now % 600 == 0 {
            tell(&format!("after {} minutes", now / 60), "MiB", since.grown());
        }
        if since.grown() > ENOUGH {
            grown("windows judged", analyst.history().windows() as usize, since.grown());
            return Ok(());
        }
    }
    Ok(())
}

/// How much there is, and how much two hours would be.
fn grown(what: &str, n: usize, mib: f64) {
    tell(&format!("{n} {what}"), "MiB", mib);
    tell("a window", "MiB", mib / n as f64);
    if n < TWO_HOURS {
        let all = mib / n as f64 * TWO_HOURS as f64;
        tell(&format!("{TWO_HOURS} windows, if it went on like this"), "MiB", all);
    }
}
