//! What became of every span: `created = sent + dropped (all reasons) + queued`, exactly.
//!
//! What the host's threads count lies in their rings (`ring`) and is summed up here; what the drain and the
//! sender count are a few atomics.

use crate::ring::registry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Why a span was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// Its thread's ring was full; the newest gives way.
    RingFull,
    /// Its thread had no ring: all together would have been too large, or the thread was ending.
    NoRing,
    /// The collector took the request and rejected the span, or refused the request for good.
    Refused,
    /// It ended after shutdown, or shutdown's deadline passed first.
    Shutdown,
}

impl DropReason {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::RingFull, Self::NoRing, Self::Refused, Self::Shutdown];

    /// Its name, as in `sdk.dropped{reason}`.
    pub fn name(self) -> &'static str {
        match self {
            Self::RingFull => "ring_full",
            Self::NoRing => "no_ring",
            Self::Refused => "refused",
            Self::Shutdown => "shutdown",
        }
    }
}

/// A reading of the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Recorded spans that ended.
    pub created: u64,
    /// Accepted by the collector.
    pub sent: u64,
    dropped: [u64; DropReason::ALL.len()],
    /// Still waiting or on their way.
    pub queued: u64,
}

impl Stats {
    /// Dropped for any reason.
    pub fn dropped(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// Dropped for one.
    pub fn dropped_for(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }
}

/// What the drain and the sender count.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    sent: AtomicU64,
    refused: AtomicU64,
    unsent: AtomicU64,
}

static COUNTERS: Counters =
    Counters { sent: AtomicU64::new(0), refused: AtomicU64::new(0), unsent: AtomicU64::new(0) };

/// The process's.
pub(crate) fn counters() -> &'static Counters {
    &COUNTERS
}

impl Counters {
    /// Accepted by the collector.
    pub(crate) fn sent(&self, spans: u64) {
        self.sent.fetch_add(spans, Ordering::Relaxed);
    }
    /// Refused for good.
    pub(crate) fn refused(&self, spans: u64) {
        self.refused.fetch_add(spans, Ordering::Relaxed);
    }
    /// Still there at the end.
    pub(crate) fn unsent(&self, spans: u64) {
        self.unsent.fetch_add(spans, Ordering::Relaxed);
    }
}

/// Spans that found their rings full, told apart by whether somebody still read the rings then.
#[derive(Debug)]
struct Full {
    seen: u64,
    while_running: u64,
    afterwards: u64,
}

static FULL: Mutex<Full> = Mutex::new(Full { seen: 0, while_running: 0, afterwards: 0 });

/// Looks at the rings' counters: `(created, found full while running, found full afterwards)`.
fn look(running: bool) -> (u64, u64, u64) {
    let mut full = FULL.lock().unwrap_or_else(PoisonError::into_inner);
    let (created, dropped) = registry::counts();
    let fresh = dropped - full.seen;
    full.seen = dropped;
    if running {
        full.while_running += fresh;
    } else {
        full.afterwards += fresh;
    }
    (created, full.while_running, full.afterwards)
}

/// The drain has ended: what rings turn away from now on is lost to the shutdown.
pub(crate) fn drain_ended() {
    look(true);
}

/// A reading, given whether a drain is running.
pub(crate) fn read(running: bool) -> Stats {
    let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    // First what spans become, then how many there were: so nothing is sent before it is created.
    let (sent, refused, unsent) =
        (get(&COUNTERS.sent), get(&COUNTERS.refused), get(&COUNTERS.unsent));
    let without = registry::dropped_without();
    let (created, full, late) = look(running);
    let mut stats = Stats {
        created: created + without,
        sent,
        dropped: [full, without, refused, unsent + late],
        queued: 0,
    };
    stats.queued = stats.created.saturating_sub(stats.sent + stats.dropped());
    stats
}

/// Spans that found their thread's ring full, by the name of their call site, most first: whom to look at when
/// [`DropReason::RingFull`] is not zero. The first thousand call sites are told apart.
pub fn dropped_by_call_site() -> Vec<(&'static str, u64)> {
    let mut all: Vec<(&'static str, u64)> = registry::dropped_by_site()
        .into_iter()
        .map(|(site, spans)| {
            let known = u32::try_from(site).ok().filter(|_| site + 1 < crate::ring::SITES);
            let name = known.and_then(crate::site::get).map_or("(other call sites)", |s| s.name);
            (name, spans)
        })
        .collect();
    all.sort_by_key(|(name, spans)| (std::cmp::Reverse(*spans), *name));
    all
}
