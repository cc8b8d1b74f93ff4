//! Time in spans that no resource explains: slow stores, slow remotes, waits inside the process.

use super::{Hypothesis, Impact, evidence};
use crate::facts::{Facts, Flow, FlowFact, Shift};
use longpole_model::finding::{BottleneckKind, Evidence};
use longpole_model::signal::{Category, Facility, OperationId, Role};

/// Excess time that a service owns: its own, and the gaps that are its doing.
pub(super) fn owned_ns(facts: &Facts, service: &str) -> f64 {
    let grown = facts.flows.iter().filter(|(_, f)| f.grew());
    grown
        .filter(|(flow, _)| match flow.category {
            Category::Gap if flow.service == service => facts.caller_owns(service, &flow.peer),
            Category::Gap => flow.peer == service && !facts.caller_owns(&flow.service, service),
            _ => flow.service == service,
        })
        .map(|(_, f)| f.total_excess_ns())
        .sum()
}

/// The flow of a service, other than gaps, with the most excess.
pub(super) fn slowest<'a>(facts: &'a Facts, service: &str) -> Option<(&'a Flow, &'a FlowFact)> {
    slowest_of(facts, service, &|c| c != Category::Gap)
}

fn slowest_of<'a>(
    facts: &'a Facts,
    service: &str,
    of: &dyn Fn(Category) -> bool,
) -> Option<(&'a Flow, &'a FlowFact)> {
    let own = facts.flows.iter().filter(|(f, _)| f.service == service && of(f.category));
    own.filter(|(_, f)| f.grew())
        .map(|(flow, f)| (flow, f.clearest()))
        .max_by(|a, b| a.1.total_excess_ns().total_cmp(&b.1.total_excess_ns()))
}

pub(super) fn check(facts: &Facts, service: &str) -> Option<Hypothesis> {
    let (mut flow, mut f) = slowest(facts, service)?;
    let mut lost_ns = f.total_excess_ns();
    let mut queries = None;
    if let Some(victim) = super::pool::victim(facts, service)
        && follows(facts, flow)
        && let Some((store, slow)) = slowest_of(facts, service, &|c| c == Category::Store)
    {
        // Who waits for a connection waits for the queries that hold them.
        if flow != store {
            lost_ns += slow.total_excess_ns();
        }
        (flow, f, queries) = (store, slow, Some(victim.evidence()));
    }
    let has_cpu = facts.series_of(service, Role::Utilization, Facility::Cpu).next().is_some();
    let (kind, strength, what) = match flow.category {
        Category::Store => (BottleneckKind::DatabaseIo, 0.8, "queries are slower"),
        Category::Remote => (BottleneckKind::Downstream, 0.6, "calls out are slower"),
        Category::Queue => (BottleneckKind::Queue, 0.8, "messages wait longer"),
        Category::Wait if flow.peer != "lock" => {
            (BottleneckKind::Queue, 0.8, "waits for the pool are longer")
        }
        Category::Wait => (BottleneckKind::Lock, 0.8, "declared waits are longer"),
        // Own time up: with a processor series that stayed flat it waits inside; with none, the
        // processor is the likelier reason.
        _ if has_cpu => {
            (BottleneckKind::Lock, 0.5, "own time grew while its processor use did not")
        }
        _ => (BottleneckKind::Cpu, 0.45, "own time grew; no processor series to compare with"),
    };
    if kind == BottleneckKind::Lock && facts.cpu_rise(service).is_some() {
        return None;
    }
    let claim = format!("{service}: {what}");
    let mut strength = strength;
    let mut seen = vec![
        evidence(
            claim,
            &format!("{} time above baseline p90", flow.category.as_str()),
            "1",
            &f.share,
            true,
        ),
        evidence(
            "excess per visit".to_owned(),
            "time above baseline p90",
            "ns",
            &f.excess_ns,
            true,
        ),
    ];
    seen.extend(queries);
    if kind == BottleneckKind::DatabaseIo {
        seen.extend(plan(facts, &flow.service, f.worst.map(|w| w.0.operation)));
    }
    // What a missing call took is counted as its caller's own time; what a part of its own took is that anyway.
    if flow.category == Category::Own
        && let Some(c) = facts.lost_sight(service, |c| c != Category::Own)
    {
        strength *= super::visits::UNSEEN;
        seen.push(super::visits::unseen(facts, c));
    }
    // Who asks a pool many times as often waits for it: the calls that multiplied come first.
    if kind == BottleneckKind::Queue
        && flow.category == Category::Wait
        && let Some(c) = super::visits::multiplied(facts, service)
    {
        strength *= 0.4;
        seen.push(super::visits::more(facts, c));
    }
    // A store that sends its own telemetry is the culprit itself.
    let known = facts.services.contains(&flow.peer) && flow.category == Category::Store;
    Some(Hypothesis {
        service: if known { flow.peer.clone() } else { service.to_owned() },
        kind,
        strength,
        impact: Impact::Time(lost_ns),
        evidence: seen,
        site: f.worst.map(|w| w.0),
    })
}

/// What the plan of a slow query showed.
fn plan(facts: &Facts, service: &str, query: Option<OperationId>) -> Option<Evidence> {
    let found = facts.plan_of(service, query)?;
    let name = facts.operation_name(found.operation);
    let scanned = found.finding.strip_prefix("full_scan ");
    let claim = match scanned {
        Some(tables) => format!("{name}: its plan reads all of {tables}; no index serves it"),
        None => format!("{name}: its plan says {}", found.finding),
    };
    let [before, after] = found.plans;
    // One plan is proof enough: it is what the database does, not a sample of it.
    let shift =
        Shift { before: before as f64, after: after as f64, sigma: 1.0, samples: found.plans };
    Some(evidence(claim, "plans that say so", "{plan}", &shift, true))
}

/// Whether a flow's growth may be waits for a full pool: those that are declared, and own time, which is where
/// waits that nobody declares lie.
fn follows(facts: &Facts, flow: &Flow) -> bool {
    match flow.category {
        Category::Store => true,
        Category::Wait => flow.peer == "pool",
        Category::Own => facts.cpu_rise(&flow.service).is_none(),
        _ => false,
    }
}

pub(super) fn why_no_store(facts: &Facts, service: &str) -> Option<String> {
    let mut stores = facts.flows_from(service, Category::Store).peekable();
    if stores.peek().is_none() {
        return Some("it has no database spans".to_owned());
    }
    let most = stores.map(|(_, f)| f.share.after).fold(0.0, f64::max);
    Some(format!(
        "{:.0} % of its queries are above their baseline p90 (10 % is normal)",
        most * 100.0
    ))
}
