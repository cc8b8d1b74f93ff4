//! The verb *detect*: does this series behave unlike itself?
//!
//! Live series from histograms ([`live`], read as [`counts`]), plain values ([`values`]), whole histories
//! ([`history`]), before against after ([`gate`]), and the A/A test that keeps them honest
//! ([`placebo`]). Numbers in, verdicts with their numbers out: nothing here knows an operation or a
//! service.

pub mod counts;
pub mod gate;
pub mod history;
pub mod live;
pub mod placebo;
pub mod rate;
pub mod values;
