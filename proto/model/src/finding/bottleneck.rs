//! What kind of bottleneck it is, and why the others were ruled out.

use super::Site;
use serde::{Deserialize, Serialize};

/// Kinds of bottleneck. The serialised names are the wire's and the routing tree's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BottleneckKind {
    /// Burning or starved processor.
    Cpu,
    /// Database reads and writes.
    DatabaseIo,
    /// Network between services.
    NetworkIo,
    /// Disk or file system.
    DiskIo,
    /// Memory leak or pressure.
    Memory,
    /// Waiting for a lock.
    Lock,
    /// Waiting in a queue or for a pool.
    Queue,
    /// N+1 queries, sequential fan-out.
    ChattyCalls,
    /// A dependency outside what is instrumented.
    Downstream,
    /// A defect: errors, exceptions, wrong returns.
    Errors,
    /// Demand grew.
    Load,
    /// GPU compute.
    GpuCompute,
    /// GPU memory.
    GpuMemory,
    /// Wrong settings.
    Configuration,
    /// Nothing is wrong.
    None,
}

impl BottleneckKind {
    /// All kinds, in code order.
    pub const ALL: [Self; 15] = [
        Self::Cpu,
        Self::DatabaseIo,
        Self::NetworkIo,
        Self::DiskIo,
        Self::Memory,
        Self::Lock,
        Self::Queue,
        Self::ChattyCalls,
        Self::Downstream,
        Self::Errors,
        Self::Load,
        Self::GpuCompute,
        Self::GpuMemory,
        Self::Configuration,
        Self::None,
    ];

    /// Name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::DatabaseIo => "database_io",
            Self::NetworkIo => "network_io",
            Self::DiskIo => "disk_io",
            Self::Memory => "memory",
            Self::Lock => "lock",
            Self::Queue => "queue",
            Self::ChattyCalls => "chatty_calls",
            Self::Downstream => "downstream",
            Self::Errors => "errors",
            Self::Load => "load",
            Self::GpuCompute => "gpu_compute",
            Self::GpuMemory => "gpu_memory",
            Self::Configuration => "configuration",
            Self::None => "none",
        }
    }

    /// As a person says it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::DatabaseIo => "database I/O",
            Self::NetworkIo => "network I/O",
            Self::DiskIo => "disk I/O",
            Self::Memory => "memory",
            Self::Lock => "lock contention",
            Self::Queue => "queue or pool saturation",
            Self::ChattyCalls => "chatty calls",
            Self::Downstream => "downstream dependency",
            Self::Errors => "errors",
            Self::Load => "load",
            Self::GpuCompute => "GPU compute",
            Self::GpuMemory => "GPU memory",
            Self::Configuration => "configuration",
            Self::None => "no bottleneck",
        }
    }
}

/// One observed fact with its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// One sentence that a person can check.
    pub claim: String,
    /// What was measured (site, series or ratio).
    pub signal: String,
    /// Unit of `before` and `after`.
    pub unit: String,
    /// Baseline value; `null` where there was none.
    pub before: Option<f64>,
    /// Value in the window; `null` where there was none.
    pub after: Option<f64>,
    /// Samples behind them, before and after.
    pub samples: [u64; 2],
    /// Robust deviation from the signal's own spread (0 = none, 3 = clear).
    pub strength: f64,
    /// Whether it speaks for the kind (else against).
    pub supports: bool,
    /// The anti-pattern that it shows, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Pattern>,
}

/// A known way to be slow or to fail, below the kinds: what to look for in the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// A query for each row of another one: queries multiplied within a request.
    NPlusOne,
    /// Calls to another service multiplied within a request.
    ChattyFanOut,
    /// Calls multiplied while the callee fails: they are tried again.
    RetryStorm,
    /// Calls that requests made before are not made by part of them.
    MissingCalls,
    /// A query that a cache answered before is made by most requests.
    ColdCache,
    /// A caller gives up before its callee, who is no slower, has answered.
    ImpatientCaller,
    /// Calls that do not need one another are made one behind the other.
    SequentialCalls,
    /// The same query with the same values, again and again within a request.
    DuplicateQuery,
    /// More and more wait for a lock that is not held longer than before.
    LockConvoy,
    /// Bodies or answers have become a multiple of what they were.
    OversizedPayload,
    /// Calls are served that the caller's spans do not show: telemetry is missing or late.
    MissingSpans,
}

impl Pattern {
    /// As it is written in JSON and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NPlusOne => "n_plus_one",
            Self::ChattyFanOut => "chatty_fan_out",
            Self::RetryStorm => "retry_storm",
            Self::MissingCalls => "missing_calls",
            Self::ColdCache => "cold_cache",
            Self::ImpatientCaller => "impatient_caller",
            Self::SequentialCalls => "sequential_calls",
            Self::DuplicateQuery => "duplicate_query",
            Self::LockConvoy => "lock_convoy",
            Self::OversizedPayload => "oversized_payload",
            Self::MissingSpans => "missing_spans",
        }
    }
}

/// A kind that was considered and ruled out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuledOut {
    /// The kind.
    pub kind: BottleneckKind,
    /// Why.
    pub reason: String,
}

/// The classified bottleneck of one culprit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bottleneck {
    /// Kind.
    pub kind: BottleneckKind,
    /// Culprit service.
    pub service: String,
    /// Its site, where traces show one.
    pub site: Option<Site>,
    /// 0 to 1: how often such a verdict was right on labelled cases.
    pub confidence: f64,
    /// Facts for and against.
    pub evidence: Vec<Evidence>,
    /// Kinds considered and ruled out.
    pub ruled_out: Vec<RuledOut>,
}
