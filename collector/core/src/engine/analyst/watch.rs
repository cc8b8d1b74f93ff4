//! Every operation's live detectors, and the funnel behind them: what alarmed must go on, by two more
//! windows or a few, or it was a blip.

use crate::catalog::Catalog;
use crate::detect::counts::{Counts, Scratch};
use crate::detect::live::{Live, Settings, Watched};
use crate::detect::placebo::Placebo;
use crate::detect::rate::{Moved, Rate};
use crate::engine::regressions::{by_operation, from_alarm};
use longpole_model::finding::{Confirmation, Direction, Measure, PlaceboRow, Regression};
use longpole_model::signal::{
    Operation, OperationId, RedSummary, Timestamp, Window, WindowSummary,
};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Windows that an alarm has to last at least.
const LAST: u64 = 2;
/// Windows of which it is known when they were: a day of ten-second ones.
const REMEMBERED: usize = 8_640;

#[derive(Debug, Serialize, Deserialize)]
struct Series {
    live: Live,
    rate: Rate,
    /// Index of the first window it saw, and when that began.
    first: u64,
    began: Timestamp,
    samples: u64,
}

impl Series {
    fn new(first: u64, began: Timestamp) -> Self {
        let live = Live::new(Settings::default());
        Self { live, rate: Rate::default(), first, began, samples: 0 }
    }
}

/// When windows were, by index; the latest ones.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Windows {
    latest: VecDeque<Window>,
    /// Windows that were let go.
    gone: u64,
}

impl Windows {
    /// Adds one; gives back its index.
    fn push(&mut self, window: Window) -> u64 {
        if self.latest.len() == REMEMBERED {
            self.latest.pop_front();
            self.gone += 1;
        }
        self.latest.push_back(window);
        self.gone + self.latest.len() as u64 - 1
    }

    /// When window `index` began; of one that was let go, when the oldest known did.
    fn start(&self, index: u64) -> Timestamp {
        let at = index.saturating_sub(self.gone) as usize;
        self.latest.get(at).or(self.latest.back()).map(|w| w.start).unwrap_or_default()
    }
}

/// An alarm that has to last.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pending {
    operation: OperationId,
    regression: Regression,
    /// What was raised; `None` of a rate.
    watched: Option<Watched>,
    due: u64,
}

/// A regression and the series that raised it.
pub type Alarmed = (OperationId, Regression);

/// All series.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Watch {
    /// By operation id, which are given out in order.
    series: Vec<Option<Box<Series>>>,
    /// Holds texts: stored beside the numbers.
    #[serde(skip)]
    pending: Vec<Pending>,
    windows: Windows,
    placebo: Placebo,
    blips: u64,
    /// Where the distributions of a series are read: one behind the other in the same memory.
    #[serde(skip)]
    halves: [Counts; 2],
    #[serde(skip)]
    scratch: Scratch,
}

