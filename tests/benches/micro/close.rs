//! The end of a window: eight shards close it and it is put together.

use crate::counts::Count;
use crate::report::Report;
use crate::road::{Meter, Road};
use crate::traffic::Traffic;
use crate::windows::{RATE, SIZES, is_full, second};
use crate::{Bench, clock};
use longpole_core::engine::Settings;
use longpole_core::limits::Limits;
use longpole_model::signal::{SECOND, WindowSummary};

/// The subject.
pub const BENCH: Bench = Bench {
    name: "close",
    about: "a window of 100 k spans/s on eight shards; CPU of all of them together",
    time,
    counts: &[
        Count { what: "close", unit: "a window (10 k operations)", rounds: 1, work: closing },
        Count { what: "merge", unit: "a window (10 k operations)", rounds: 1, work: merging },
    ],
};

const SHARDS: u32 = 8;
const WINDOWS: usize = 6;

fn settings(limits: Limits) -> Settings {
    Settings { limits, shards: SHARDS, ..Settings::default() }
}

fn time(report: &mut Report) -> Result<(), String> {
    let mut all = Vec::new();
    for operations in SIZES {
        let (mut road, mut traffic) =
            (Road::new(&settings(Limits::default())), Traffic::new(operations, RATE, 1));
        let (mut now, mut rows) = (0, (0, 0, 0));
        let mut passes: [Vec<f64>; 3] = Default::default();
        while passes[0].len() < WINDOWS {
            now += 1;
            let mut meter = Meter::default();
            let closed = road.run(&mut traffic, second(now), &mut meter);
            let Some(w) = closed.iter().find(|w| is_full(w)) else { continue };
            rows = (w.red.len(), w.paths.len(), w.sites.len());
            for (close, merge) in meter.closes.iter().zip(&meter.merges) {
                for (passes, took) in passes.iter_mut().zip([*close, *merge, close + merge]) {
                    passes.push(clock::ms(took));
                }
            }
        }
        let (red, paths, sites) = rows;
        report.say(&format!(
            "  {operations} operations: {red} in a window, {paths} paths, {sites} sites"
        ));
        for (what, passes) in ["close", "merge", "both"].iter().zip(passes) {
            let both = report.samples(&format!("{operations} operations: {what}"), "ms", passes);
            if *what == "both" {
                let what = format!("{operations} operations: both, an operation");
                report.value(&what, "us", both * 1e3 / red as f64);
                all.push(both);
            }
        }
    }
    report.growth("both", &SIZES, &all);
    Ok(())
}

/// A road on which nothing has closed yet, and what comes to be told when.
fn held(windows: u64) -> Road {
    let limits = Limits { lateness: 1_000 * SECOND, settle: SECOND / 2, ..Limits::default() };
    let mut road = Road::new(&settings(limits));
    let mut traffic = Traffic::new(10_000, RATE / 5, 1);
    for now in 1..=10 * windows {
        road.run(&mut traffic, second(now), &mut Meter::default());
    }
    // All traces are evaluated; from here on, steps do nothing but close.
    road.advance(second(10 * windows + 10), &mut Meter::default());
    road
}

/// Closes `n` of `total` windows.
fn close(total: usize, n: usize) -> (Road, Vec<Vec<longpole_core::aggregate::Closed>>) {
    let mut road = held(total as u64 + 1);
    let mut said = Vec::new();
    for i in 1..=n as u64 {
        let at = second(10 * i + 1_000);
        said.push(road.shards.iter_mut().filter_map(|s| s.advance(at)).collect());
    }
    (road, said)
}

fn closing(total: usize, n: usize) -> u64 {
    std::mem::forget(close(total, n));
    n as u64
}

fn merging(total: usize, n: usize) -> u64 {
    let (road, said) = close(total, total);
    let limits = Limits { lateness: 1_000 * SECOND, settle: SECOND / 2, ..Limits::default() };
    let mut align = longpole_core::engine::Align::new(&settings(limits));
    let mut said = said.into_iter();
    let mut done: Vec<WindowSummary> = Vec::new();
    for window in said.by_ref().take(n) {
        for (i, closed) in window.into_iter().enumerate() {
            done.extend(align.take(i, closed));
        }
    }
    std::mem::forget((road, said, done));
    n as u64
}
