//! What became of every span that was offered: `offered + recovered = delivered + dropped(reason) +
//! on disk + on the way`, exactly. And what is said of it, once each, on standard error.

use super::Signal;
use super::parcel::Parcel;
use crate::stats::DropReason;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// A reading, in spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Given to the transport.
    pub offered: u64,
    /// Found on disk, left by a process before this one.
    pub recovered: u64,
    /// Acknowledged by a Redis or a collector.
    pub delivered: u64,
    /// By [`DropReason`].
    dropped: [u64; DropReason::ALL.len()],
    /// Kept on disk for a better time.
    pub on_disk: u64,
    /// Requests of metrics that were acknowledged.
    pub metrics_delivered: u64,
    /// Requests of metrics that were given up.
    pub metrics_dropped: u64,
    /// Tries that failed, metrics included.
    pub retries: u64,
}

impl Delivery {
    /// Given up, for any reason.
    pub fn dropped(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// Given up for one reason.
    pub fn dropped_for(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    /// This and what another transport of the process did.
    pub(crate) fn plus(mut self, other: &Self) -> Self {
        for (to, from) in self.dropped.iter_mut().zip(other.dropped) {
            *to += from;
        }
        self.offered += other.offered;
        self.recovered += other.recovered;
        self.delivered += other.delivered;
        self.on_disk += other.on_disk;
        self.metrics_delivered += other.metrics_delivered;
        self.metrics_dropped += other.metrics_dropped;
        self.retries += other.retries;
        self
    }

    /// Neither at an end nor on disk.
    pub fn on_the_way(&self) -> u64 {
        let ended = self.delivered + self.dropped() + self.on_disk;
        (self.offered + self.recovered).saturating_sub(ended)
    }
}

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct Account {
    offered: AtomicU64,
    recovered: AtomicU64,
    delivered: AtomicU64,
    dropped: [AtomicU64; DropReason::ALL.len()],
    on_disk: AtomicU64,
    metrics_delivered: AtomicU64,
    metrics_dropped: AtomicU64,
    retries: AtomicU64,
}

impl Account {
    pub fn offered(&self, spans: u64) {
        self.offered.fetch_add(spans, Ordering::Relaxed);
    }

    /// An offer was not taken after all.
    pub fn not_offered(&self, spans: u64) {
        self.offered.fetch_sub(spans, Ordering::Relaxed);
    }

    pub fn recovered(&self, spans: u64) {
        self.recovered.fetch_add(spans, Ordering::Relaxed);
    }

    /// A request was taken, but for so many of its spans.
    pub fn taken(&self, parcel: &Parcel, rejected: u64) {
        match parcel.signal {
            Signal::Traces => {
                let spans = u64::from(parcel.items);
                let rejected = rejected.min(spans);
                self.delivered.fetch_add(spans - rejected, Ordering::Relaxed);
                self.dropped(DropReason::Rejected, rejected);
            }
            Signal::Metrics => {
                self.metrics_delivered.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// A request was given up.
    pub fn given_up(&self, parcel: &Parcel, reason: DropReason) {
        match parcel.signal {
            Signal::Traces => self.dropped(reason, parcel.items.into()),
            Signal::Metrics => {
                self.metrics_dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub fn dropped(&self, reason: DropReason, spans: u64) {
        self.dropped[reason as usize].fetch_add(spans, Ordering::Relaxed);
    }

    pub fn on_disk(&self, spans: u64) {
        self.on_disk.store(spans, Ordering::Relaxed);
    }

    pub fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub fn read(&self) -> Delivery {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Delivery {
            offered: get(&self.offered),
            recovered: get(&self.recovered),
            delivered: get(&self.delivered),
            dropped: std::array::from_fn(|i| get(&self.dropped[i])),
            on_disk: get(&self.on_disk),
            metrics_delivered: get(&self.metrics_delivered),
            metrics_dropped: get(&self.metrics_dropped),
            retries: get(&self.retries),
        }
    }
}

/// Speaks on standard error, each kind of thing once.
#[derive(Debug, Default)]
pub(crate) struct Voice {
    pub quiet: bool,
    said: Mutex<Vec<&'static str>>,
}

impl Voice {
    /// A voice, or silence.
    pub fn new(quiet: bool) -> Self {
        Self { quiet, said: Mutex::default() }
    }

    /// One line for the first thing of its kind.
    pub fn once(&self, kind: &'static str, line: impl FnOnce() -> String) {
        let Ok(mut said) = self.said.lock() else { return };
        if !said.contains(&kind) {
            said.push(kind);
            drop(said);
            if !self.quiet {
                crate::env::warn(&line());
            }
        }
    }
}

/// Foreign text fit for a terminal: one line, no control characters, not long.
pub(crate) fn tame(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_stand_where_they_are_counted() {
        let account = Account::default();
        account.offered(10);
        account.on_disk(1);
        for (i, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, i);
            account.dropped(reason, 1);
        }
        let read = account.read();
        assert_eq!((read.dropped(), read.on_the_way()), (8, 1));
        assert_eq!(read.dropped_for(DropReason::TooLarge), 1);
        assert_eq!(tame("a\u{1b}[31m\nb"), "a[31mb");
    }
}
