//! What a load counted: answers, and how long they took.

use super::Refused;
use hdrhistogram::Histogram;
use std::time::Duration;

/// Counts of a run.
pub struct Tally {
    /// Seconds of the measured time.
    pub seconds: f64,
    /// Spans acknowledged since the start, the end included.
    acknowledged: u64,
    /// Of them, within the measured time.
    measured: u64,
    /// Answers that were not OK.
    refused: u64,
    first: Option<String>,
    /// Nanoseconds from when a request was due (without a rate: sent) to its answer, of requests of
    /// the measured time.
    latencies: Option<Histogram<u64>>,
}

impl Default for Tally {
    fn default() -> Self {
        let (seconds, acknowledged, measured, refused) = (0.0, 0, 0, 0);
        Self { seconds, acknowledged, measured, refused, first: None, latencies: None }
    }
}

impl Tally {
    /// Nothing yet.
    pub fn new() -> Result<Self, String> {
        let latencies = Histogram::new_with_bounds(1_000, 120_000_000_000, 3);
        let latencies = latencies.map_err(|e| format!("no histogram: {e}"))?;
        Ok(Self { latencies: Some(latencies), ..Self::default() })
    }

    /// Counts an answer; `took` where it is timed, `counted` where it came in the measured time.
    pub fn answer(
        &mut self,
        spans: u64,
        answer: Result<(), Refused>,
        took: Option<Duration>,
        counted: bool,
    ) {
        if let Err(Refused { why, .. }) = answer {
            self.refused += 1;
            self.first.get_or_insert(why);
            return;
        }
        self.acknowledged += spans;
        self.measured += if counted { spans } else { 0 };
        if let (Some(latencies), Some(took)) = (&mut self.latencies, took) {
            latencies.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        }
    }

    /// As one object; times in milliseconds.
    pub fn json(&self) -> serde_json::Value {
        let of =
            |q: f64| self.latencies.as_ref().map_or(0, |l| l.value_at_quantile(q)) as f64 / 1e6;
        serde_json::json!({
            "seconds": self.seconds,
            "acknowledged": self.acknowledged,
            "measured": self.measured,
            "refused": self.refused,
            "first_refusal": self.first,
            "requests": self.latencies.as_ref().map_or(0, |l| l.len()),
            "ack_ms": { "p50": of(0.5), "p99": of(0.99), "p999": of(0.999) },
        })
    }
}
