//! From the end of a window to the event that somebody is told of: one operation of ten thousand has
//! become slower.

use crate::report::Report;
use crate::road::{Meter, Road};
use crate::traffic::{Slow, Traffic};
use crate::windows::{RATE, Stock, WIDTH, is_full, second};
use crate::{Bench, analyst, clock};
use longpole_core::engine::Settings;
use longpole_core::limits::Limits;

/// The subject.
pub const BENCH: Bench = Bench {
    name: "decide",
    about: "one of 10 k operations regresses at 100 k spans/s; eight shards",
    time,
    counts: &[],
};

/// Seconds before anything is slow.
const QUIET: u64 = 70;
/// Seconds in which it must be found.
const PATIENCE: u64 = 150;
/// Copies of real windows that stand for the time before.
const HISTORY: usize = 40;
/// Of the story that becomes slower by a half: some two hundred requests a second.
const SLOW: Slow = Slow { story: 8, share: 0.5 };

fn time(report: &mut Report) -> Result<(), String> {
    let settings = Settings { shards: 8, ..Settings::default() };
    let mut road = Road::new(&settings);
    let mut traffic = Traffic::new(10_000, RATE, 1);
    let mut first = Vec::new();
    let mut now = 0;
    while now < QUIET {
        now += 1;
        let closed = road.run(&mut traffic, second(now), &mut Meter::default());
        first.extend(closed.into_iter().filter(is_full));
    }
    let end = first.last().map(|w| w.window.end).unwrap_or_default();
    let stock = Stock::of(first, road.catalog());
    let mut analyst = analyst::new(Limits::default().history_windows)?;
    let origin = end.minus(HISTORY as u64 * WIDTH);
    for i in 0..HISTORY {
        analyst.observe(stock.at(origin, i), &stock.catalog);
    }
    traffic.slow = Some(SLOW);
    let mut quiet = Vec::new();
    while now < QUIET + PATIENCE {
        now += 1;
        let mut meter = Meter::default();
        for window in road.run(&mut traffic, second(now), &mut meter) {
            let names = road.catalog();
            let (events, observed) = clock::timed(|| analyst.observe(window, &names));
            let close: u64 = meter.closes.iter().sum();
            let merge: u64 = meter.merges.iter().sum();
            let whole = clock::ms(close + merge + observed);
            if events.is_empty() {
                quiet.push(whole);
                continue;
            }
            report.samples("a window that decides nothing", "ms", quiet);
            report.value("the window that decides", "ms", whole);
            report.value("  of it, close", "ms", clock::ms(close));
            report.value("  of it, merge", "ms", clock::ms(merge));
            report.value("  of it, observe", "ms", clock::ms(observed));
            report.value("log time from onset to event", "s", (now - QUIET) as f64);
            let found = analyst.book().find(&events[0].investigation);
            let found = found.map_or("nothing".to_owned(), |i| i.title.clone());
            report.say(&format!("  {} events, the first: {found}", events.len()));
            return Ok(());
        }
    }
    Err(format!("nothing was found in {PATIENCE} s"))
}
