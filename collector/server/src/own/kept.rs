//! Counters of what is kept: journal, checkpoints, and what came before.
//!
//! Journal sizes and what came before are read when somebody scrapes; the rest is counted as it happens.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, Registry};

/// Upper bounds of commit times, seconds.
const COMMIT: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];

/// The counters.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Bytes of the journal on the disk.
    pub journal_bytes: IntGauge,
    /// Its segments.
    pub journal_segments: IntGauge,
    /// Age of the oldest, seconds.
    pub journal_oldest: IntGauge,
    /// Time of a group's write and sync.
    pub commit_seconds: Histogram,
    /// Writes and syncs of the journal that failed.
    pub journal_errors: IntCounter,
    /// Files that ended within an entry, or places that could not be read.
    pub torn: IntCounter,
    /// Entries read again at the start.
    pub replayed: IntCounter,
    /// Checkpoints written.
    pub checkpoints: IntCounter,
    /// Checkpoints that could not be written or read.
    pub checkpoint_errors: IntCounter,
    /// Bytes of the latest.
    pub checkpoint_bytes: IntGauge,
    /// Batches and requests that had been here.
    pub duplicates: IntCounter,
    /// Batches older than their window.
    pub stale: IntCounter,
    /// Sequences that never came.
    pub missing: IntCounter,
    /// Sequences that have not come and still may.
    pub awaited: IntGauge,
    /// Windows of producers that made room for others.
    pub forgotten: IntCounter,
    /// How far back requests without a number are recognised, seconds; -1 = all there have been.
    pub reach: IntGauge,
}

impl Kept {
    /// Registers everything.
    ///
    /// # Errors
    /// When two metrics have one name: a fault of this program.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| {
            let c = IntCounter::new(name, help)?;
            registry.register(Box::new(c.clone()))?;
            Ok::<_, prometheus::Error>(c)
        };
        let gauge = |name: &str, help: &str| {
            let g = IntGauge::new(name, help)?;
            registry.register(Box::new(g.clone()))?;
            Ok::<_, prometheus::Error>(g)
        };
        let times = HistogramOpts::new(
            "longpole_journal_commit_seconds",
            "Time of a group's write and sync, seconds.",
        );
        let commit_seconds = Histogram::with_opts(times.buckets(COMMIT.to_vec()))?;
        registry.register(Box::new(commit_seconds.clone()))?;
        Ok(Self {
            journal_bytes: gauge("longpole_journal_bytes", "Bytes of the journal on the disk.")?,
            journal_segments: gauge("longpole_journal_segments", "Segments of the journal.")?,
            journal_oldest: gauge(
                "longpole_journal_oldest_seconds",
                "Age of the journal's oldest segment, seconds.",
            )?,
            commit_seconds,
            journal_errors: counter(
                "longpole_journal_errors_total",
                "Writes and syncs of the journal that failed.",
            )?,
            torn: counter(
                "longpole_journal_torn_total",
                "Places of the journal that could not be read.",
            )?,
            replayed: counter(
                "longpole_journal_replayed_entries_total",
                "Entries of the journal read again at the start.",
            )?,
            checkpoints: counter("longpole_checkpoints_total", "Checkpoints written.")?,
            checkpoint_errors: counter(
                "longpole_checkpoint_errors_total",
                "Checkpoints that could not be written or read.",
            )?,
            checkpoint_bytes: gauge(
                "longpole_checkpoint_bytes",
                "Bytes of the latest checkpoint.",
            )?,
            duplicates: counter(
                "longpole_duplicate_batches_total",
                "Batches and requests that had been here: acknowledged, not added.",
            )?,
            stale: counter(
                "longpole_stale_sequence_total",
                "Batches whose sequence is older than their producer's window: refused.",
            )?,
            missing: counter(
                "longpole_missing_sequences_total",
                "Sequences of producers that never came.",
            )?,
            awaited: gauge(
                "longpole_awaited_sequences",
                "Sequences of producers that have not come and still may.",
            )?,
            forgotten: counter(
                "longpole_forgotten_producers_total",
                "Sequence windows that made room for others.",
            )?,
            reach: gauge(
                "longpole_fingerprint_reach_seconds",
                "How far back requests without a number are recognised; -1 = all there have been.",
            )?,
        })
    }
}

/// Brings a counter to what it was counted to elsewhere.
pub fn catch_up(counter: &IntCounter, to: u64) {
    counter.inc_by(to.saturating_sub(counter.get()));
}
