//! Spans into one aggregator at a steady rate: recorded, visited when settled, closed.

use crate::counts::Count;
use crate::report::Report;
use crate::road::{Meter, Road};
use crate::traffic::Traffic;
use crate::windows::{RATE, SIZES, second};
use crate::{Bench, clock};
use longpole_core::engine::Settings;
use longpole_core::limits::Limits;
use longpole_model::signal::SECOND;

/// The subject.
pub const BENCH: Bench = Bench {
    name: "record",
    about: "one shard at 100 k spans/s; a pass is a second of log time",
    time,
    counts: &[
        Count {
            what: "record",
            unit: "a span (10 k operations)",
            rounds: 60,
            work: |t, n| count(t, n, false),
        },
        Count {
            what: "record + visit",
            unit: "a span (10 k operations)",
            rounds: 60,
            work: |t, n| count(t, n, true),
        },
    ],
};

/// Seconds of log time before the measured ones, and these.
const WARM_UP: u64 = 30;
const SECONDS: u64 = 25;

fn time(report: &mut Report) -> Result<(), String> {
    let mut all: [Vec<f64>; 3] = Default::default();
    for operations in SIZES {
        let (mut road, mut traffic) =
            (Road::new(&Settings::default()), Traffic::new(operations, RATE, 1));
        for now in 1..=WARM_UP {
            road.run(&mut traffic, second(now), &mut Meter::default());
        }
        let mut passes: [Vec<f64>; 3] = Default::default();
        let (mut requests, mut named, mut sent) = (0, 0, 0);
        for now in WARM_UP + 1..=WARM_UP + SECONDS {
            let mut meter = Meter::default();
            let coming = traffic.until(second(now));
            requests += coming.len();
            named += coming.iter().map(|(_, b)| b.operations.len()).sum::<usize>();
            for (at, batch) in coming {
                // What closed is dropped outside of all meters.
                road.advance(at, &mut meter);
                road.record(at, batch, &mut meter);
            }
            let spans = meter.spans as f64;
            sent += meter.spans;
            passes[0].push(meter.record as f64 / spans);
            passes[1].push(meter.visited() as f64 / spans);
            // A window holds what came in ten seconds.
            passes[2].extend(meter.closes.iter().map(|ns| *ns as f64 / (10 * RATE) as f64));
        }
        report.say(&format!(
            "  {operations} operations ({} named a request), {} open spans",
            named / requests.max(1),
            road.open_spans()
        ));
        for ((what, passes), all) in ["record", "visit", "close"].iter().zip(passes).zip(&mut all) {
            let what = format!("{operations} operations: {what}");
            all.push(report.samples(&what, "ns a span", passes));
        }
        let tally = road.shards[0].pending();
        if tally.not_kept > 0 || sent == 0 {
            return Err(format!("{} of {sent} spans were not kept open", tally.not_kept));
        }
    }
    for (what, all) in ["record", "visit", "close"].iter().zip(&all) {
        report.growth(what, &SIZES, all);
    }
    let ((), clock) =
        clock::timed(|| (0..10_000).for_each(|_| _ = std::hint::black_box(clock::now())));
    report.value("a look at the clock (two a request, two a step)", "ns", clock as f64 / 1e4);
    Ok(())
}

/// So many requests, at a fifth of the rate and settled soon, so that the set-up is short.
fn count(total: usize, n: usize, visits: bool) -> u64 {
    let limits = Limits { settle: SECOND / 2, ..Limits::default() };
    let mut road = Road::new(&Settings { limits, ..Settings::default() });
    let mut traffic = Traffic::new(10_000, RATE / 5, 1);
    let mut meter = Meter::default();
    for now in 1..=7 {
        road.run(&mut traffic, second(now), &mut meter);
    }
    let requests: Vec<_> = (0..total).map(|_| traffic.next()).collect();
    let mut requests = requests.into_iter();
    let before = meter.spans;
    for (at, batch) in requests.by_ref().take(n) {
        if visits {
            road.advance(at, &mut meter);
        }
        road.record(at, batch, &mut meter);
    }
    // What is left differs between the runs, and dropping it is no part of the work.
    std::mem::forget((road, requests));
    meter.spans - before
}
