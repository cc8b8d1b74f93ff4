//! From a case to a hand-off: the first rule that matches and may act.
//!
//! Phases run in sequence by law: quick wins, then profile, then deep optimisation. Whoever asks for
//! a later phase than is due is refused, and the refusal stands in the hand-off.

use super::{Case, Rule, Tree, When, words};
use longpole_model::finding::{Handoff, Phase, Specialist};

/// Hands a case to the specialist that the tree names for it.
pub fn route(tree: &Tree, case: &Case<'_>) -> Handoff {
    let due = due(tree, case);
    let mut phase = due;
    let mut vetoed = Vec::new();
    if let Some(wanted) = case.requested {
        match veto(tree, case, wanted, due) {
            None => phase = wanted,
            Some(why) => vetoed.push(format!("requested phase {}: {why}", wanted.title())),
        }
    }
    for rule in tree.rules.iter().filter(|r| r.when.holds(case, phase)) {
        let Some(card) = tree.specialist(&rule.to).filter(|c| c.speaks(case.language)) else {
            continue;
        };
        let wanted = rule.phase.unwrap_or(phase);
        match veto(tree, case, wanted, due) {
            None => return hand_off(tree, case, Some(rule), &card.name, wanted, vetoed),
            Some(why) => vetoed.push(format!("rule {} to {}: {why}", rule.name, rule.to)),
        }
    }
    hand_off(tree, case, None, &tree.defaults.specialist, phase, vetoed)
}

/// The phase that comes next.
fn due(tree: &Tree, case: &Case<'_>) -> Phase {
    if !case.completed.contains(&Phase::QuickWin) {
        Phase::QuickWin
    } else if !profiled(tree, case) {
        Phase::Profile
    } else {
        Phase::DeepOptimization
    }
}

/// Whether there is evidence of phase 2. A phase that was only declared done is none.
fn profiled(tree: &Tree, case: &Case<'_>) -> bool {
    case.proofs.iter().any(|p| tree.accepts(case.bottleneck.kind, *p))
}

/// Why `wanted` may not come yet.
fn veto(tree: &Tree, case: &Case<'_>, wanted: Phase, due: Phase) -> Option<String> {
    if wanted <= due {
        return None;
    }
    if wanted == Phase::DeepOptimization && !profiled(tree, case) {
        let accepted = tree.proofs.get(&case.bottleneck.kind).map_or(&[][..], Vec::as_slice);
        let names: Vec<&str> = accepted.iter().map(|p| p.as_str()).collect();
        let names = if names.is_empty() { "a profile".into() } else { names.join(" or ") };
        return Some(format!("premature optimisation: profile first (there is no {names} yet)"));
    }
    Some("out of sequence: quick wins first".into())
}

fn hand_off(
    tree: &Tree,
    case: &Case<'_>,
    rule: Option<&Rule>,
    specialist: &str,
    phase: Phase,
    vetoed: Vec<String>,
) -> Handoff {
    let card = tree.specialist(specialist);
    let handles = card.map(|c| c.handles.clone()).unwrap_or_default();
    Handoff {
        message: words::message(case, specialist),
        next_steps: tree.steps(card, case.bottleneck.kind, phase),
        specialist: Specialist { name: specialist.to_owned(), handles },
        phase,
        rule: rule.map_or("default", |r| &r.name).to_owned(),
        vetoed,
    }
}

impl When {
    /// Whether every condition holds.
    pub fn holds(&self, case: &Case<'_>, phase: Phase) -> bool {
        let b = case.bottleneck;
        let site = b.site.as_ref();
        let has = |globs: &[super::Glob], texts: &[&str]| {
            globs.is_empty()
                || texts.iter().any(|t| !t.is_empty() && globs.iter().any(|g| g.matches(t)))
        };
        let operation = site.map_or("", |s| &s.operation.name);
        let peer = site.and_then(|s| s.peer.as_ref()).map_or("", |p| &p.name);
        let signals: Vec<&str> =
            b.evidence.iter().filter(|e| e.supports).map(|e| e.signal.as_str()).collect();
        (self.kinds.is_empty() || self.kinds.contains(&b.kind))
            && (self.phases.is_empty() || self.phases.contains(&phase))
            && (self.languages.is_empty()
                || self.languages.iter().any(|l| l.eq_ignore_ascii_case(case.language)))
            && (self.categories.is_empty()
                || site.is_some_and(|s| self.categories.contains(&s.category)))
            && has(&self.services, &[&b.service])
            && has(&self.paths, &[case.code.path, case.code.function])
            && has(&self.operations, &[operation, peer])
            && has(&self.signals, &signals)
    }
}
