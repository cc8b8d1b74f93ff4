//! Metric points as they come in, and the series they belong to.
//!
//! What a series *means* (its role) is decided by the core from its name and unit; this is data.

use super::Timestamp;
use serde::{Deserialize, Serialize};

/// How the points of a series relate to one another.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Temporality {
    /// Each point stands for itself (gauges, and sums that may fall).
    #[default]
    Gauge,
    /// Each point is what happened since the last one.
    Delta,
    /// Each point is what happened since the start; may be reset to 0.
    Cumulative,
}

impl Temporality {
    /// All, in code order (part of stored forms).
    pub const ALL: [Self; 3] = [Self::Gauge, Self::Delta, Self::Cumulative];
}

/// What a metric series tells about its service.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Requests or work per time.
    Rate,
    /// Failures: a rate, a count or a ratio (availability counts as its complement).
    Errors,
    /// A time per request, or a quantile of it.
    Latency,
    /// Share of a resource in use, or an amount in use.
    Utilization,
    /// Work that waits, or time spent waiting for a resource.
    Saturation,
    /// None of these.
    #[default]
    Other,
}

impl Role {
    /// All, in code order (part of stored forms).
    pub const ALL: [Self; 6] =
        [Self::Rate, Self::Errors, Self::Latency, Self::Utilization, Self::Saturation, Self::Other];
}

/// The resource that a utilization, saturation or error series is about.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Facility {
    /// Processor time.
    Cpu,
    /// Main memory.
    Memory,
    /// Disk or file system.
    Disk,
    /// Network.
    Network,
    /// Connection, thread or worker pool.
    Pool,
    /// Queue or stream of waiting work.
    Queue,
    /// Lock.
    Lock,
    /// Cache.
    Cache,
    /// GPU compute.
    Gpu,
    /// GPU memory.
    GpuMemory,
    /// Garbage collection and other runtime work.
    Runtime,
    /// Requests themselves (rate, errors, latency series).
    Request,
    /// Anything else.
    #[default]
    Other,
}

impl Facility {
    /// All, in code order (part of stored forms).
    pub const ALL: [Self; 13] = [
        Self::Cpu,
        Self::Memory,
        Self::Disk,
        Self::Network,
        Self::Pool,
        Self::Queue,
        Self::Lock,
        Self::Cache,
        Self::Gpu,
        Self::GpuMemory,
        Self::Runtime,
        Self::Request,
        Self::Other,
    ];
}

/// One series of a batch's dictionary.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesRow {
    /// Index into [`super::Batch::resources`].
    pub resource: u32,
    /// Metric name as sent.
    pub name: String,
    /// Unit as sent (UCUM), empty = not said.
    pub unit: String,
    /// Point attributes, sorted by key, values as text, last of equal keys wins.
    pub attributes: Vec<(String, String)>,
    /// How points relate.
    pub temporality: Temporality,
    /// Whether a sum can only grow.
    pub monotonic: bool,
}

/// One metric point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MetricPoint {
    /// Index into [`super::Batch::series`].
    pub series: u32,
    /// Start of the stretch a sum or histogram covers; 0 = not said.
    pub start: Timestamp,
    /// When it was measured.
    pub time: Timestamp,
    /// What was measured.
    pub value: PointValue,
}

/// The value of a [`MetricPoint`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PointValue {
    /// A finite number.
    Number(f64),
    /// Index into [`super::Batch::histograms`].
    Histogram(u32),
}

/// A histogram point with explicit bounds; exponential ones are brought to this form at the door.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramPoint {
    /// Number of observations.
    pub count: u64,
    /// Sum of the observations, where sent and finite.
    pub sum: Option<f64>,
    /// Upper bounds, ascending, finite; one fewer than `counts`.
    pub bounds: Vec<f64>,
    /// Observations per bucket, the last one above all bounds.
    pub counts: Vec<u64>,
}

/// A metric series as the core keys it: who, where, what.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SeriesIdentity {
    /// `service.name`.
    pub service: String,
    /// Where it was measured.
    pub placement: super::Placement,
    /// Metric name as sent.
    pub name: String,
    /// Unit as sent; gains of counters are per second of it.
    pub unit: String,
    /// Point attributes, sorted.
    pub attributes: Vec<(String, String)>,
    /// How points relate.
    pub temporality: Temporality,
    /// Whether a sum can only grow.
    pub monotonic: bool,
    /// What it tells about its service.
    pub role: Role,
    /// Which resource it is about.
    pub facility: Facility,
}
