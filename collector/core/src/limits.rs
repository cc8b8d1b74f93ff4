//! Every cap of the core, in one struct. Each has a counter in the [`Tally`] that says when it bit.
//!
//! Byte and item limits of one request live at the doors.
//!
//! [`Tally`]: longpole_model::signal::Tally

use longpole_model::signal::SECOND;

/// Caps and times of the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Services; further ones share one overflow service (`overflow_spans`).
    pub services: usize,
    /// Operations per service; further ones share an overflow operation (`overflow_spans`).
    pub operations_per_service: usize,
    /// Operations in all (`overflow_spans`).
    pub operations: usize,
    /// Versions of a service live at a time; further ones count without a version.
    pub live_versions: usize,
    /// Metric series per service (`overflow_points`).
    pub series_per_service: usize,
    /// Metric series in all (`overflow_points`).
    pub series: usize,
    /// Rows of names that are known again by where they lie; of more those go that were not used for longest.
    pub names: usize,
    /// Bytes of requests between doors and shards; above it senders wait, then are refused.
    pub queue_bytes: usize,
    /// Bytes of requests that a log in memory holds; the oldest go first.
    pub log_bytes: usize,
    /// Open spans in all partitions; above it a hash-chosen, weighted share of traces is kept
    /// (`not_kept`). RED still sees every span.
    pub open_spans: usize,
    /// Path and site rows of one window and shard (`overflow_rows`).
    pub rows_per_window: usize,
    /// Error types per window (`overflow_rows`).
    pub faults_per_window: usize,
    /// Width of a window, nanoseconds.
    pub window: u64,
    /// How far the watermark stays behind the arrival stamp, nanoseconds.
    pub lateness: u64,
    /// A trace is settled this long after its last span arrived, nanoseconds.
    pub settle: u64,
    /// A trace is evaluated at the latest this long after its first span arrived, nanoseconds.
    pub horizon: u64,
    /// A span that ends further than this ahead of its arrival counts there (`skewed`).
    pub skew: u64,
    /// Closed windows kept at full resolution for analysis.
    pub history_windows: usize,
    /// Bytes of closed windows kept in all; above it they get coarse sooner, and the oldest go
    /// (`history_dropped`).
    pub history_bytes: usize,
    /// Investigations kept; the oldest resolved ones go first.
    pub investigations: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            services: 500,
            operations_per_service: 2_000,
            operations: 200_000,
            live_versions: 4,
            series_per_service: 5_000,
            series: 100_000,
            names: 100_000,
            queue_bytes: 128 << 20,
            log_bytes: 64 << 20,
            open_spans: 4_000_000,
            rows_per_window: 200_000,
            faults_per_window: 10_000,
            window: 10 * SECOND,
            lateness: 15 * SECOND,
            settle: 5 * SECOND,
            horizon: 60 * SECOND,
            skew: 5 * SECOND,
            history_windows: 720,
            history_bytes: 256 << 20,
            investigations: 1_000,
        }
    }
}
