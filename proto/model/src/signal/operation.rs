//! What is measured: an operation of a service, and the ids that stand for texts inside a process.

use super::SpanKind;
use serde::{Deserialize, Serialize};

/// The key of everything measured. Two spans with equal keys are the same operation.
///
/// `name` follows semantic conventions first (HTTP route, RPC method, query summary, messaging
/// destination), the span's name last.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Operation {
    /// Tenant; empty in the first release.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tenant: String,
    /// `deployment.environment.name`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub environment: String,
    /// `service.namespace`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// `service.name`.
    pub service: String,
    /// Span kind.
    pub kind: SpanKind,
    /// Name within the service.
    pub name: String,
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.service, self.name)
    }
}

/// Stands for an [`Operation`] inside one process; stored forms carry the operation itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OperationId(pub u32);

impl OperationId {
    /// No operation.
    pub const NONE: Self = Self(u32::MAX);
}

/// Stands for a `service.version` inside one process. [`VersionId::NONE`] = not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VersionId(pub u32);

impl VersionId {
    /// The sender named no version.
    pub const NONE: Self = Self(0);
}

/// Stands for a metric series inside one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SeriesId(pub u32);

/// Service name shown for spans whose resource has none (OpenTelemetry resource specification).
pub const UNKNOWN_SERVICE: &str = "unknown_service";
/// Name of the series into which everything beyond a cap is folded.
pub const OVERFLOW_NAME: &str = "otel_metric_overflow";
