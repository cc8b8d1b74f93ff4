//! Evidence of phase 2: what somebody measured inside the culprit before changing it in depth.
//!
//! A path profile is not among them: it comes with every investigation and says *where*, not *why*.

use serde::{Deserialize, Serialize};

/// A measurement from within the culprit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Samples of running code.
    CpuProfile,
    /// Samples of waiting code: locks, pools, scheduler.
    WaitProfile,
    /// Allocations or retained objects.
    HeapProfile,
    /// The database's plan of the slow statement.
    QueryPlan,
    /// Packets, retransmits, connection times on the edge.
    NetworkCapture,
    /// Kernels, copies and occupancy on the GPU.
    GpuTrace,
    /// Block device latency and depth.
    DiskTrace,
    /// A slow and a normal trace side by side, differing spans named.
    TraceComparison,
    /// Throughput against latency under controlled demand.
    LoadTest,
    /// The failure, reproduced.
    Reproduction,
}

impl Proof {
    /// Name in the tree and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CpuProfile => "cpu_profile",
            Self::WaitProfile => "wait_profile",
            Self::HeapProfile => "heap_profile",
            Self::QueryPlan => "query_plan",
            Self::NetworkCapture => "network_capture",
            Self::GpuTrace => "gpu_trace",
            Self::DiskTrace => "disk_trace",
            Self::TraceComparison => "trace_comparison",
            Self::LoadTest => "load_test",
            Self::Reproduction => "reproduction",
        }
    }
}
