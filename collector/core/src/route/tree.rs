//! The decision tree as data: specialists, what they do first, and the rules that lead to them.
//!
//! How it is read from a file is the server's business; how it decides is in [`super::decide`].

use super::Glob;
use longpole_model::finding::{BottleneckKind, Phase, Proof};
use longpole_model::signal::Category;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The version of the tree's form that this program reads.
pub const FORMAT: u32 = 1;

/// A whole tree.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// Version of this form; [`FORMAT`].
    pub format: u32,
    /// Where no rule and no specialist says otherwise.
    pub defaults: Defaults,
    /// What counts as evidence of phase 2, by kind; a kind that is missing takes any proof.
    #[serde(default)]
    pub proofs: BTreeMap<BottleneckKind, Vec<Proof>>,
    /// Who there is.
    pub specialists: Vec<Card>,
    /// Tried in order; the first that matches and may act decides.
    pub rules: Vec<Rule>,
}

/// What holds where nothing else is said.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// Gets what no rule matches.
    pub specialist: String,
    /// Person-hours of a fix, where the specialist names none for the kind.
    pub effort_hours: f64,
    /// Seconds that a failed request costs its user beside repeating it.
    pub failure_seconds: f64,
    /// First steps where the specialist names none for kind and phase.
    pub steps: Vec<Steps>,
}

/// What a specialist can do.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Unique name.
    pub name: String,
    /// What they do, in a few words.
    pub handles: String,
    /// `telemetry.sdk.language` values they speak; empty = any.
    #[serde(default)]
    pub languages: Vec<String>,
    /// Person-hours of a typical fix, by kind.
    #[serde(default)]
    pub effort_hours: BTreeMap<BottleneckKind, f64>,
    /// First steps.
    #[serde(default)]
    pub steps: Vec<Steps>,
}

/// First steps for some kinds in one phase, cheapest first. They come from this file alone: no
/// text of telemetry is ever put into them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// For these kinds; empty = any.
    #[serde(default)]
    pub kinds: Vec<BottleneckKind>,
    /// In this phase.
    pub phase: Phase,
    /// What to do.
    #[serde(rename = "do")]
    pub actions: Vec<String>,
}

/// One branch of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Unique name; the hand-off says which rule decided.
    pub name: String,
    /// What it matches; nothing said = everything.
    #[serde(default)]
    pub when: When,
    /// The specialist's name.
    pub to: String,
    /// Phase of the hand-off; the case's own where missing.
    #[serde(default)]
    pub phase: Option<Phase>,
}

/// Conditions, all of which must hold; an empty list always holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct When {
    /// The verdict is one of these.
    pub kinds: Vec<BottleneckKind>,
    /// The culprit's `service.name` fits one of these.
    pub services: Vec<Glob>,
    /// The culprit's `telemetry.sdk.language` is one of these; does not hold where it is not known.
    pub languages: Vec<String>,
    /// The culprit's code path or function fits one of these; does not hold where both are missing.
    pub paths: Vec<Glob>,
    /// Its site is of one of these categories; does not hold where there is no site.
    pub categories: Vec<Category>,
    /// The operation of its site, or the callee's, fits one of these.
    pub operations: Vec<Glob>,
    /// The signal of some evidence for the verdict fits one of these.
    pub signals: Vec<Glob>,
    /// The phase is one of these.
    pub phases: Vec<Phase>,
}

impl Tree {
    /// The specialist of that name.
    pub fn specialist(&self, name: &str) -> Option<&Card> {
        self.specialists.iter().find(|s| s.name == name)
    }

    /// Person-hours that a fix of `kind` takes `specialist`.
    pub fn effort_hours(&self, specialist: &str, kind: BottleneckKind) -> f64 {
        let own = self.specialist(specialist).and_then(|s| s.effort_hours.get(&kind));
        own.copied().unwrap_or(self.defaults.effort_hours)
    }

    /// First steps of `card` for `kind` in `phase`: those for the kind, then those for any kind;
    /// the defaults where there are neither.
    pub fn steps(&self, card: Option<&Card>, kind: BottleneckKind, phase: Phase) -> Vec<String> {
        let pick = |lists: &[Steps]| -> Vec<String> {
            let in_phase = || lists.iter().filter(move |s| s.phase == phase);
            let for_kind = in_phase().filter(|s| s.kinds.contains(&kind));
            let for_any = in_phase().filter(|s| s.kinds.is_empty());
            for_kind.chain(for_any).flat_map(|s| s.actions.iter().cloned()).collect()
        };
        let own = card.map(|c| pick(&c.steps)).unwrap_or_default();
        if own.is_empty() { pick(&self.defaults.steps) } else { own }
    }

    /// Whether `proof` is evidence of phase 2 for `kind`.
    pub fn accepts(&self, kind: BottleneckKind, proof: Proof) -> bool {
        self.proofs.get(&kind).is_none_or(|list| list.contains(&proof))
    }
}

impl Card {
    /// Whether they speak `language`; one that is not known shuts nobody out.
    pub fn speaks(&self, language: &str) -> bool {
        language.is_empty()
            || self.languages.is_empty()
            || self.languages.iter().any(|l| l.eq_ignore_ascii_case(language))
    }
}

#[cfg(test)]
impl Tree {
    /// A tree without rules: everything is the owner's.
    pub(crate) fn bare() -> Self {
        Self {
            format: FORMAT,
            defaults: Defaults {
                specialist: "owner".into(),
                effort_hours: 8.0,
                failure_seconds: 10.0,
                steps: vec![],
            },
            proofs: BTreeMap::new(),
            specialists: vec![],
            rules: vec![],
        }
    }
}
