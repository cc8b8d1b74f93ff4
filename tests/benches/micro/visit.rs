//! The longest single step of a shard while nothing closes: the visit of one partition of 256.

use crate::Bench;
use crate::report::{Report, quantile};
use crate::road::{Meter, Road};
use crate::traffic::Traffic;
use crate::windows::second;
use longpole_core::engine::Settings;

/// The subject.
pub const BENCH: Bench = Bench {
    name: "visit",
    about: "one shard, steps of 10 ms, 20 s of log time; 10 k operations",
    time,
    counts: &[],
};

/// Seconds of log time before the measured ones, and these.
const WARM_UP: u64 = 30;
const SECONDS: u64 = 20;

fn time(report: &mut Report) -> Result<(), String> {
    for rate in [100_000, 300_000] {
        let mut road = Road::new(&Settings::default());
        let mut traffic = Traffic::new(10_000, rate, 1);
        for now in 1..=WARM_UP {
            road.run(&mut traffic, second(now), &mut Meter::default());
        }
        let mut meter = Meter::default();
        let mut open = Vec::new();
        for now in WARM_UP + 1..=WARM_UP + SECONDS {
            road.run(&mut traffic, second(now), &mut meter);
            open.push(road.open_spans() as f64);
        }
        report.samples(&format!("{rate} spans/s: open spans"), "", open);
        let mut steps: Vec<f64> = meter.visits.iter().map(|ns| *ns as f64 / 1e3).collect();
        steps.sort_by(f64::total_cmp);
        for (what, q) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
            let what = format!("{rate} spans/s: {what} of {} steps", steps.len());
            report.value(&what, "us", quantile(&steps, q));
        }
        let closes = meter.closes.iter().map(|ns| *ns as f64 / 1e3).collect();
        report.samples(&format!("{rate} spans/s: steps that close a window"), "us", closes);
    }
    Ok(())
}
