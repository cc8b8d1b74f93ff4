//! What became of every span: `created + recovered = sent + dropped (all reasons) + on disk + queued`, exactly.
//!
//! What the host's threads count lies in their rings (`ring`), what became of batches is the transport's
//! (`transport/account`); both are summed up here.

use crate::ring::registry;
use crate::transport::Delivery;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Why a span was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// Its thread's ring was full; the newest gives way.
    RingFull,
    /// Its thread had no ring: all together would have been too large, or the thread was ending.
    NoRing,
    /// A collector took the request and rejected the span (partial success).
    Rejected,
    /// A collector refused the whole request for good (such as 400 or 413).
    Refused,
    /// The spill on disk was full.
    SpillFull,
    /// The spill's disk failed, or gave back what is no request.
    SpillFailed,
    /// Its request is larger than the only road takes.
    TooLarge,
    /// It ended after shutdown, or shutdown's deadline passed first.
    Shutdown,
}

impl DropReason {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::RingFull,
        Self::NoRing,
        Self::Rejected,
        Self::Refused,
        Self::SpillFull,
        Self::SpillFailed,
        Self::TooLarge,
        Self::Shutdown,
    ];

    /// Its name, as in `sdk.dropped{reason}`.
    pub fn name(self) -> &'static str {
        match self {
            Self::RingFull => "ring_full",
            Self::NoRing => "no_ring",
            Self::Rejected => "rejected",
            Self::Refused => "refused",
            Self::SpillFull => "spill_full",
            Self::SpillFailed => "spill_failed",
            Self::TooLarge => "too_large",
            Self::Shutdown => "shutdown",
        }
    }
}

/// A reading of the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Recorded spans that ended.
    pub created: u64,
    /// Found on disk, left there by a process before this one.
    pub recovered: u64,
    /// Acknowledged by a Redis or a collector.
    pub sent: u64,
    dropped: [u64; DropReason::ALL.len()],
    /// Kept on disk for a better time, which may be another process's.
    pub on_disk: u64,
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

/// Spans that the drain could hand to nobody at the end.
static UNSENT: AtomicU64 = AtomicU64::new(0);

/// Counts them.
pub(crate) fn unsent(spans: u64) {
    UNSENT.fetch_add(spans, Ordering::Relaxed);
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

/// A drain begins: what rings turned away until now was lost to the shutdown before.
pub(crate) fn drain_begins() {
    look(false);
}

/// The drain has ended: what rings turn away from now on is lost to the shutdown.
pub(crate) fn drain_ended() {
    look(true);
}

/// A reading, given whether a drain is running and what the transport says, which must have been asked before:
/// so nothing is sent before it is created.
pub(crate) fn read(running: bool, delivery: &Delivery) -> Stats {
    let unsent = UNSENT.load(Ordering::Relaxed);
    let without = registry::dropped_without();
    let (created, full, late) = look(running);
    let dropped = |reason: DropReason| {
        delivery.dropped_for(reason)
            + match reason {
                DropReason::RingFull => full,
                DropReason::NoRing => without,
                DropReason::Shutdown => unsent + late,
                _ => 0,
            }
    };
    let mut stats = Stats {
        created: created + without,
        recovered: delivery.recovered,
        sent: delivery.delivered,
        dropped: DropReason::ALL.map(dropped),
        on_disk: delivery.on_disk,
        queued: 0,
    };
    let ended = stats.sent + stats.dropped() + stats.on_disk;
    stats.queued = (stats.created + stats.recovered).saturating_sub(ended);
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
