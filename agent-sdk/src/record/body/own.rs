//! What few spans have beside their items in the thread's stack, kept by threads for the next span that needs it.

use crate::local::Scope;
use std::cell::RefCell;
use std::sync::Arc;

/// Vectors that a thread keeps.
const SPARE: usize = 4;

/// What few spans have, so that the others stay small and have nothing to drop but an empty box.
#[derive(Debug, Default)]
pub(crate) struct Own {
    /// All of its words, when they do not lie in the stack.
    pub(super) words: Vec<u64>,
    /// Its foreign `tracestate`.
    pub(crate) text: Option<Arc<str>>,
    /// Where its thread was before it, when that was neither nowhere nor the span's parent.
    pub(crate) before: Option<Scope>,
}

thread_local! {
    // A span holds one pointer to it, not three words and two texts.
    #[allow(clippy::vec_box)]
    static SPARES: RefCell<Vec<Box<Own>>> = const { RefCell::new(Vec::new()) };
}

/// One that was kept, or a new one.
#[cold]
pub(super) fn spare() -> Box<Own> {
    let spare = SPARES.try_with(|s| s.try_borrow_mut().ok()?.pop()).ok().flatten();
    spare.unwrap_or_default()
}

/// Keeps one for the thread's next span that needs it.
#[cold]
pub(super) fn keep(mut own: Box<Own>) {
    own.words.clear();
    (own.text, own.before) = (None, None);
    let _ = SPARES.try_with(|spares| {
        if let Ok(mut spares) = spares.try_borrow_mut()
            && spares.len() < SPARE
        {
            spares.push(own);
        }
    });
}
