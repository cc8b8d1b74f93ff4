//! All rings of the process: given to threads, taken back when they have ended, bounded in all.
//!
//! The lock is held when a thread records its first span, when it ends, and for each pass of the drain's
//! list; never for a span.

use super::{Ring, SITES};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Words of a ring, and of all together.
static WORDS: AtomicUsize = AtomicUsize::new(64 << 10);
static CAP: AtomicUsize = AtomicUsize::new(8 << 20);
/// Spans of threads that could not have a ring.
static WITHOUT: AtomicU64 = AtomicU64::new(0);

static RINGS: Mutex<Rings> = Mutex::new(Rings { all: Vec::new(), free: Vec::new(), words: 0 });

struct Rings {
    /// They live as long as the process: a thread keeps a plain reference, and there is nothing to count.
    all: Vec<&'static Ring>,
    free: Vec<&'static Ring>,
    words: usize,
}

fn rings() -> MutexGuard<'static, Rings> {
    RINGS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets the bytes of rings that are made from now on, and of all together.
pub(crate) fn configure(bytes: usize, cap: usize) {
    let words = (bytes / 8).next_power_of_two().max(2 * crate::record::LONGEST);
    WORDS.store(words, Ordering::Relaxed);
    CAP.store((cap / 8).max(words), Ordering::Relaxed);
}

/// A ring for a thread; `None` when the cap is reached.
pub(crate) fn claim() -> Option<&'static Ring> {
    let words = WORDS.load(Ordering::Relaxed);
    let mut rings = rings();
    let fits = rings.free.iter().rposition(|r| r.capacity() == words as u64);
    if let Some(at) = fits {
        let ring = rings.free.swap_remove(at);
        // Under the lock: `list` would take it for free again, and a second thread would write in it.
        ring.come();
        return Some(ring);
    }
    if rings.words + words > CAP.load(Ordering::Relaxed) {
        return None;
    }
    let ring: &'static Ring = Box::leak(Box::new(Ring::new(words)));
    rings.words += words;
    rings.all.push(ring);
    Some(ring)
}

/// Counts a span whose thread has no ring.
#[cold]
pub(crate) fn without() {
    WITHOUT.fetch_add(1, Ordering::Relaxed);
}

/// Spans that were dropped since their threads had no ring.
pub(crate) fn dropped_without() -> u64 {
    WITHOUT.load(Ordering::Relaxed)
}

/// All rings; those whose threads have ended and which were read to the end become free.
pub(crate) fn list(into: &mut Vec<&'static Ring>) {
    let mut rings = rings();
    into.clear();
    into.extend(&rings.all);
    for ring in into.iter().copied() {
        if ring.is_free() && !rings.free.iter().any(|free| std::ptr::eq(*free, ring)) {
            rings.free.push(ring);
        }
    }
}

/// Spans that ended, and those of them that found their ring full.
pub(crate) fn counts() -> (u64, u64) {
    let rings = rings();
    let sum = |of: fn(&Ring) -> u64| rings.all.iter().map(|r| of(r)).sum::<u64>();
    // Dropped first: what is dropped in between is then at least created.
    let dropped = sum(Ring::dropped);
    (sum(Ring::created), dropped)
}

/// Spans that found their ring full, by call site (an index below [`SITES`]).
pub(crate) fn dropped_by_site() -> Vec<(usize, u64)> {
    let rings = rings();
    let at = |site| rings.all.iter().map(|r| u64::from(r.dropped_at(site))).sum::<u64>();
    (0..SITES).map(|site| (site, at(site))).filter(|(_, n)| *n > 0).collect()
}

/// Bytes of all rings.
pub(crate) fn bytes() -> usize {
    rings().words * 8
}
