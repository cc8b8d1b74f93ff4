//! What goes into a step of an investigation and what comes out of it.

use longpole_model::finding::{Event, Mode, Phase, Proof};
use longpole_model::signal::Window;

/// A step that is not possible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No such investigation.
    #[error("no investigation {0}")]
    Unknown(String),
    /// It is resolved.
    #[error("investigation {0} is resolved")]
    Resolved(String),
    /// The step belongs to another mode.
    #[error("investigation {id} is in {is}; this needs {needs}", is = is.title(), needs = needs.title())]
    WrongMode {
        /// Which.
        id: String,
        /// Where it stands.
        is: Mode,
        /// Where it would have to stand.
        needs: Mode,
    },
    /// An estimate or a gain that is no number, or an estimate that promises nothing.
    #[error("{0}")]
    BadNumber(&'static str),
    /// A phase before the one that comes first.
    #[error("phase {wanted} before phase {due}", wanted = wanted.title(), due = due.title())]
    OutOfSequence {
        /// The phase that was reported.
        wanted: Phase,
        /// The phase that is due.
        due: Phase,
    },
}

/// What validation measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gain {
    /// Nanoseconds gained per request; negative = got worse.
    pub measured_ns: f64,
    /// Its 95 % interval.
    pub interval_ns: [f64; 2],
    /// Stretch before the change.
    pub baseline: Window,
    /// Stretch after it.
    pub window: Window,
}

/// What validation led to.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Gain confirmed: certificate written, resolved.
    Certified(Event),
    /// Under half of the estimate: back to ANALYSIS.
    Back(Event),
    /// Enough by the estimate, but the interval reaches 0: wait for more data.
    Undecided,
}

/// Phases done and evidence there is, for the routing tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// Phases worked through.
    pub completed: &'a [Phase],
    /// Evidence of phase 2.
    pub proofs: &'a [Proof],
}
