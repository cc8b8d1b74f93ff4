//! From the end of a window to the event that somebody is told of: one operation of ten thousand has
//! become slower; first one among many of its service, then the most frequent one of all.

use crate::report::Report;
use crate::road::{Meter, Road};
use crate::traffic::{Slow, Traffic};
use crate::windows::{RATE, is_full, second};
use crate::{Bench, analyst, clock};
use longpole_core::engine::Settings;
use longpole_core::engine::analyst::Watch;
use longpole_core::limits::Limits;

/// The subject.
pub const BENCH: Bench = Bench {
    name: "decide",
    about: "one of 10 k operations regresses at 100 k spans/s; eight shards: close, merge, observe",
    time,
    counts: &[],
};

/// Seconds before anything is slow: as many real windows as the reference needs. Copies of a few would
/// not do, for to the detectors they look like a series that hardly moves.
const QUIET: u64 = 240;
/// Seconds in which each must be found.
const PATIENCE: u64 = 120;
/// Requests become slower by a half, all of it in one query: a story of 1 % of all requests and, where
/// that raises no event, the one of 13 %.
const SLOW: [Slow; 2] = [Slow { story: 8, share: 0.5 }, Slow { story: 0, share: 0.5 }];

/// CPU nanoseconds of one window: close, merge, observe, and of that what detectors take.
type Parts = [u64; 4];

fn time(report: &mut Report) -> Result<(), String> {
    let settings = Settings { shards: 8, ..Settings::default() };
    let mut road = Road::new(&settings);
    let mut traffic = Traffic::new(10_000, RATE, 1);
    let mut analyst = analyst::new(Limits::default().history_windows)?;
    let mut watch = Watch::default();
    // Windows without an event: nothing standing, an alarm standing, an alarm fresh.
    let mut idle: [Vec<f64>; 2] = Default::default();
    let (mut false_alarms, mut missed) = (0, 0);
    let mut since = QUIET;
    for now in 1..=QUIET + SLOW.len() as u64 * PATIENCE {
        if now >= QUIET && (now - QUIET).is_multiple_of(PATIENCE) {
            let slow = SLOW.get(((now - QUIET) / PATIENCE) as usize).copied();
            missed += usize::from(now > QUIET);
            (traffic.slow, since) = (slow, now);
        }
        let mut meter = Meter::default();
        let windows = road.run(&mut traffic, second(now), &mut meter);
        for window in windows.into_iter().filter(is_full) {
            let names = road.catalog();
            let (alarms, detected) = clock::timed(|| watch.observe(&window, &names).len());
            false_alarms += if now <= QUIET { alarms } else { 0 };
            let (events, observed) = clock::timed(|| analyst.observe(window, &names));
            let parts = [meter.closes.iter().sum(), meter.merges.iter().sum(), observed, detected];
            if events.is_empty() || now <= QUIET {
                idle[usize::from(alarms > 0)].push(clock::ms(whole(parts)));
                continue;
            }
            let found = analyst.book().find(&events[0].investigation);
            let title = found.map_or("nothing", |i| i.title.as_str());
            let [quiet, alarmed] = idle;
            report.samples("a window without a new alarm", "ms", quiet);
            report.samples("a window with one, and no event", "ms", alarmed);
            report.value("false alarms in twenty windows", "", false_alarms as f64);
            told(report, parts);
            report.value("log time from onset to event", "s", (now - since) as f64);
            report.say(&format!("  after {missed} that raised none: {title}"));
            return Ok(());
        }
    }
    let [quiet, alarmed] = idle;
    report.samples("a window without a new alarm", "ms", quiet);
    report.samples("a window with one, and no event", "ms", alarmed);
    report.value("false alarms in twenty windows", "", false_alarms as f64);
    report.say("  NO EVENT, whichever operation became slower");
    Ok(())
}

fn whole([close, merge, observe, _]: Parts) -> u64 {
    close + merge + observe
}

fn told(report: &mut Report, parts: Parts) {
    report.value("the window that decides", "ms", clock::ms(whole(parts)));
    for (what, took) in ["close", "merge", "observe", "detectors in that"].iter().zip(parts) {
        report.value(&format!("  of it, {what}"), "ms", clock::ms(took));
    }
}
