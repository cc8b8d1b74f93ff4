//! Whether this process records: set by `builder`, ended by the guard, by a fork and by nothing else. And whether it was
//! forked from one that did.

use std::sync::atomic::{AtomicBool, Ordering};

static ACTIVE: AtomicBool = AtomicBool::new(false);
static FORKED: AtomicBool = AtomicBool::new(false);

/// Whether traces may begin.
#[inline]
pub(crate) fn active() -> bool {
    ACTIVE.load(Ordering::Relaxed)
}

pub(crate) fn set_active(active: bool) {
    ACTIVE.store(active, Ordering::Relaxed);
}

/// Whether this process was forked from one that had been initialised: the SDK's threads are not here, its locks may be
/// held for ever by threads that are not here, and what it counted is the parent's.
pub(crate) fn forked() -> bool {
    FORKED.load(Ordering::Relaxed)
}

/// In the new process.
pub(crate) fn set_forked() {
    set_active(false);
    FORKED.store(true, Ordering::Relaxed);
}
