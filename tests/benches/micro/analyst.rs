//! A quiet window at the analyst's, with history behind it; and what of it detectors and history take.

use crate::counts::Count;
use crate::report::Report;
use crate::windows::{RATE, SIZES, Stock, WIDTH};
use crate::{Bench, clock};
use longpole_collector::specialists::default_tree;
use longpole_core::engine::analyst::{Analyst, Watch};
use longpole_core::engine::history::History;
use longpole_core::limits::Limits;
use longpole_model::signal::Timestamp;

/// The subject.
pub const BENCH: Bench = Bench {
    name: "analyst",
    about: "a quiet window observed, 100 k spans/s, steady state",
    time,
    counts: &[Count { what: "analyst", unit: "a window (1 k operations)", rounds: 2, work: count }],
};

const ORIGIN: Timestamp = Timestamp(1_600_000_000 * longpole_model::signal::SECOND);
/// Windows of which the others are copies.
const STOCK: usize = 4;
/// Windows observed before and while time is taken.
const BEFORE: usize = 40;
const PASSES: usize = 10;
/// Windows at full resolution. More of a hundred thousand operations would not fit everywhere.
const KEPT: usize = 24;

/// One who has seen nothing and keeps so many windows at full resolution.
pub fn new(kept: usize) -> Result<Analyst, String> {
    let limits = Limits { history_windows: kept, ..Limits::default() };
    let tree = default_tree().map_err(|e| e.to_string())?;
    Ok(Analyst::new(&limits, tree, Vec::new(), None))
}

fn time(report: &mut Report) -> Result<(), String> {
    let mut all: [Vec<f64>; 3] = Default::default();
    for operations in SIZES {
        let stock = Stock::new(operations, RATE, STOCK);
        report.say(&format!("  {}", stock.describe()));
        let mut analyst = new(BEFORE + PASSES)?;
        let mut watch = Watch::default();
        let mut history = History::new(KEPT, usize::MAX);
        let mut passes: [Vec<f64>; 3] = Default::default();
        let small = operations < SIZES[2];
        let before = if small { BEFORE } else { KEPT - PASSES };
        for i in 0..before + PASSES {
            let window = stock.at(ORIGIN, i);
            let (again, third) = (window.clone(), window.clone());
            let (events, whole) = clock::timed(|| analyst.observe(window, &stock.catalog));
            let (alarms, detect) = clock::timed(|| watch.observe(&again, &stock.catalog));
            let ((), keep) = clock::timed(|| history.push(third));
            if i >= before {
                for (passes, took) in passes.iter_mut().zip([whole, detect, keep]) {
                    passes.push(clock::ms(took));
                }
            }
            if !events.is_empty() || !alarms.is_empty() {
                report.say(&format!("  window {i} was not quiet: {} alarms", alarms.len()));
            }
        }
        for ((what, passes), all) in
            ["observe", "of it, detectors", "of it, history"].iter().zip(passes).zip(&mut all)
        {
            let what = format!("{operations} operations, {before} windows: {what}");
            all.push(report.samples(&what, "ms", passes));
        }
    }
    for (what, all) in ["observe", "detectors", "history"].iter().zip(&all) {
        report.growth(what, &SIZES, all);
    }
    Ok(())
}

/// Observes `n` windows behind twelve others.
fn count(_: usize, n: usize) -> u64 {
    let stock = Stock::new(1_000, RATE / 5, STOCK);
    let Ok(mut analyst) = new(720) else { return 0 };
    let all: Vec<_> = (0..20).map(|i| stock.at(ORIGIN.plus(WIDTH), i)).collect();
    let mut all = all.into_iter();
    for window in all.by_ref().take(12 + n) {
        analyst.observe(window, &stock.catalog);
    }
    std::mem::forget((analyst, all));
    n as u64
}
