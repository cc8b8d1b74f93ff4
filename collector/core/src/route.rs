//! Who gets a bottleneck, in which phase, and what it is worth: a decision tree as data.
//!
//! A pure verb: it knows the nouns and no other verb. It reads no file (the server does) and keeps
//! no investigations (the engine does).

mod check;
mod decide;
mod glob;
mod tree;
mod words;
pub mod worth;

pub use check::{Problem, nearest};
pub use decide::route;
pub use glob::Glob;
pub use tree::{Card, Defaults, FORMAT, Rule, Steps, Tree, When};

use longpole_model::finding::{Attribution, Bottleneck, Phase, Proof};

/// The tree that is used where nobody gives another one, as YAML.
pub const DEFAULT: &str = include_str!("route/specialists.yaml");

/// Everything the tree looks at.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The verdict.
    pub bottleneck: &'a Bottleneck,
    /// Whose time it is; the first one is told in the hand-off.
    pub attributions: &'a [Attribution],
    /// The culprit's `telemetry.sdk.language`; empty = not known.
    pub language: &'a str,
    /// Its code.
    pub code: Code<'a>,
    /// Phases that were worked through.
    pub completed: &'a [Phase],
    /// Evidence of phase 2 that there is.
    pub proofs: &'a [Proof],
    /// A phase that somebody asks for; refused where it is not due.
    pub requested: Option<Phase>,
}

impl<'a> Case<'a> {
    /// A fresh case: nothing tried, nothing asked for, code not known.
    pub fn new(bottleneck: &'a Bottleneck, attributions: &'a [Attribution]) -> Self {
        Self {
            bottleneck,
            attributions,
            language: "",
            code: Code::default(),
            completed: &[],
            proofs: &[],
            requested: None,
        }
    }
}

/// Where in the source the time is spent; empty = not known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Code<'a> {
    /// `code.function.name`.
    pub function: &'a str,
    /// `code.file.path`.
    pub path: &'a str,
}

#[cfg(test)]
mod tests;
