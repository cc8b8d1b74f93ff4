//! What a series was like: a decayed histogram.

use super::{QUANTILES, slow_limit};
use crate::detect::counts::{Counts, Scratch};
use serde::{Deserialize, Serialize};

/// Windows put together: their durations, requests, failures, and how many they are.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) counts: Counts,
    pub(super) requests: u64,
    pub(super) failures: u64,
    pub(super) windows: usize,
}

impl Part {
    /// Adds a window.
    pub(super) fn add(
        &mut self,
        counts: &Counts,
        (requests, failures): (u64, u64),
        scratch: &mut Scratch,
    ) {
        self.counts.merge(counts, scratch);
        self.requests += requests;
        self.failures += failures;
        self.windows += 1;
    }

    /// Becomes empty; the memory stays, since the next window is soon there.
    pub(super) fn emptied(mut self) -> Self {
        self.counts.clear();
        Self { counts: self.counts, ..Self::default() }
    }
}

/// Windows weighted by age.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Reference {
    counts: Counts,
    requests: f64,
    failures: f64,
    windows: usize,
    /// What [`Self::limits`] last said, until more is learnt: it learns once in several windows.
    #[serde(skip)]
    limits: Option<[(u64, f64); QUANTILES.len()]>,
}

/// Buckets below this share of the whole are forgotten: they decayed away.
const FORGET: f64 = 1e-6;
/// Prior of the failure share: half a failure in a hundred requests.
const PRIOR: (f64, f64) = (0.5, 100.0);

impl Reference {
    /// Windows learnt.
    pub(super) fn windows(&self) -> usize {
        self.windows
    }

    /// Learns some windows; what it knows counts for `decay` of what it did, once for each of them.
    pub(super) fn learn(&mut self, part: &Part, decay: f64, scratch: &mut Scratch) {
        let decay = decay.powi(i32::try_from(part.windows).unwrap_or(i32::MAX));
        self.counts.decay(decay, FORGET);
        self.counts.merge(&part.counts, scratch);
        self.requests = self.requests * decay + part.requests as f64;
        self.failures = self.failures * decay + part.failures as f64;
        self.windows += part.windows;
        self.limits = None;
    }

    /// For each of [`QUANTILES`]: the limit above which a request counts as slow (the quantile plus
    /// a margin), in nanoseconds, and the share of the reference itself that lies above it; below a
    /// fifth of what the quantile leaves it is not trusted.
    pub(super) fn limits(&self) -> [(u64, f64); QUANTILES.len()] {
        self.limits.unwrap_or_else(|| {
            let mut at = self.counts.quantiles(QUANTILES).into_iter();
            QUANTILES.map(|quantile| {
                let limit = slow_limit(at.next().unwrap_or(0));
                (limit, self.counts.share_above(limit).max(0.2 * (1.0 - quantile)))
            })
        })
    }

    /// The same, remembered.
    pub(super) fn remember_limits(&mut self) -> [(u64, f64); QUANTILES.len()] {
        let limits = self.limits();
        self.limits = Some(limits);
        limits
    }

    /// Expected share of failures: the mean of a Beta posterior.
    pub(super) fn failure_share(&self) -> f64 {
        (self.failures + PRIOR.0) / (self.requests + PRIOR.1)
    }
}
