//! What a scrape reads of one part of the whole, by key: a shard's open windows, or a closed window.
//!
//! Rows are in no order and a key may come twice: whoever reads adds them up.

use super::{Classic, EdgeKey, EdgeSummary, RedKey, RedSummary, SiteKey, SiteSummary, Tally};
use serde::{Deserialize, Serialize};

/// Rate, errors, duration of one operation and version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedCounters {
    /// Spans, 16.16 weighted.
    pub weight: u64,
    /// Failed spans, 16.16 weighted.
    pub failed_weight: u64,
    /// Durations.
    pub durations: Classic,
}

/// Calls over one edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeCounters {
    /// Calls, 16.16 weighted.
    pub weight: u64,
    /// Calls that failed at the callee, 16.16 weighted.
    pub failed_weight: u64,
    /// From the caller's view.
    pub caller: Classic,
    /// From the callee's view.
    pub callee: Classic,
}

/// Visits of one site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteCounters {
    /// Visits, counted.
    pub visits: u64,
    /// Visits whose span failed, counted.
    pub failed: u64,
    /// Own time of visits.
    pub durations: Classic,
}

/// All of a part. Of sites only calls to what sends no spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Operations.
    pub red: Vec<(RedKey, RedCounters)>,
    /// Calls between services.
    pub edges: Vec<(EdgeKey, EdgeCounters)>,
    /// Calls to what sends no spans.
    pub sites: Vec<(SiteKey, SiteCounters)>,
    /// Counters of items.
    pub tally: Tally,
}

impl RedCounters {
    /// Adds a window's.
    pub fn add(&mut self, red: &RedSummary) {
        self.weight = self.weight.saturating_add(red.weight);
        self.failed_weight = self.failed_weight.saturating_add(red.failed_weight);
        red.halves.iter().for_each(|half| self.durations.add(half));
    }

    /// Adds another part's.
    pub fn merge(&mut self, other: &Self) {
        self.weight = self.weight.saturating_add(other.weight);
        self.failed_weight = self.failed_weight.saturating_add(other.failed_weight);
        self.durations.merge(&other.durations);
    }
}

impl EdgeCounters {
    /// Adds a window's.
    pub fn add(&mut self, edge: &EdgeSummary) {
        self.weight = self.weight.saturating_add(edge.weight);
        self.failed_weight = self.failed_weight.saturating_add(edge.failed_weight);
        self.caller.add(&edge.caller);
        self.callee.add(&edge.callee);
    }

    /// Adds another part's.
    pub fn merge(&mut self, other: &Self) {
        self.weight = self.weight.saturating_add(other.weight);
        self.failed_weight = self.failed_weight.saturating_add(other.failed_weight);
        self.caller.merge(&other.caller);
        self.callee.merge(&other.callee);
    }
}

impl SiteCounters {
    /// Adds a window's.
    pub fn add(&mut self, site: &SiteSummary) {
        self.visits = self.visits.saturating_add(site.visits);
        self.failed = self.failed.saturating_add(site.failed);
        self.durations.add(&site.durations);
    }

    /// Adds another part's.
    pub fn merge(&mut self, other: &Self) {
        self.visits = self.visits.saturating_add(other.visits);
        self.failed = self.failed.saturating_add(other.failed);
        self.durations.merge(&other.durations);
    }
}
