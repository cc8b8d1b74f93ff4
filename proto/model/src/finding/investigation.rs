//! An investigation: one cause, who gets it, what it is worth, and how far it has come.

use super::{Attribution, Bottleneck, Change, Regression};
use crate::signal::{Timestamp, Window};
use serde::{Deserialize, Serialize};

/// Where an investigation stands. It moves analysis -> optimization -> validation, and back to
/// analysis when the gain did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Finding out; changes nothing.
    Analysis,
    /// A hypothesis was accepted; somebody changes something.
    Optimization,
    /// Before and after are compared.
    Validation,
}

impl Mode {
    /// As a person says it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Analysis => "ANALYSIS",
            Self::Optimization => "OPTIMIZATION",
            Self::Validation => "VALIDATION",
        }
    }
}

/// Share of requests hurt: 1 below 10 %, 2 from 10 %, 3 above 50 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum Severity {
    /// Below 10 % of requests.
    One,
    /// 10 % to 50 %.
    Two,
    /// Above 50 %.
    Three,
}

impl From<Severity> for u8 {
    fn from(s: Severity) -> Self {
        match s {
            Severity::One => 1,
            Severity::Two => 2,
            Severity::Three => 3,
        }
    }
}

impl TryFrom<u8> for Severity {
    type Error = String;
    fn try_from(n: u8) -> Result<Self, String> {
        match n {
            1 => Ok(Self::One),
            2 => Ok(Self::Two),
            3 => Ok(Self::Three),
            _ => Err(format!("severity {n} is not 1, 2 or 3")),
        }
    }
}

impl Severity {
    /// From the share of requests hurt.
    pub fn of(share: f64) -> Self {
        if share > 0.5 {
            Self::Three
        } else if share >= 0.1 {
            Self::Two
        } else {
            Self::One
        }
    }
}

/// Phases run in sequence: quick wins, then profile, then deep optimisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Phase 1.
    QuickWin,
    /// Phase 2.
    Profile,
    /// Phase 3; vetoed without evidence of phase 2.
    DeepOptimization,
}

impl Phase {
    /// All phases, in their order.
    pub const ALL: [Self; 3] = [Self::QuickWin, Self::Profile, Self::DeepOptimization];

    /// As a person says it.
    pub fn title(self) -> &'static str {
        match self {
            Self::QuickWin => "quick win",
            Self::Profile => "profile",
            Self::DeepOptimization => "deep optimisation",
        }
    }
}

/// Somebody, a person, team or agent, who handles one kind of problem well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Specialist {
    /// Name, unique in the routing tree.
    pub name: String,
    /// What they do, in a few words.
    pub handles: String,
}

/// The routed problem, in words and evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Handoff {
    /// To whom.
    pub specialist: Specialist,
    /// In which phase.
    pub phase: Phase,
    /// "This looks like a ... problem that ... would handle better. Here is what was found: ...".
    pub message: String,
    /// First things to try, cheapest first.
    pub next_steps: Vec<String>,
    /// The rule of the tree that decided.
    pub rule: String,
    /// Hand-offs that were refused, with the reason ("premature optimisation: profile first").
    pub vetoed: Vec<String>,
}

/// What shortening the site would gain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Worth {
    /// User-seconds a day that the regression costs now.
    pub user_seconds_per_day: f64,
    /// How it was computed: counterfactual of profiles, or Amdahl.
    pub method: String,
    /// Effort class of the fix in person-hours, from the routing tree.
    pub effort_hours: f64,
    /// User-seconds a day gained per person-hour; the queue's order.
    pub return_on_effort: f64,
    /// Requests a second of the entries behind the figure.
    pub requests_per_second: f64,
}

/// Proof that a fix gained what was promised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// Gain that was expected, nanoseconds per request.
    pub expected_gain_ns: f64,
    /// Gain that was measured.
    pub measured_gain_ns: f64,
    /// Its 95 % interval.
    pub interval_ns: [f64; 2],
    /// Windows compared.
    pub baseline: Window,
    /// Windows compared.
    pub window: Window,
}

/// A trace to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExemplarTrace {
    /// Trace id, hex.
    pub trace_id: String,
    /// Operation whose span it is.
    pub operation: String,
    /// Its duration in nanoseconds.
    pub duration_ns: u64,
}

/// One cause, seen in one or many places.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Investigation {
    /// Derived from its content: the same log gives the same id.
    pub id: String,
    /// One line: service, kind, and the measure that shows it.
    pub title: String,
    /// Where it stands.
    pub mode: Mode,
    /// Share of requests hurt, as a level.
    pub severity: Severity,
    /// The share itself, 0 to 1.
    pub share_hurt: f64,
    /// First onset among the regressions.
    pub since: Timestamp,
    /// When it was opened, in log time.
    pub opened_at: Timestamp,
    /// Assess by, in log time (5 minutes after opening).
    pub assess_by: Timestamp,
    /// Decide on a roll-back by (15 minutes after opening).
    pub decide_by: Timestamp,
    /// When the measures were back, in log time; `null` while open.
    pub resolved_at: Option<Timestamp>,
    /// Whether every regression still waits for confirmation.
    pub unconfirmed: bool,
    /// Compared stretches: baseline and window.
    pub baseline: Window,
    /// Compared stretches: baseline and window.
    pub window: Window,
    /// What got worse, deepest culprit first.
    pub regressions: Vec<Regression>,
    /// Whose time it is, per entry operation that changed most.
    pub attributions: Vec<Attribution>,
    /// What kind it is; best first, the first is the verdict.
    pub bottlenecks: Vec<Bottleneck>,
    /// Who gets it.
    pub handoff: Option<Handoff>,
    /// What it is worth.
    pub worth: Option<Worth>,
    /// Change that falls on the onset.
    pub suspect: Option<Change>,
    /// Slow traces by lowest hash.
    pub exemplars: Vec<ExemplarTrace>,
    /// Result of validation.
    pub certificate: Option<Certificate>,
    /// What happened to it, oldest first: (log time, sentence).
    pub history: Vec<(Timestamp, String)>,
}
