//! Whole marks: those that carry what is open, so that the journal before them can go at once.
//!
//! An ordinary mark is used when nothing before it counts any more, minutes later. That is too late for a
//! journal that nears its cap: then a whole one is laid, one at a time, and soon again where it did not
//! help. Who takes part holds a [`Turn`]; when the last one lets go of it the next may be laid.

use longpole_core::limits::Limits;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Two are laid at least this far apart.
const APART: Duration = Duration::from_secs(1);
/// Of the bytes that open spans may take, the part that a mark may carry: what it takes in memory, it
/// takes twice (as it is, and as it is written).
const SHARE: usize = 4;

/// Bytes of open spans that one of `shards` may put into a mark. More is waited out: spans settle.
pub fn most(limits: &Limits, shards: u32) -> usize {
    limits.open_spans.saturating_mul(64) / SHARE / shards.max(1) as usize
}

#[derive(Debug, Default)]
struct Shared {
    taken: AtomicBool,
    urgent: AtomicBool,
}

/// Whose turn it is.
#[derive(Debug, Default)]
pub struct Turns {
    shared: Arc<Shared>,
    next: Option<Instant>,
}

/// The right to lay a whole mark and make a checkpoint of it.
#[derive(Debug)]
pub struct Turn(Arc<Shared>);

impl Turns {
    /// A turn, where nobody has one and the last was some time ago. `urgent`: nothing is taken until the
    /// journal has room.
    pub fn take(&mut self, urgent: bool, now: Instant) -> Option<Turn> {
        self.shared.urgent.store(urgent, Ordering::Release);
        if self.next.is_some_and(|next| now < next)
            || self.shared.taken.swap(true, Ordering::AcqRel)
        {
            return None;
        }
        self.next = Some(now + APART);
        Some(Turn(Arc::clone(&self.shared)))
    }
}

impl Turn {
    /// Whether requests are refused until it is over.
    pub fn is_urgent(&self) -> bool {
        self.0.urgent.load(Ordering::Acquire)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.taken.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_not_too_often() {
        let (mut turns, began) = (Turns::default(), Instant::now());
        let first = turns.take(false, began).expect("nobody has it");
        assert!(turns.take(true, began + 2 * APART).is_none(), "it is taken");
        assert!(first.is_urgent(), "it has become so");
        drop(first);
        assert!(turns.take(false, began + APART / 2).is_none(), "too soon");
        let second = turns.take(false, began + APART).expect("it is free");
        assert!(!second.is_urgent());
    }
}
