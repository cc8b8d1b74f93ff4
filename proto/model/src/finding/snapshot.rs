//! A function of a log prefix: what readers see, always the last whole tick.

use super::{BottleneckKind, Change, Investigation};
use crate::signal::{Facility, Operation, Role, Tally, Timestamp, Window};
use serde::{Deserialize, Serialize};

/// Rate, errors and duration of one operation and version over the snapshot's stretch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RedRow {
    /// Operation.
    pub operation: Operation,
    /// Version; empty = not said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Spans, counted.
    pub spans: u64,
    /// Spans, weighted by sampling.
    pub calls: f64,
    /// Calls per second over the stretch.
    pub rate_per_second: f64,
    /// Failed calls, weighted.
    pub errors: f64,
    /// errors / calls.
    pub error_ratio: f64,
    /// p50, p90, p95, p99, p99.9 in nanoseconds.
    pub duration_ns: Quantiles,
}

/// The percentiles that every voice shows, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Median.
    pub p50: u64,
    /// 90th percentile.
    pub p90: u64,
    /// 95th percentile.
    pub p95: u64,
    /// 99th percentile.
    pub p99: u64,
    /// 99.9th percentile.
    #[serde(rename = "p99.9")]
    pub p999: u64,
}

/// A service as a whole: its entry (server and consumer) operations taken together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceRow {
    /// `service.name`.
    pub service: String,
    /// Versions seen, oldest first.
    pub versions: Vec<String>,
    /// Operations seen.
    pub operations: u64,
    /// Entry spans, counted.
    pub spans: u64,
    /// Entry calls per second.
    pub rate_per_second: f64,
    /// Failed entry calls / entry calls.
    pub error_ratio: f64,
    /// Percentiles of entry calls, nanoseconds.
    pub duration_ns: Quantiles,
    /// Metric series it sent.
    pub series: u64,
}

/// One utilization, saturation or error series of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UseRow {
    /// `service.name`.
    pub service: String,
    /// Pod or instance, empty = not said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pod: String,
    /// What resource.
    pub facility: Facility,
    /// Utilization, saturation or errors.
    pub role: Role,
    /// Series name with its attributes.
    pub series: String,
    /// Unit as sent; gains of counters are per second.
    pub unit: String,
    /// Median over windows.
    pub median: f64,
    /// Greatest window value.
    pub max: f64,
    /// Last window value.
    pub last: f64,
    /// Points behind them.
    pub points: u64,
}

/// The A/A test on production data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlaceboRow {
    /// Half-against-half tests made.
    pub tests: u64,
    /// Of them, how many alarmed.
    pub alarms: u64,
    /// Series-days watched.
    pub series_days: f64,
    /// Alarms per series-day.
    pub alarms_per_series_day: f64,
    /// Threshold factor derived from it, 1 = the default holds.
    pub threshold_factor: f64,
}

/// Everything readers may see.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Log time of the tick.
    pub at: Timestamp,
    /// Stretch of event time that the tables cover.
    pub covers: Window,
    /// Windows closed.
    pub windows: u64,
    /// Services, by name.
    pub services: Vec<ServiceRow>,
    /// Operations, by service, kind, name, version.
    pub red: Vec<RedRow>,
    /// USE series, by service, pod, facility, series.
    pub usage: Vec<UseRow>,
    /// Investigations by worth, open first.
    pub investigations: Vec<Investigation>,
    /// Changes seen or declared.
    pub changes: Vec<Change>,
    /// Placebo result.
    pub placebo: PlaceboRow,
    /// Counters.
    pub tally: Tally,
}

/// Something that happened, for the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Log time.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// The investigation's id.
    pub investigation: String,
    /// Its verdict at that time.
    pub verdict: BottleneckKind,
    /// Stable over retries and replays: a hash of the content.
    pub idempotency_key: String,
}

/// What happened to an investigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Opened and routed.
    Opened,
    /// Evidence or verdict changed.
    Updated,
    /// Back to normal, or gain confirmed.
    Resolved,
}
