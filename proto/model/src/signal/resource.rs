//! Who sent it and where it ran.

use serde::{Deserialize, Serialize};

/// Where a process runs. Empty = not said.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Placement {
    /// `service.instance.id`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instance: String,
    /// `k8s.pod.name`, else `container.name`/`container.id`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pod: String,
    /// `k8s.node.name`, else `host.name`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// GPU identity (`hw.id` of a GPU), where the resource names one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub gpu: String,
}

/// The sender of a batch part: the resolved closed set of resource attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    /// Tenant; empty in the first release.
    pub tenant: String,
    /// `deployment.environment.name` (old: `deployment.environment`).
    pub environment: String,
    /// `service.namespace`.
    pub namespace: String,
    /// `service.name`; [`super::UNKNOWN_SERVICE`] where missing.
    pub service: String,
    /// `service.version`; empty = not said.
    pub version: String,
    /// `telemetry.sdk.language`; empty = not said.
    pub language: String,
    /// `vcs.ref.head.revision`; empty = not said.
    pub revision: String,
    /// Where it ran.
    pub placement: Placement,
    /// Whether the sender gave a service name.
    pub named: bool,
}
