//! Whether this process records: set by `builder`, ended by the guard, by a fork and by nothing else.

use std::sync::atomic::{AtomicBool, Ordering};

static ACTIVE: AtomicBool = AtomicBool::new(false);

/// Whether traces may begin.
#[inline]
pub(crate) fn active() -> bool {
    ACTIVE.load(Ordering::Relaxed)
}

pub(crate) fn set_active(active: bool) {
    ACTIVE.store(active, Ordering::Relaxed);
}
