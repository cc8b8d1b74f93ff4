//! The tree's law on a small tree; the default tree is tested where YAML is read.

use super::*;
use longpole_model::finding::{BottleneckKind as Kind, Evidence};
use std::collections::BTreeMap;

fn card(name: &str, languages: &[&str]) -> Card {
    Card {
        name: name.into(),
        handles: format!("what {name} does"),
        languages: languages.iter().map(|l| (*l).into()).collect(),
        effort_hours: BTreeMap::from([(Kind::Cpu, 6.0)]),
        steps: vec![Steps {
            kinds: vec![Kind::Cpu],
            phase: Phase::QuickWin,
            actions: vec!["look".into()],
        }],
    }
}

fn rule(name: &str, kinds: &[Kind], to: &str) -> Rule {
    let when = When { kinds: kinds.to_vec(), ..When::default() };
    Rule { name: name.into(), when, to: to.into(), phase: None }
}

fn tree(rules: Vec<Rule>) -> Tree {
    Tree {
        proofs: BTreeMap::from([(Kind::Cpu, vec![Proof::CpuProfile])]),
        specialists: vec![card("owner", &[]), card("profiler", &[]), card("rustacean", &["rust"])],
        rules,
        ..Tree::bare()
    }
}

fn cpu() -> Bottleneck {
    let fact = |claim: &str, strength: f64, supports: bool| Evidence {
        claim: claim.into(),
        signal: "own time".into(),
        unit: "ns".into(),
        before: None,
        after: None,
        samples: [1, 1],
        strength,
        supports,
        pattern: None,
    };
    Bottleneck {
        kind: Kind::Cpu,
        service: "cart".into(),
        site: None,
        confidence: 0.8,
        evidence: vec![
            fact("weak", 1.0, true),
            fact("own\ntime up.", 5.0, true),
            fact("no", 9.0, false),
        ],
        ruled_out: vec![],
    }
}

#[test]
fn phases_run_in_sequence_and_premature_ones_are_vetoed() {
    let tree = tree(vec![rule("hot", &[Kind::Cpu], "profiler")]);
    let b = cpu();
    let case = Case::new(&b, &[]);
    let first = route(&tree, &case);
    assert_eq!((first.phase, first.rule.as_str()), (Phase::QuickWin, "hot"));
    assert_eq!(first.next_steps, ["look"]);
    assert_eq!(
        first.message,
        "This looks like a CPU problem that profiler would handle better. \
         Here is what was found so far: own time up; weak."
    );

    let asked = Case { requested: Some(Phase::DeepOptimization), ..case };
    let h = route(&tree, &asked);
    assert_eq!(h.phase, Phase::QuickWin);
    assert!(h.vetoed[0].contains("premature optimisation: profile first"), "{:?}", h.vetoed);

    // Declared done, but without evidence: still the profile's turn.
    let done = [Phase::QuickWin, Phase::Profile];
    let h = route(&tree, &Case { completed: &done, ..asked });
    assert_eq!((h.phase, h.vetoed.len()), (Phase::Profile, 1));
    // Evidence of another kind does not count, the right one does.
    let h = route(&tree, &Case { completed: &done, proofs: &[Proof::QueryPlan], ..asked });
    assert_eq!(h.phase, Phase::Profile);
    let h = route(&tree, &Case { completed: &done, proofs: &[Proof::CpuProfile], ..asked });
    assert_eq!((h.phase, h.vetoed.len()), (Phase::DeepOptimization, 0));
    // The profile is there, the quick wins are not.
    let h = route(&tree, &Case { proofs: &[Proof::CpuProfile], ..asked });
    assert_eq!(h.phase, Phase::QuickWin);
    assert!(h.vetoed[0].contains("quick wins first"), "{:?}", h.vetoed);
}

#[test]
fn a_vetoed_rule_leaves_the_case_to_the_next() {
    let deep = Rule { phase: Some(Phase::DeepOptimization), ..rule("rewrite", &[], "rustacean") };
    let tree = tree(vec![deep, rule("hot", &[Kind::Cpu], "profiler")]);
    let b = cpu();
    let h = route(&tree, &Case::new(&b, &[]));
    assert_eq!((h.rule.as_str(), h.phase), ("hot", Phase::QuickWin));
    assert!(h.vetoed[0].starts_with("rule rewrite to rustacean: premature"), "{:?}", h.vetoed);
    assert_eq!(tree.check(), [], "a rule that may be vetoed hides nothing");
}

#[test]
fn conditions_and_languages_decide() {
    let services = When { services: vec![Glob("*pay*".into())], ..When::default() };
    let named = Rule { when: services, ..rule("payments", &[], "owner") };
    let paths = When { paths: vec![Glob("*/hot/*".into())], ..When::default() };
    let coded = Rule { when: paths, ..rule("coded", &[], "rustacean") };
    let tree = tree(vec![named, coded, rule("rest", &[], "profiler")]);
    let b = cpu();
    let case = Case::new(&b, &[]);
    assert_eq!(route(&tree, &case).rule, "rest");
    let in_code = Case { code: Code { function: "f", path: "src/hot/x.rs" }, ..case };
    assert_eq!(route(&tree, &in_code).rule, "coded");
    assert_eq!(route(&tree, &Case { language: "Java", ..in_code }).rule, "rest");
    let pay = Bottleneck { service: "payment".into(), ..cpu() };
    assert_eq!(route(&tree, &Case::new(&pay, &[])).rule, "payments");
}

#[test]
fn check_names_every_fault() {
    let mut rules = vec![
        rule("a", &[Kind::Cpu], "profiler"),
        rule("b", &[Kind::Memory, Kind::Lock], "profilr"),
        rule("c", &[Kind::Memory], "owner"),
        rule("d", &[Kind::Cpu, Kind::Memory], "owner"),
        rule("a", &[Kind::Errors], "owner"),
    ];
    rules.push(Rule {
        when: When { phases: vec![Phase::QuickWin], ..When::default() },
        phase: Some(Phase::Profile),
        ..rule("e", &[], "owner")
    });
    let mut t = tree(rules);
    let said: Vec<String> = t.check().iter().map(|p| format!("{}: {}", p.at, p.message)).collect();
    let expected = [
        "b: unknown specialist \"profilr\": did you mean \"profiler\"?",
        "d: unreachable: rule a and c before it takes every such case",
        "a: rule names must be unique and not empty",
        "e: always vetoed: it leads to profile before that is due",
    ];
    assert_eq!(said, expected);
    t.rules.truncate(1);
    let said = t.check();
    assert_eq!(said.len(), Kind::ALL.len() - 2);
    assert!(said[0].message.starts_with("no rule for kind database_io: it would go to owner"));
}

#[test]
fn globs_hide_rules_too() {
    let on = |name: &str, glob: &str| Rule {
        when: When { services: vec![Glob(glob.into())], ..When::default() },
        ..rule(name, &[], "owner")
    };
    let t = tree(vec![on("wide", "pay*"), on("narrow", "pay*-eu"), rule("rest", &[], "owner")]);
    let said = t.check();
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].at, "narrow");
}
