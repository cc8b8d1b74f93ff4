//! A live series of plain values: alarms when it goes where it has never been, and stays a moment.
//!
//! The median of the last few values is compared with everything its own past reached, plus a share
//! of the past's range. Few parameters, none of them a probability: values of strangers' metrics
//! have no distribution that one could know.

use crate::stats::median;
use std::collections::VecDeque;

/// Settings of the detector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Values that the past holds.
    pub memory: usize,
    /// Values that are looked at together.
    pub recent: usize,
    /// Values before anything is tested.
    pub warmup: usize,
    /// Share of the past's range by which it must be exceeded.
    pub margin: f64,
    /// Values without excess after which an alarm is over.
    pub calm: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { memory: 2_016, recent: 3, warmup: 100, margin: 0.35, calm: 36 }
    }
}

/// What was seen when a value alarmed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Excess {
    /// Median of the last values.
    pub seen: f64,
    /// What the past reached, on the side that was left.
    pub reached: f64,
    /// The limit that was passed.
    pub limit: f64,
    /// Values in the past.
    pub samples: usize,
}

/// One series.
#[derive(Clone, Debug)]
pub struct Values {
    settings: Settings,
    /// Medians of the past, oldest first.
    past: VecDeque<f64>,
    recent: VecDeque<f64>,
    /// Values since the last excess, while in alarm.
    alarm: Option<usize>,
}

impl Values {
    /// A series that has seen nothing.
    pub fn new(settings: Settings) -> Self {
        Self { settings, past: VecDeque::new(), recent: VecDeque::new(), alarm: None }
    }

    /// Takes the next value; an alarm is told once, when it begins. Values that are no numbers are
    /// passed over.
    pub fn observe(&mut self, value: f64) -> Option<Excess> {
        if !value.is_finite() {
            return None;
        }
        self.recent.push_back(value);
        if self.recent.len() < self.settings.recent {
            return None;
        }
        if self.recent.len() > self.settings.recent {
            self.recent.pop_front();
        }
        let seen = median(self.recent.make_contiguous());
        let excess = self.excess(seen);
        // What it sees becomes its past: a new level alarms once.
        self.past.push_back(seen);
        if self.past.len() > self.settings.memory {
            self.past.pop_front();
        }
        match (excess, self.alarm) {
            (Some(found), None) => {
                self.alarm = Some(0);
                Some(found)
            }
            (Some(_), Some(_)) => {
                self.alarm = Some(0);
                None
            }
            (None, Some(calm)) => {
                self.alarm = (calm + 1 < self.settings.calm).then_some(calm + 1);
                None
            }
            (None, None) => None,
        }
    }

    fn excess(&self, seen: f64) -> Option<Excess> {
        if self.past.len() < self.settings.warmup {
            return None;
        }
        let mut sorted: Vec<f64> = self.past.iter().copied().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let (lowest, highest) = (sorted[0], sorted[sorted.len() - 1]);
        // The range of all but the outermost hundredth: one old spike must not hide the next.
        let cut = sorted.len() / 100;
        let range = sorted[sorted.len() - 1 - cut] - sorted[cut];
        let margin = self.settings.margin * range.max(1e-9 * (1.0 + highest.abs()));
        let samples = sorted.len();
        if seen > highest + margin {
            return Some(Excess { seen, reached: highest, limit: highest + margin, samples });
        }
        if seen < lowest - margin {
            return Some(Excess { seen, reached: lowest, limit: lowest - margin, samples });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ground_alarms_once_and_old_ground_never() {
        let mut v = Values::new(Settings::default());
        let mut alarms = Vec::new();
        for i in 0..1000usize {
            let wave = ((i % 288) as f64 / 288.0 * std::f64::consts::TAU).sin();
            let step = if i >= 800 { 5.0 } else { 0.0 };
            if v.observe(wave + step).is_some() {
                alarms.push(i);
            }
        }
        // The first wave is new ground as it rises; after that only the step is.
        assert!(alarms.iter().all(|i| *i < 288 || *i == 801), "{alarms:?}");
        assert!(alarms.contains(&801), "{alarms:?}");
        assert!(v.observe(f64::NAN).is_none());
    }
}
