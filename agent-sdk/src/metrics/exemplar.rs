//! Exemplars: single values with the trace they were recorded in.

use crate::clock::now;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exemplar {
    pub value: f64,
    pub at: u64,
    pub trace: Option<([u8; 16], [u8; 8])>,
}

/// `OTEL_METRICS_EXEMPLAR_FILTER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Filter {
    /// Only within a trace that is recorded (the default).
    TraceBased = 0,
    /// Any value.
    AlwaysOn = 1,
    /// None.
    AlwaysOff = 2,
}

impl Filter {
    /// By the specification's names.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "trace_based" => Some(Self::TraceBased),
            "always_on" => Some(Self::AlwaysOn),
            "always_off" => Some(Self::AlwaysOff),
            _ => None,
        }
    }
}

static FILTER: AtomicU8 = AtomicU8::new(Filter::TraceBased as u8);

/// Sets which values may be exemplars.
pub(crate) fn set_filter(filter: Filter) {
    FILTER.store(filter as u8, Relaxed);
}

/// Whether a value that is recorded now may be an exemplar.
#[inline(always)]
pub(crate) fn wanted() -> bool {
    let filter = FILTER.load(Relaxed);
    filter == Filter::AlwaysOn as u8
        || filter == Filter::TraceBased as u8 && crate::local::sampled()
}

impl Exemplar {
    /// This value, if it may be one here.
    pub fn of(value: f64) -> Option<Self> {
        wanted().then(|| {
            let here = crate::current().filter(|c| c.sampled);
            Self { value, at: now(), trace: here.map(|c| (c.trace_id, c.span_id)) }
        })
    }
}
