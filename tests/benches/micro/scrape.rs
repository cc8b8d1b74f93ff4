//! A scrape: totals of closed and open windows, as families, as text.

use crate::analyst;
use crate::counts::Count;
use crate::report::Report;
use crate::road::{Meter, Road};
use crate::traffic::Traffic;
use crate::windows::{RATE, SIZES, second};
use crate::{Bench, clock};
use longpole_core::engine::Settings;
use longpole_core::engine::analyst::Analyst;
use longpole_core::engine::snapshot::recent;
use longpole_core::engine::totals::{Gross, Joint, Order, totals, totals_of};
use longpole_exporters::prometheus::{Dialect, Family, encode_parts, families};
use longpole_model::signal::{SECOND, Tally};
use std::hint::black_box;

/// The subject.
pub const BENCH: Bench = Bench {
    name: "scrape",
    about: "eight shards after a minute of 100 k spans/s",
    time,
    counts: &[Count { what: "scrape", unit: "a scrape (1 k operations)", rounds: 1, work: count }],
};

const SECONDS: u64 = 60;
const PASSES: usize = 7;

/// A minute of traffic, observed.
fn minute(operations: usize, rate: u64) -> Result<(Road, Analyst), String> {
    let settings = Settings { shards: 8, ..Settings::default() };
    let (mut road, mut traffic) = (Road::new(&settings), Traffic::new(operations, rate, 1));
    let mut analyst = analyst::new(720)?;
    for now in 1..=SECONDS {
        for window in road.run(&mut traffic, second(now), &mut Meter::default()) {
            analyst.observe(window, &road.catalog());
        }
    }
    Ok((road, analyst))
}

/// What all shards have open.
fn open(road: &Road) -> Gross {
    let mut open = Gross::default();
    road.shards.iter().for_each(|s| open.merge(&s.peek()));
    road.pending().for_each(|part| open.add(part));
    open
}

/// Writes it in parts of 64 KiB, as the server does; gives back its bytes.
fn text(rows: &[Family<'_>]) -> usize {
    let mut bytes = 0;
    encode_parts(rows, 64 << 10, |part| {
        bytes += black_box(part).len();
        true
    });
    bytes
}

fn time(report: &mut Report) -> Result<(), String> {
    let mut all = Vec::new();
    for operations in SIZES {
        let (road, analyst) = minute(operations, RATE)?;
        let (catalog, spans) = (road.catalog(), road.open_spans() as u64);
        let mut passes: [Vec<f64>; 7] = Default::default();
        let (mut bytes, mut seen) = (0, 0);
        let (mut order, mut joint) = (Order::default(), Joint::default());
        for _ in 0..PASSES {
            let (open, peek) = clock::timed(|| open(&road));
            let again = open.clone();
            let (_, two) =
                clock::timed(|| totals_of(&analyst, &catalog, again, spans, &catalog, &mut joint));
            let (taken, total) =
                clock::timed(|| totals(&analyst, open, spans, &catalog, &mut order));
            let (rows, family) = clock::timed(|| families(&taken, &[], &[Dialect::Otel]));
            let (text, encode) = clock::timed(|| text(&rows));
            let (_, snapshot) = clock::timed(|| {
                black_box(recent(&analyst, &catalog, &Tally::default(), 300 * SECOND))
            });
            (bytes, seen) = (text, taken.red.len());
            let whole = total + family + encode;
            let parts = [total, family, encode, whole, peek, snapshot, two];
            for (passes, took) in passes.iter_mut().zip(parts) {
                passes.push(clock::ms(took));
            }
        }
        report.say(&format!("  {operations} operations, {seen} seen"));
        let parts = [
            "totals",
            "families",
            "encode",
            "totals, families and encode",
            "before them: shards asked what is open",
            "beside them: tables of five minutes",
            "instead of totals: totals of two catalogs",
        ];
        for (what, passes) in parts.iter().zip(passes) {
            let median = report.samples(&format!("{operations}: {what}"), "ms", passes);
            if *what == parts[3] {
                all.push(median);
            }
        }
        report.value(&format!("{operations}: text"), "bytes", bytes as f64);
    }
    report.growth("totals, families and encode", &SIZES, &all);
    Ok(())
}

fn count(_: usize, n: usize) -> u64 {
    let Ok((road, analyst)) = minute(1_000, RATE / 20) else { return 0 };
    let (catalog, mut order) = (road.catalog(), Order::default());
    for _ in 0..n {
        let totals = totals(&analyst, open(&road), 0, &catalog, &mut order);
        black_box(text(&families(&totals, &[], &[Dialect::Otel])));
    }
    n as u64
}
