//! Rates of single operations, settable while the program runs: by the name of their root spans.

use super::rate_of;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Operations with a rate of their own, at most.
const MOST: usize = 2_000;

static RATES: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());
static ANY: AtomicBool = AtomicBool::new(false);

fn rates() -> MutexGuard<'static, BTreeMap<String, u64>> {
    RATES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets the share, 0 to 1, of traces that are recorded of those that begin with a span of this name;
/// `None` takes that back. Where parents decide it holds for roots only. `false` when too many operations
/// have one already.
pub fn set_rate(operation: &str, share: Option<f64>) -> bool {
    put(operation, share.map(rate_of))
}

/// As [`set_rate`], with what [`of`] gave.
pub(crate) fn put(operation: &str, rate: Option<u64>) -> bool {
    let rate = {
        let mut rates = rates();
        match rate {
            Some(_) if rates.len() >= MOST && !rates.contains_key(operation) => return false,
            Some(rate) => {
                rates.insert(operation.to_owned(), rate);
            }
            None => {
                rates.remove(operation);
            }
        }
        ANY.store(!rates.is_empty(), Ordering::Relaxed);
        rates.get(operation).copied()
    };
    // Not under the lock: a site that registers meanwhile asks for its rate.
    let rate = rate.unwrap_or(crate::site::NO_RATE);
    crate::site::each_named(operation, |site| site.set_rate(rate));
    true
}

/// Whether any operation has a rate of its own.
pub(crate) fn any() -> bool {
    ANY.load(Ordering::Relaxed)
}

/// The rate that was set for a name.
pub(crate) fn of(operation: &str) -> Option<u64> {
    if any() { rates().get(operation).copied() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::{Kind, NO_RATE, Site};

    #[test]
    fn a_rate_reaches_sites_before_and_after_their_first_span() {
        static BEFORE: Site = Site::new("rates.test", Kind::Internal, "x.rs", 1, &[], &[]);
        static AFTER: Site = Site::new("rates.test", Kind::Internal, "x.rs", 2, &[], &[]);
        assert_eq!(BEFORE.rate(), NO_RATE);
        assert!(set_rate("rates.test", Some(0.5)));
        assert_eq!((BEFORE.rate(), AFTER.rate()), (rate_of(0.5), rate_of(0.5)));
        assert!(set_rate("rates.test", None));
        assert_eq!((BEFORE.rate(), AFTER.rate()), (NO_RATE, NO_RATE));
    }
}
