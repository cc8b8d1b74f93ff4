//! What a series was like: a decayed histogram.

use super::slow_limit;
use longpole_model::signal::{Sketch, bucket_high, bucket_of};

/// Windows weighted by age, bucket by bucket.
#[derive(Clone, Debug, Default)]
pub(super) struct Reference {
    /// Ascending by bucket.
    buckets: Vec<(u16, f64)>,
    /// Their sum.
    total: f64,
    requests: f64,
    failures: f64,
    windows: usize,
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

    /// Learns a window.
    pub(super) fn learn(&mut self, window: &Sketch, n: u64, failed: u64, decay: f64) {
        let mut merged = Vec::with_capacity(self.buckets.len() + 16);
        let mut old = self.buckets.iter().map(|(id, w)| (*id, w * decay)).peekable();
        window.for_each(|id, weight| {
            while let Some(row) = old.next_if(|(o, _)| *o < id) {
                merged.push(row);
            }
            let kept = old.next_if(|(o, _)| *o == id).map_or(0.0, |(_, w)| w);
            merged.push((id, kept + weight as f64 / 65_536.0));
        });
        merged.extend(old);
        let total: f64 = merged.iter().map(|(_, w)| w).sum();
        merged.retain(|(_, w)| *w > total * FORGET);
        self.total = merged.iter().map(|(_, w)| w).sum();
        self.buckets = merged;
        self.requests = self.requests * decay + n as f64;
        self.failures = self.failures * decay + failed as f64;
        self.windows += 1;
    }

    /// The limit above which a request counts as slow (the quantile plus a margin), in nanoseconds,
    /// and the share of the reference itself that lies above it; below a fifth of what the quantile
    /// leaves it is not trusted.
    pub(super) fn above(&self, quantile: f64) -> (u64, f64) {
        let total = self.total;
        let mut below = 0.0;
        let mut limit = 0;
        for (id, w) in &self.buckets {
            below += w;
            if below >= quantile * total {
                limit = slow_limit(bucket_high(*id));
                break;
            }
        }
        let edge = self.buckets.partition_point(|(id, _)| *id <= bucket_of(limit));
        let above: f64 = self.buckets[edge..].iter().map(|(_, w)| w).sum();
        (limit, (above / total.max(1e-12)).max(0.2 * (1.0 - quantile)))
    }

    /// Expected share of failures: the mean of a Beta posterior.
    pub(super) fn failure_share(&self) -> f64 {
        (self.failures + PRIOR.0) / (self.requests + PRIOR.1)
    }
}
