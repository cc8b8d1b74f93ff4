//! Who called whom and how it went, seen from both ends: the rows of the service graph.
//!
//! Calls to what sends no spans (databases, foreign services) are sites, not edges.

use super::{Gather, OperationId, Sketch};
use serde::{Deserialize, Serialize};

/// A caller's and a callee's operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EdgeKey {
    /// The span that called; none = from outside.
    pub caller: OperationId,
    /// The span that served it.
    pub callee: OperationId,
}

/// Calls over one edge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeSummary {
    /// Calls, 16.16 weighted.
    pub weight: u64,
    /// Calls that failed at the callee, 16.16 weighted.
    pub failed_weight: u64,
    /// Nanoseconds from the caller's view; empty from outside.
    pub caller: Sketch,
    /// Nanoseconds from the callee's view.
    pub callee: Sketch,
}

impl EdgeSummary {
    /// Adds another summary.
    pub fn merge(&mut self, other: &Self) {
        self.weight = self.weight.saturating_add(other.weight);
        self.failed_weight = self.failed_weight.saturating_add(other.failed_weight);
        self.caller.merge(&other.caller);
        self.callee.merge(&other.callee);
    }

    /// The same of summaries that may be taken.
    pub fn join(&mut self, others: &mut [&mut Self], gather: &mut Gather) {
        for other in &*others {
            self.weight = self.weight.saturating_add(other.weight);
            self.failed_weight = self.failed_weight.saturating_add(other.failed_weight);
        }
        self.caller.join(others.iter_mut().map(|o| &mut o.caller), gather);
        self.callee.join(others.iter_mut().map(|o| &mut o.callee), gather);
    }
}
