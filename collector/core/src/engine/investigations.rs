//! The book of investigations: one cause is one investigation, from opening to certificate.
//!
//! Deterministic: ids and event keys are hashes of content, time is an argument, the order of the
//! findings of one tick does not matter. Names no verb: what was found comes in as a [`Finding`], and
//! who gets it and what it is worth was decided before. Delivers nothing: events go to the outbox.

mod book;
mod cause;
mod entry;
mod id;
mod modes;
mod outcome;

pub use book::Book;
pub use outcome::{Gain, Outcome, Progress, Refused};

use longpole_model::finding::{
    Attribution, Bottleneck, Change, ExemplarTrace, Handoff, Regression, Worth,
};
use longpole_model::signal::{SECOND, Timestamp, Window};

/// Assess within this time of opening, nanoseconds.
pub const ASSESS_WITHIN: u64 = 300 * SECOND;
/// Decide on a roll-back within this time of opening, nanoseconds.
pub const DECIDE_WITHIN: u64 = 900 * SECOND;
/// A cause that pauses for at most this long is still the same one, nanoseconds.
pub const PAUSE: u64 = 120 * SECOND;

/// What one tick has found on one cause.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Best first; the first is the verdict. Without one, or of kind none, nothing is opened.
    pub bottlenecks: Vec<Bottleneck>,
    /// What got worse, deepest culprit first.
    pub regressions: Vec<Regression>,
    /// Whose time it is.
    pub attributions: Vec<Attribution>,
    /// Who gets it.
    pub handoff: Option<Handoff>,
    /// What it is worth.
    pub worth: Option<Worth>,
    /// Change that falls on the onset.
    pub suspect: Option<Change>,
    /// Slow traces, by lowest hash.
    pub exemplars: Vec<ExemplarTrace>,
    /// Compared stretches: baseline and window.
    pub baseline: Window,
    /// Compared stretches: baseline and window.
    pub window: Window,
    /// First onset among the regressions.
    pub since: Timestamp,
    /// Share of requests hurt, 0 to 1.
    pub share_hurt: f64,
    /// Whether every regression still waits for confirmation.
    pub unconfirmed: bool,
}

#[cfg(test)]
mod tests;
