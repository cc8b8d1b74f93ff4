//! The figures of one run, and of several: medians.

use serde_json::{Value, json};

/// One server under one load, once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Run {
    /// Spans acknowledged in the measured time.
    pub spans: u64,
    /// Requests that were timed.
    pub requests: u64,
    /// Answers that were not OK, in the whole run.
    pub refused: u64,
    /// Seconds after the last answer until the collector's account held all of it: what was
    /// acknowledged and not yet worked off.
    pub drained: f64,
    /// Share of the acknowledged spans that only RED saw, for want of room: work that was not done.
    pub shed: f64,
    /// Seconds measured.
    pub seconds: f64,
    /// CPU seconds that the server took in them.
    pub cpu: f64,
    /// Peak resident memory, MiB.
    pub peak_mib: f64,
    /// Milliseconds to the answer: median, p99, p99.9.
    pub ack_ms: [f64; 3],
    /// Distinct operations and bytes a span of the load.
    pub operations: u64,
    pub bytes_per_span: f64,
}

impl Run {
    /// Spans a CPU-second.
    pub fn per_cpu_second(&self) -> f64 {
        self.spans as f64 / self.cpu
    }

    /// CPU microseconds a span.
    pub fn micros(&self) -> f64 {
        self.cpu * 1e6 / self.spans as f64
    }

    /// Spans a second.
    pub fn per_second(&self) -> f64 {
        self.spans as f64 / self.seconds
    }

    /// Share of a core that the server took.
    pub fn busy(&self) -> f64 {
        self.cpu / self.seconds
    }

    /// All of it.
    pub fn json(&self) -> Value {
        json!({
            "spans": self.spans,
            "requests": self.requests,
            "refused": self.refused,
            "drained_seconds": self.drained,
            "shed_share": self.shed,
            "seconds": self.seconds,
            "cpu_seconds": self.cpu,
            "spans_per_cpu_second": self.per_cpu_second(),
            "cpu_us_per_span": self.micros(),
            "spans_per_second": self.per_second(),
            "cores": self.busy(),
            "peak_rss_mib": self.peak_mib,
            "ack_ms": { "p50": self.ack_ms[0], "p99": self.ack_ms[1], "p999": self.ack_ms[2] },
            "operations": self.operations,
            "bytes_per_span": self.bytes_per_span,
        })
    }
}

/// The median; of an even number, the mean of the middle two. Not a number where there is none.
pub fn median(of: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = of.collect();
    all.sort_by(f64::total_cmp);
    let at = |i: usize| all.get(i).copied().unwrap_or(f64::NAN);
    match all.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => at(n / 2),
        n => f64::midpoint(at(n / 2 - 1), at(n / 2)),
    }
}
