//! A full pool in made-up facts: who is to blame for it.

use crate::classify::{Hypothesis, fixture, hypotheses, ruled_out};
use crate::facts::{Facts, Flow, FlowFact, HeldFact, SeriesFact, Shift};
use longpole_model::finding::BottleneckKind;
use longpole_model::signal::{Category, Facility, Role};

/// A series of the pool that went from one level to another.
fn series(name: &str, role: Role, unit: &str, levels: [f64; 2]) -> SeriesFact {
    fixture::series(name, (role, Facility::Pool), unit, levels)
}

/// Queries that now are slow, or as before.
fn queries(slow: bool) -> FlowFact {
    let share = Shift {
        before: 0.1,
        after: if slow { 0.95 } else { 0.1 },
        sigma: 0.01,
        samples: [2_000, 1_000],
    };
    let excess = if slow { 5e8 } else { 1e5 };
    let excess_ns = Shift { before: 1e5, after: excess, sigma: 1e4, samples: [2_000, 1_000] };
    FlowFact {
        share,
        excess_ns,
        visits: [2_000, 1_000],
        chance: if slow { 0.0 } else { 1.0 },
        failing_chance: 1.0,
        ..FlowFact::default()
    }
}

/// A service that waits for its ten connections; `size` is how many there were and are, `used` how many are in use.
fn facts(held: HeldFact, size: [f64; 2], used: [f64; 2]) -> Facts {
    let mut facts = Facts::default();
    facts.seconds = [180.0, 90.0];
    let flow = Flow { service: "shop".into(), peer: "sql".into(), category: Category::Store };
    facts.flows.insert(flow, queries(held.slower > 1.5));
    facts.held.insert("shop".into(), held);
    facts.services.insert("shop".into());
    facts.series.insert(
        "shop".into(),
        vec![
            series("db.client.connection.wait_time.p99", Role::Saturation, "s", [0.0, 0.4]),
            series("db.client.connection.used", Role::Utilization, "{connection}", used),
            series("db.client.connection.max", Role::Other, "{connection}", size),
        ],
    );
    facts
}

fn held(slower: f64, asked: f64, busy: [f64; 2]) -> HeldFact {
    HeldFact { slower, asked, busy, queries: [2_000, 1_000], waiting: [0.0; 2] }
}

fn kinds(facts: &Facts) -> Vec<BottleneckKind> {
    let all: Vec<Hypothesis> = hypotheses(facts);
    all.iter().map(|h| h.kind).collect()
}

#[test]
fn queries_that_take_long_fill_a_pool() {
    let slow = facts(held(200.0, 1.0, [0.05, 9.5]), [10.0; 2], [1.0, 10.0]);
    assert_eq!(kinds(&slow), [BottleneckKind::DatabaseIo]);
    let said = &hypotheses(&slow)[0];
    let by_law = said.evidence.iter().find(|e| e.signal.contains("Little")).expect("evidence");
    assert_eq!((by_law.before, by_law.after, by_law.supports), (Some(0.05), Some(9.5), true));
    let out = ruled_out(&slow, "shop", &[BottleneckKind::DatabaseIo]);
    let pool = out.iter().find(|r| r.kind == BottleneckKind::Queue).expect("ruled out");
    assert!(pool.reason.contains("200.0 times as long"), "{}", pool.reason);
}

#[test]
fn a_pool_that_leaks_is_its_own_fault() {
    let leak = facts(held(1.0, 1.0, [0.05, 0.05]), [10.0; 2], [1.0, 10.0]);
    assert_eq!(kinds(&leak), [BottleneckKind::Queue]);
    let said = &hypotheses(&leak)[0];
    assert!(said.evidence.iter().any(|e| e.claim.contains("not given back") && e.supports));
}

#[test]
fn a_pool_is_less_sure_while_queries_are_slower_too() {
    let strength = |f: &Facts| {
        let all = hypotheses(f);
        all.iter().find(|h| h.kind == BottleneckKind::Queue).map_or(0.0, |h| h.strength)
    };
    let steady = facts(held(1.0, 1.0, [0.05, 0.05]), [10.0; 2], [1.0, 10.0]);
    let begun = facts(held(1.4, 1.0, [0.05, 0.07]), [10.0; 2], [1.0, 10.0]);
    let shrunk = facts(held(1.4, 1.0, [0.05, 0.07]), [10.0, 1.0], [1.0, 1.0]);
    assert!(strength(&begun) < 0.7 * strength(&steady));
    assert_eq!(strength(&shrunk), strength(&steady), "whose connections are gone is known");
}

#[test]
fn slower_queries_excuse_no_pool_that_they_do_not_fill() {
    let queue = |f: &Facts| kinds(f).contains(&BottleneckKind::Queue);
    let shrunk = facts(held(3.0, 1.0, [0.3, 0.9]), [10.0, 1.0], [1.0, 1.0]);
    assert!(queue(&shrunk), "nine of ten connections are gone");
    let lost = facts(held(3.0, 1.0, [0.3, 0.9]), [10.0; 2], [1.0, 10.0]);
    assert!(queue(&lost), "nine of ten connections in use are held by no query");
    let covered = facts(held(200.0, 1.0, [0.05, 40.0]), [10.0; 2], [1.0, 10.0]);
    assert!(queue(&covered), "spans that cover more than there are connections cover the waits");
    let surge = facts(held(2.5, 8.0, [0.5, 9.5]), [10.0; 2], [1.0, 10.0]);
    assert!(queue(&surge), "eight times as much is asked");
}
