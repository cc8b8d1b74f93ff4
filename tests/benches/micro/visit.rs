//! The longest single step of a shard while nothing closes: the visit of one partition of 512.

use crate::Bench;
use crate::report::{Report, quantile};
use crate::road::{Meter, Road};
use crate::traffic::Traffic;
use crate::windows::second;
use longpole_core::engine::Settings;

/// The subject.
pub const BENCH: Bench = Bench {
    name: "visit",
    about: "one shard, steps of 5 ms, 20 s of log time; 10 k operations",
    time,
    counts: &[],
};

/// Seconds of log time before the measured ones, and these.
const WARM_UP: u64 = 40;
const SECONDS: u64 = 20;
/// The same again: a step does the same work each time, and a machine takes its time away at another one.
const ROUNDS: usize = 3;

fn round(rate: u64, open: &mut Vec<f64>) -> Meter {
    let mut road = Road::new(&Settings::default());
    let mut traffic = Traffic::new(10_000, rate, 1);
    for now in 1..=WARM_UP {
        road.run(&mut traffic, second(now), &mut Meter::default());
    }
    let mut meter = Meter::default();
    open.clear();
    for now in WARM_UP + 1..=WARM_UP + SECONDS {
        road.run(&mut traffic, second(now), &mut meter);
        open.push(road.open_spans() as f64);
    }
    meter
}

fn time(report: &mut Report) -> Result<(), String> {
    let us = |ns: &u64| *ns as f64 / 1e3;
    for rate in [100_000, 300_000] {
        let (mut quickest, mut longest): (Vec<f64>, f64) = (Vec::new(), 0.0);
        let (mut open, mut closes) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let meter = round(rate, &mut open);
            let steps: Vec<f64> = meter.visits.iter().map(us).collect();
            longest = steps.iter().copied().fold(longest, f64::max);
            quickest.resize(steps.len(), f64::INFINITY);
            quickest.iter_mut().zip(&steps).for_each(|(best, step)| *best = best.min(*step));
            closes.extend(meter.closes.iter().map(us));
        }
        report.samples(&format!("{rate} spans/s: open spans"), "", open);
        quickest.sort_by(f64::total_cmp);
        let n = quickest.len();
        for (what, q) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
            let what =
                format!("{rate} spans/s: {what} of {n} steps, each the quickest of {ROUNDS}");
            report.value(&what, "us", quantile(&quickest, q));
        }
        report.value(&format!("{rate} spans/s: max of {ROUNDS} times {n} steps"), "us", longest);
        report.samples(&format!("{rate} spans/s: steps that close a window"), "us", closes);
    }
    Ok(())
}
