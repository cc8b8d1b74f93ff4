//! What a fleet of detectors says: alarms of series on which nothing happened, and how soon those are
//! found on which something did. Figures of statistics, not of time.

use crate::Bench;
use crate::report::Report;
use crate::traffic::BASE;
use crate::windows::WIDTH;
use longpole_core::catalog::{Catalog, Interner};
use longpole_core::engine::analyst::{Alarmed, Watch};
use longpole_core::limits::Limits;
use longpole_core::memo::Seed;
use longpole_model::signal::{
    Batch, OperationId, OperationRow, RedKey, RedSummary, Resource, SECOND, SpanCategory, SpanKind,
    Timestamp, VersionId, Window, WindowSummary,
};
use longpole_tests::load::dice::Dice;
use std::sync::Arc;

/// The subject.
pub const BENCH: Bench = Bench {
    name: "fleet",
    about: "alarms of quiet series per series-day, and windows until a slow tail is found",
    time,
    counts: &[],
};

/// Requests a window, and series of that many.
const SIZES: [(u64, usize); 3] = [(60, 8_000), (250, 4_000), (1_000, 1_000)];
/// Windows of quiet, and windows in which the slow must be found.
const QUIET: usize = 150;
const PATIENCE: u32 = 40;
/// The first windows, told apart: references are young.
const YOUNG: usize = 40;
/// Shares of requests that take three times as long.
const SLOW: [f64; 4] = [0.04, 0.1, 0.2, 0.5];
/// Standard deviation of what all requests of a window share, where machines breathe.
const BREATH: f64 = 0.02;

/// One series: bells on a logarithmic scale, one or two.
struct Series {
    dice: Dice,
    median: f64,
    width: f64,
    /// Share and factor of the second bell.
    second: (f64, f64),
    breathes: bool,
}

impl Series {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        Self {
            median: 2e6 * 100f64.powf(dice.unit()),
            width: 0.2 + dice.unit(),
            second: (0.3 * dice.unit(), 2.0 + 8.0 * dice.unit()),
            breathes: seed.is_multiple_of(2),
            dice,
        }
    }

    /// A window of about `n` requests, of which the share `slow` takes three times as long and one in
    /// two hundred fails.
    fn window(&mut self, n: u64, slow: f64) -> RedSummary {
        let n = (n as f64 + self.dice.bell() * (3.0 * n as f64).sqrt()).max(0.0) as u64;
        let breath = if self.breathes { self.dice.bell() * BREATH * 3f64.sqrt() } else { 0.0 };
        let mut red = RedSummary::default();
        for i in 0..n {
            let mut ns = self.median * (self.dice.bell() * self.width + breath).exp();
            if self.dice.unit() < self.second.0 {
                ns *= self.second.1;
            }
            if self.dice.unit() < slow {
                ns *= 3.0;
            }
            red.halves[(i % 2) as usize].record(ns as u64, 1 << 16);
            red.failed += u64::from(self.dice.below(200) == 0);
        }
        (red.spans, red.weight) = (n, n << 16);
        red
    }
}

/// Names of that many operations.
fn names(n: usize) -> Arc<Catalog> {
    let resource =
        Arc::new(Resource { service: "fleet".to_owned(), named: true, ..Resource::default() });
    let limits = Limits { operations_per_service: n, ..Limits::default() };
    let mut intern = Interner::new(limits, Seed(0));
    let row = |i| OperationRow {
        resource: Arc::clone(&resource),
        kind: SpanKind::Server,
        category: SpanCategory::Own,
        name: format!("GET /{i}"),
        peer: String::new(),
    };
    let operations = (0..n).map(|i| Arc::new(row(i))).collect();
    intern.map(&Batch { operations, ..Batch::default() }, Timestamp(0));
    Arc::clone(intern.catalog())
}

/// Log time at which window `at` begins.
fn start(at: usize) -> Timestamp {
    BASE.plus(at as u64 * WIDTH)
}

/// All series of one size, and what watches them.
struct Fleet {
    requests: u64,
    series: Vec<Series>,
    catalog: Arc<Catalog>,
    watch: Watch,
    windows: usize,
}

impl Fleet {
    fn new((requests, count): (u64, usize)) -> Self {
        Self {
            requests,
            series: (0..count as u64).map(Series::new).collect(),
            catalog: names(count),
            watch: Watch::default(),
            windows: 0,
        }
    }

    /// The share of slow requests that a series is given when the quiet is over.
    fn share(&self, series: usize) -> f64 {
        SLOW[series * SLOW.len() / self.series.len()]
    }

    /// The next window's confirmed alarms.
    fn step(&mut self, slow: bool) -> Vec<Alarmed> {
        let window = Window { start: start(self.windows), end: start(self.windows + 1) };
        self.windows += 1;
        let shares: Vec<f64> =
            (0..self.series.len()).map(|i| if slow { self.share(i) } else { 0.0 }).collect();
        let rows = self.series.iter_mut().zip(shares).zip(0..);
        let red = rows.map(|((series, slow), id)| {
            let key = RedKey { operation: OperationId(id), version: VersionId::NONE };
            (key, series.window(self.requests, slow))
        });
        let summary = WindowSummary { window, red: red.collect(), ..WindowSummary::default() };
        self.watch.observe(&summary, &self.catalog)
    }

    /// How long it was quiet, in series-days.
    fn days(&self, windows: usize) -> f64 {
        (self.series.len() * windows) as f64 * (WIDTH / SECOND) as f64 / 86_400.0
    }
}

fn time(report: &mut Report) -> Result<(), String> {
    for size in SIZES {
        let mut fleet = Fleet::new(size);
        let mut alarmed = vec![false; size.1];
        for windows in [0..YOUNG, YOUNG..QUIET] {
            let mut alarms = 0;
            for _ in windows.clone() {
                for (id, _) in fleet.step(false) {
                    alarms += 1;
                    alarmed[id.0 as usize] = true;
                }
            }
            let what = format!("{} requests, {} series, windows {windows:?}", size.0, size.1);
            let per_day = f64::from(alarms) / fleet.days(windows.len());
            report.value(&what, "false alarms/series-day", per_day);
        }
        // Found is what was told of after the slowness began, of series that were quiet until then.
        let mut found = vec![f64::INFINITY; size.1];
        for at in 1..=PATIENCE {
            for (id, _) in fleet.step(true) {
                let when = &mut found[id.0 as usize];
                *when = when.min(f64::from(at));
            }
        }
        for share in SLOW {
            let ours = (0..size.1).filter(|i| fleet.share(*i) == share && !alarmed[*i]);
            let delays: Vec<f64> = ours.map(|i| found[i]).collect();
            let seen = delays.iter().filter(|d| d.is_finite()).count() as f64;
            let what = format!("{} requests, {:.0} % slow", size.0, share * 100.0);
            report.value(&format!("{what}: found in {PATIENCE}"), "", seen / delays.len() as f64);
            report.samples(&format!("{what}: until told"), "windows", delays);
        }
    }
    Ok(())
}
