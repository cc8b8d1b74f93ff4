//! What is wrong with a tree, said before it decides anything.
//!
//! Only what the data itself shows; whether a specialist exists in the world is not known here.

use super::tree::FORMAT;
use super::{Glob, Rule, Tree};
use longpole_model::finding::{BottleneckKind, Phase};
use longpole_model::signal::Category;
use std::collections::BTreeSet;

/// One fault of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The rule or specialist at fault, as it is named in the file; empty = the tree as a whole.
    pub at: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Tree {
    /// Every fault, in the file's order; empty = sound.
    pub fn check(&self) -> Vec<Problem> {
        let mut out = Vec::new();
        let mut say = |at: &str, message: String| out.push(Problem { at: at.into(), message });
        if self.format != FORMAT {
            say("", format!("format {} is not known; this program reads {FORMAT}", self.format));
        }
        let positive = |x: f64| x.is_finite() && x > 0.0;
        if !positive(self.defaults.effort_hours) {
            say("defaults", "effort_hours must be above 0".into());
        }
        if !(self.defaults.failure_seconds.is_finite() && self.defaults.failure_seconds >= 0.0) {
            say("defaults", "failure_seconds must be 0 or above".into());
        }
        if self.specialist(&self.defaults.specialist).is_none() {
            say("defaults", self.unknown(&self.defaults.specialist));
        }
        let mut names = BTreeSet::new();
        for card in &self.specialists {
            if card.name.is_empty() || !names.insert(card.name.as_str()) {
                say(&card.name, "specialist names must be unique and not empty".into());
            }
            if card.effort_hours.values().any(|h| !positive(*h)) {
                say(&card.name, "effort_hours must be above 0".into());
            }
        }
        let mut rules = BTreeSet::new();
        for (i, rule) in self.rules.iter().enumerate() {
            if rule.name.is_empty() || !rules.insert(rule.name.as_str()) {
                say(&rule.name, "rule names must be unique and not empty".into());
            }
            match self.specialist(&rule.to) {
                None => say(&rule.name, self.unknown(&rule.to)),
                Some(card) => {
                    let spoken = &rule.when.languages;
                    if !spoken.is_empty() && !spoken.iter().any(|l| card.speaks(l)) {
                        let them = &card.name;
                        say(&rule.name, format!("{them} speaks none of the rule's languages"));
                    }
                }
            }
            if let Some(to) = rule.phase
                && !rule.when.phases.is_empty()
                && rule.when.phases.iter().all(|p| *p < to)
            {
                let to = to.title();
                say(&rule.name, format!("always vetoed: it leads to {to} before that is due"));
            }
            let earlier = self.rules.get(..i).unwrap_or_default();
            if let Some(by) = self.hidden_by(rule, earlier) {
                say(&rule.name, format!("unreachable: rule {by} before it takes every such case"));
            }
        }
        for kind in BottleneckKind::ALL {
            let named = |r: &Rule| r.when.kinds.is_empty() || r.when.kinds.contains(&kind);
            if kind != BottleneckKind::None && !self.rules.iter().any(named) {
                let (kind, to) = (kind.as_str(), &self.defaults.specialist);
                let advice = "add a rule for it, or one without kinds at the end";
                say("rules", format!("no rule for kind {kind}: it would go to {to}; {advice}"));
            }
        }
        out
    }

    fn unknown(&self, name: &str) -> String {
        match nearest(name, self.specialists.iter().map(|s| s.name.as_str())) {
            Some(near) => format!("unknown specialist \"{name}\": did you mean \"{near}\"?"),
            None => format!("unknown specialist \"{name}\""),
        }
    }

    /// The rule (or last of several) that leaves nothing for `rule`, if there is one.
    fn hidden_by(&self, rule: &Rule, earlier: &[Rule]) -> Option<String> {
        let mut by = BTreeSet::new();
        for atom in atoms(rule) {
            let at = earlier.iter().position(|e| self.takes(e, rule, &atom))?;
            by.insert(at);
        }
        let names: Vec<&str> =
            by.iter().filter_map(|i| earlier.get(*i)).map(|r| r.name.as_str()).collect();
        Some(names.join(" and "))
    }

    /// Whether `early` decides every case of `atom`, a part of what `rule` matches.
    fn takes(&self, early: &Rule, rule: &Rule, atom: &Atom<'_>) -> bool {
        let (w, r) = (&early.when, &rule.when);
        let Some(card) = self.specialist(&early.to) else { return false };
        let speaks = card.languages.is_empty() || atom.language.is_some_and(|l| card.speaks(l));
        let globs = |mine: &[Glob], theirs: &[Glob]| {
            mine.is_empty()
                || (!theirs.is_empty() && theirs.iter().all(|t| mine.iter().any(|m| m.covers(t))))
        };
        speaks
            && early.phase.is_none_or(|p| p <= atom.phase)
            && (w.kinds.is_empty() || w.kinds.contains(&atom.kind))
            && (w.phases.is_empty() || w.phases.contains(&atom.phase))
            && (w.categories.is_empty() || atom.category.is_some_and(|c| w.categories.contains(&c)))
            && (w.languages.is_empty()
                || atom
                    .language
                    .is_some_and(|l| w.languages.iter().any(|mine| mine.eq_ignore_ascii_case(l))))
            && globs(&w.services, &r.services)
            && globs(&w.paths, &r.paths)
            && globs(&w.operations, &r.operations)
            && globs(&w.signals, &r.signals)
    }
}

/// A part of a rule's cases that another rule takes whole or not at all (globs apart).
struct Atom<'a> {
    kind: BottleneckKind,
    phase: Phase,
    category: Option<Category>,
    language: Option<&'a str>,
}

fn atoms(rule: &Rule) -> impl Iterator<Item = Atom<'_>> {
    let w = &rule.when;
    let kinds = if w.kinds.is_empty() { &BottleneckKind::ALL[..] } else { &w.kinds };
    let phases = if w.phases.is_empty() { &Phase::ALL[..] } else { &w.phases };
    let mut categories: Vec<Option<Category>> = w.categories.iter().map(|c| Some(*c)).collect();
    if categories.is_empty() {
        categories = Category::ALL.into_iter().map(Some).chain([None]).collect();
    }
    let mut languages: Vec<Option<&str>> = w.languages.iter().map(|l| Some(l.as_str())).collect();
    if languages.is_empty() {
        languages.push(None);
    }
    kinds.iter().flat_map(move |&kind| {
        let (categories, languages) = (categories.clone(), languages.clone());
        phases.iter().flat_map(move |&phase| {
            let languages = languages.clone();
            categories.clone().into_iter().flat_map(move |category| {
                languages.clone().into_iter().map(move |language| Atom {
                    kind,
                    phase,
                    category,
                    language,
                })
            })
        })
    })
}

/// The candidate that differs from `word` in the fewest letters, if these are at most a third of
/// the longer one's.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let best = candidates.map(|c| (distance(word, c), c)).min()?;
    let longer = word.chars().count().max(best.1.chars().count());
    (best.0 <= longer.max(3) / 3).then_some(best.1)
}

/// Letters to add, drop or change (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((y, above), diagonal) in b.iter().zip(row.iter().skip(1)).zip(&row) {
            let left = next.last().copied().unwrap_or(0);
            next.push((above + 1).min(left + 1).min(diagonal + usize::from(x != *y)));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