impl Watch {
    /// Takes a window; gives back the regressions that it confirmed.
    pub fn observe(&mut self, summary: &WindowSummary, catalog: &Catalog) -> Vec<Alarmed> {
        let index = self.windows.push(summary.window);
        let nothing = RedSummary::default();
        let factor = self.placebo.threshold_factor();
        let mut seen = by_operation(summary).peekable();
        let known = summary.red.last().map_or(0, |(k, _)| k.operation.0 as usize + 1);
        self.series.resize_with(self.series.len().max(known), || None);
        for (id, slot) in (0..).map(OperationId).zip(&mut self.series) {
            let red = seen.next_if(|(of, _)| *of == id).map(|(_, red)| red);
            let s = match (slot, &red) {
                (Some(s), _) => s,
                (None, None) => continue,
                (slot, Some(_)) => slot.insert(Box::new(Series::new(index, summary.window.start))),
            };
            let red = red.as_deref().unwrap_or(&nothing);
            let [durations, other] = &mut self.halves;
            durations.read(&red.halves[0]);
            other.read(&red.halves[1]);
            self.placebo.observe([durations, other], summary.window.seconds());
            durations.merge(other, &mut self.scratch);
            let counted = (red.spans, red.failed);
            let alarms = s.live.observe(durations, counted, &mut self.scratch);
            // A window that shards missed says nothing about rates.
            let moved = match summary.missing_shards {
                0 => s.rate.observe(red.weight as f64 / 65_536.0),
                _ => None,
            };
            let Some(operation) = catalog.operation_of(id) else { continue };
            let (windows, start) = (&self.windows, s.began);
            for alarm in alarms.iter().filter(|a| a.verdict.passes(factor)) {
                let since = windows.start(s.first + alarm.verdict.since);
                let samples = (s.samples + red.spans).saturating_sub(alarm.verdict.n);
                let baseline = (Window { start, end: since }, samples);
                let window = Window { start: since, end: summary.window.end };
                let regression =
                    from_alarm(operation, alarm, baseline, window, since, Confirmation::Confirmed);
                let (watched, due) = (Some(alarm.watched), index + LAST);
                self.pending.push(Pending { operation: id, regression, watched, due });
            }
            if let Some(m) = moved {
                let since = windows.start(s.first + m.since);
                let baseline = Window { start, end: since };
                let window = Window { start: since, end: summary.window.end };
                let regression = rate_regression(operation, &m, baseline, window, s.samples);
                // The CUSUM of counts has lasted already: it needs several windows to pass.
                let due = index + LAST;
                self.pending.push(Pending { operation: id, regression, watched: None, due });
            }
            s.samples += red.spans;
        }
        self.confirm(index, summary.window.end)
    }

    /// Alarms whose time has come: confirmed if what was raised goes on, dropped as blips if not;
    /// those that could still be either wait.
    fn confirm(&mut self, index: u64, now: Timestamp) -> Vec<Alarmed> {
        let mut out = Vec::new();
        for mut p in std::mem::take(&mut self.pending) {
            let slot = self.series.get_mut(p.operation.0 as usize).and_then(Option::as_mut);
            let lasts = match (p.watched, &slot) {
                _ if p.due > index => None,
                (Some(watched), Some(series)) => series.live.lasts(watched),
                (Some(_), None) => Some(false),
                (None, _) => Some(true),
            };
            match (lasts, slot) {
                (None, _) => self.pending.push(p),
                (Some(true), _) => {
                    p.regression.window.end = now;
                    out.push((p.operation, p.regression));
                }
                (Some(false), series) => {
                    self.blips += 1;
                    if let (Some(watched), Some(series)) = (p.watched, series) {
                        series.live.withdraw(watched);
                    }
                }
            }
        }
        out
    }

    /// What is left at the end of a recording: alarms not yet confirmed, and statistics half-way to
    /// one.
    pub fn pending(&mut self, catalog: &Catalog) -> Vec<Alarmed> {
        let pending = std::mem::take(&mut self.pending).into_iter();
        let mut out: Vec<Alarmed> = pending.map(|p| (p.operation, p.regression)).collect();
        let end = self.windows.latest.back().map(|w| w.end).unwrap_or_default();
        for (id, s) in (0..).map(OperationId).zip(&self.series) {
            let Some(s) = s else { continue };
            let Some(operation) = catalog.operation_of(id) else { continue };
            for alarm in s.live.pending_alarms() {
                let since = self.windows.start(s.first + alarm.verdict.since);
                let samples = s.samples.saturating_sub(alarm.verdict.n);
                let baseline = (Window { start: s.began, end: since }, samples);
                let window = Window { start: since, end };
                let told = Confirmation::Unconfirmed;
                out.push((id, from_alarm(operation, &alarm, baseline, window, since, told)));
            }
        }
        for (_, r) in &mut out {
            r.confirmation = Confirmation::Unconfirmed;
        }
        out
    }

    /// Alarms that have to last, in the order in which they were raised.
    pub(super) fn alarms(&self) -> &[Pending] {
        &self.pending
    }

    /// Takes alarms back that an earlier life had raised.
    pub(super) fn raise(&mut self, pending: Vec<Pending>) {
        self.pending = pending;
    }

    /// Whether a series still stands in alarm.
    pub fn stands(&self, operation: OperationId) -> bool {
        let series = self.series.get(operation.0 as usize);
        series.and_then(Option::as_ref).is_some_and(|s| s.live.alarmed())
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
