//! Every operation's live detectors, and the funnel behind them: an alarm must still stand two
//! windows later, or it was a blip.

use crate::catalog::Catalog;
use crate::detect::live::{Live, Settings};
use crate::detect::placebo::Placebo;
use crate::detect::rate::{Moved, Rate};
use crate::engine::regressions::{by_operation, from_alarm};
use longpole_model::finding::{Confirmation, Direction, Measure, PlaceboRow, Regression};
use longpole_model::signal::{
    Operation, OperationId, RedSummary, Timestamp, Window, WindowSummary,
};
use std::collections::BTreeMap;

/// Windows that an alarm has to last.
const LAST: u64 = 2;

#[derive(Debug)]
struct Series {
    live: Live,
    rate: Rate,
    /// Index of the first window it saw.
    first: u64,
    samples: u64,
}

/// An alarm that has to last.
#[derive(Debug)]
struct Pending {
    operation: OperationId,
    regression: Regression,
    due: u64,
}

/// A regression and the series that raised it.
pub type Alarmed = (OperationId, Regression);

/// All series.
#[derive(Debug, Default)]
pub struct Watch {
    series: BTreeMap<OperationId, Series>,
    pending: Vec<Pending>,
    /// Starts of all windows seen, by index.
    windows: Vec<Window>,
    placebo: Placebo,
    blips: u64,
}

impl Watch {
    /// Takes a window; gives back the regressions that it confirmed.
    pub fn observe(&mut self, summary: &WindowSummary, catalog: &Catalog) -> Vec<Alarmed> {
        let index = self.windows.len() as u64;
        self.windows.push(summary.window);
        let seen = by_operation(summary);
        for id in seen.keys() {
            self.series.entry(*id).or_insert_with(|| Series {
                live: Live::new(Settings::default()),
                rate: Rate::default(),
                first: index,
                samples: 0,
            });
        }
        let nothing = RedSummary::default();
        let factor = self.placebo.threshold_factor();
        for (id, s) in &mut self.series {
            let red = seen.get(id).unwrap_or(&nothing);
            self.placebo.observe(&red.halves, summary.window.seconds());
            let alarms = s.live.observe(&red.halves, red.spans, red.failed);
            // A window that shards missed says nothing about rates.
            let moved = match summary.missing_shards {
                0 => s.rate.observe(red.weight as f64 / 65_536.0),
                _ => None,
            };
            let Some(operation) = catalog.operation_of(*id) else { continue };
            let at = |local: u64| {
                let i = (s.first + local) as usize;
                self.windows.get(i).or(self.windows.last()).copied().unwrap_or_default()
            };
            let start = at(0).start;
            for alarm in
                alarms.iter().filter(|a| a.verdict.statistic > a.verdict.threshold * factor)
            {
                let since = at(alarm.verdict.since).start;
                let samples = (s.samples + red.spans).saturating_sub(alarm.verdict.n);
                let baseline = (Window { start, end: since }, samples);
                let window = Window { start: since, end: summary.window.end };
                let regression =
                    from_alarm(operation, alarm, baseline, window, since, Confirmation::Confirmed);
                self.pending.push(Pending { operation: *id, regression, due: index + LAST });
            }
            if let Some(m) = moved {
                let since = at(m.since).start;
                let baseline = Window { start, end: since };
                let window = Window { start: since, end: summary.window.end };
                let regression = rate_regression(operation, &m, baseline, window, s.samples);
                // The CUSUM of counts has lasted already: it needs several windows to pass.
                self.pending.push(Pending { operation: *id, regression, due: index + LAST });
            }
            s.samples += red.spans;
        }
        self.confirm(index, summary.window.end)
    }

    /// Alarms whose time has come: confirmed if their series still stands in alarm.
    fn confirm(&mut self, index: u64, now: Timestamp) -> Vec<Alarmed> {
        let (due, pending): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.pending).into_iter().partition(|p| p.due <= index);
        self.pending = pending;
        let mut out = Vec::new();
        for mut p in due {
            let lasts = p.regression.measure == Measure::Rate
                || self.series.get(&p.operation).is_some_and(|s| s.live.alarmed());
            if lasts {
                p.regression.window.end = now;
                out.push((p.operation, p.regression));
            } else {
                self.blips += 1;
            }
        }
        out
    }

    /// What is left at the end of a recording: alarms not yet confirmed, and statistics half-way to
    /// one.
    pub fn pending(&mut self, catalog: &Catalog) -> Vec<Alarmed> {
        let pending = std::mem::take(&mut self.pending).into_iter();
        let mut out: Vec<Alarmed> = pending.map(|p| (p.operation, p.regression)).collect();
        let end = self.windows.last().map(|w| w.end).unwrap_or_default();
        for (id, s) in &self.series {
            let Some(operation) = catalog.operation_of(*id) else { continue };
            let at = |local: u64| {
                let i = (s.first + local) as usize;
                self.windows.get(i).map(|w| w.start).unwrap_or_default()
            };
            for alarm in s.live.pending_alarms() {
                let since = at(alarm.verdict.since);
                let samples = s.samples.saturating_sub(alarm.verdict.n);
                let baseline = (Window { start: at(0), end: since }, samples);
                let window = Window { start: since, end };
                let told = Confirmation::Unconfirmed;
                out.push((*id, from_alarm(operation, &alarm, baseline, window, since, told)));
            }
        }
        for (_, r) in &mut out {
            r.confirmation = Confirmation::Unconfirmed;
        }
        out
    }

    /// Whether a series still stands in alarm.
    pub fn stands(&self, operation: OperationId) -> bool {
        self.series.get(&operation).is_some_and(|s| s.live.alarmed())
    }

    /// The placebo's figures.
    pub fn placebo(&self) -> PlaceboRow {
        PlaceboRow {
            tests: self.placebo.tests,
            alarms: self.placebo.alarms,
            series_days: self.placebo.series_seconds / 86_400.0,
            alarms_per_series_day: self.placebo.per_series_day(),
            threshold_factor: self.placebo.threshold_factor(),
        }
    }

    /// Alarms that went away by themselves.
    pub fn blips(&self) -> u64 {
        self.blips
    }
}

fn rate_regression(
    operation: &Operation,
    m: &Moved,
    baseline: Window,
    window: Window,
    samples: u64,
) -> Regression {
    Regression {
        operation: operation.clone(),
        version: String::new(),
        measure: Measure::Rate,
        direction: if m.up { Direction::Up } else { Direction::Down },
        unit: "requests per window".to_owned(),
        expected: m.expected,
        observed: m.observed,
        absolute_effect: m.observed - m.expected,
        effect_ratio: Some(m.observed / m.expected.max(1e-9)),
        interval: None,
        test: "two-sided CUSUM of over-dispersed counts".to_owned(),
        statistic: m.statistic,
        threshold: m.threshold,
        baseline_samples: samples,
        window_samples: (m.observed * m.windows as f64) as u64,
        baseline,
        window,
        since: window.start,
        confirmation: Confirmation::Confirmed,
        suspect: None,
    }
}
