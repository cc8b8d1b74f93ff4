//! The quick diagnosis of a recording: candidates, best first, without investigations around them.

use super::{Attribution, Bottleneck, Handoff, Regression, RuledOut, Worth};
use crate::signal::{Tally, Window};

/// One answer to "who is it and what kind is it".
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Culprit, kind, confidence and evidence.
    pub bottleneck: Bottleneck,
    /// Who gets it; `None` where nothing is to be handed on.
    pub handoff: Option<Handoff>,
    /// What it is worth; `None` where nothing says.
    pub worth: Option<Worth>,
}

/// What a comparison of two stretches of one recording says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnosis {
    /// Best first; empty, or first of kind none, when nothing is wrong.
    pub candidates: Vec<Candidate>,
    /// Compared stretches: baseline and window.
    pub baseline: Window,
    /// Compared stretches: baseline and window.
    pub window: Window,
    /// Whose time it is, per entry operation that changed most.
    pub attributions: Vec<Attribution>,
    /// What got worse.
    pub regressions: Vec<Regression>,
    /// Kinds and culprits considered for the recording as a whole and ruled out.
    pub ruled_out: Vec<RuledOut>,
    /// Whether the recording ended before the finding could be confirmed.
    pub unconfirmed: bool,
    /// Counters.
    pub tally: Tally,
}
