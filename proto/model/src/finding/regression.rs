//! A change for the worse of one measure of one operation, with the test that found it.

use super::Change;
use crate::signal::{Operation, Timestamp, Window};
use serde::{Deserialize, Serialize};

/// What got worse.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "measure")]
pub enum Measure {
    /// Requests per second.
    Rate,
    /// Share of failed requests.
    ErrorRatio,
    /// Share of requests slower than the reference quantile.
    Duration {
        /// The quantile, 0 to 1.
        quantile: f64,
    },
    /// Value of a metric series.
    Series,
}

/// Which way it moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Grew.
    Up,
    /// Fell.
    Down,
}

/// How sure the funnel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirmation {
    /// Still there in the windows that followed.
    Confirmed,
    /// Gone again within two windows.
    Blip,
    /// The recording ended before the next windows could confirm it.
    Unconfirmed,
}

/// One regression: what was expected, what was seen, by which test, on how much data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    /// Whose measure. For [`Measure::Series`] `name` is the series.
    pub operation: Operation,
    /// Version on which it was seen; empty = not said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// What got worse.
    #[serde(flatten)]
    pub measure: Measure,
    /// Which way.
    pub direction: Direction,
    /// Unit of `expected`, `observed`, `absolute_effect` and `interval`.
    pub unit: String,
    /// What the baseline leads one to expect.
    pub expected: f64,
    /// What was seen.
    pub observed: f64,
    /// `observed - expected`.
    pub absolute_effect: f64,
    /// `observed / expected`; `null` where expected is 0.
    pub effect_ratio: Option<f64>,
    /// 95 % interval of `observed`, where the test gives one.
    pub interval: Option<[f64; 2]>,
    /// Name of the test.
    pub test: String,
    /// Its statistic.
    pub statistic: f64,
    /// The threshold that the statistic passed.
    pub threshold: f64,
    /// Samples behind `expected`.
    pub baseline_samples: u64,
    /// Samples behind `observed`.
    pub window_samples: u64,
    /// Stretch that the baseline covers.
    pub baseline: Window,
    /// Stretch in which the regression was seen.
    pub window: Window,
    /// Onset: start of the first window of the run that led to the alarm.
    pub since: Timestamp,
    /// Blip, confirmed or open.
    pub confirmation: Confirmation,
    /// The change that falls on the onset, if one does.
    pub suspect: Option<Change>,
}
