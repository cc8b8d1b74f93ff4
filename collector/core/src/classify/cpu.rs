//! Processor: burning, starved or throttled.
//!
//! Signature: use over limit up AND own time up or gaps up on both sides (its threads wake late).
//! Checked before any gap is called network.

use super::{Hypothesis, Impact, evidence, has_symptom, is_store, ramp};
use crate::facts::{CLEAR, Facts, FlowFact};
use longpole_model::finding::BottleneckKind;
use longpole_model::signal::{Category, Facility, Role};

/// Growth of demand that explains a processor's.
const GROWN: f64 = 1.5;
/// What use may grow by beyond the demand before it is more a request.
const PER_REQUEST: f64 = 1.3;

pub(super) fn check(facts: &Facts, service: &str) -> Option<Hypothesis> {
    let (rise, series) = facts.cpu_rise(service)?;
    let name = &series.identity.name;
    let claim = format!("{name} of {service} rose by {rise:.2}");
    let mut seen = vec![evidence(claim, name, &series.identity.unit, &series.up, true)];
    let own = facts.flow(service, Category::Own).filter(|f| f.grew());
    if let Some(f) = own {
        let claim = format!("{service}'s own time is above its p90 more often");
        seen.push(evidence(claim, "own time above baseline p90", "1", &f.share, true));
    }
    for (flow, f) in facts.flows_from(service, Category::Gap).filter(|(_, f)| f.grew()) {
        let claim = format!("gaps from {service} to {} grew: its threads wake late", flow.peer);
        seen.push(evidence(claim, "gap above baseline p90", "1", &f.share, true));
    }
    let throttled = facts
        .series_of(service, Role::Saturation, Facility::Cpu)
        .find(|s| s.up.z() >= CLEAR && s.up.delta() > 0.0);
    if let Some(s) = throttled {
        let claim = format!("{} rose: the scheduler held it back", s.identity.name);
        seen.push(evidence(claim, &s.identity.name, &s.identity.unit, &s.up, true));
    }
    let mut strength = 0.3 + 0.7 * ramp(rise, 0.05, 0.4);
    if throttled.is_none() && !has_symptom(facts, service) {
        // Nobody waits for it: a busy processor alone is no bottleneck.
        strength *= 0.4;
    }
    let demand = facts.demand_grew(service);
    if demand >= GROWN && series.up.ratio().is_some_and(|r| r <= PER_REQUEST * demand) {
        strength *= 0.4;
        let claim = format!("{service} is asked {demand:.1} times as often: no more a request");
        seen.push(evidence(claim, name, &series.identity.unit, &series.up, false));
    }
    if let Some(f) = answers_queries(facts, service) {
        // A database inside the process burns the process's time: the queries are the site.
        strength *= 0.4;
        let claim = format!("{service}'s own time did not grow, its queries did");
        seen.push(evidence(claim, "query time above baseline p90", "1", &f.share, false));
    }
    if let Some(s) = super::memory::killed(facts, service) {
        // Collecting garbage in a full heap burns the processor: memory comes first.
        strength *= 0.5;
        let claim = format!("{} rose: memory comes first", s.identity.name);
        seen.push(evidence(claim, &s.identity.name, &s.identity.unit, &s.up, false));
    }
    // A data store that burns its processor is answering queries.
    let kind = if is_store(service) { BottleneckKind::DatabaseIo } else { BottleneckKind::Cpu };
    let site = own.and_then(|f| f.worst).map(|w| w.0);
    let impact = Impact::Time(super::time::owned_ns(facts, service));
    Some(Hypothesis { service: service.to_owned(), kind, strength, impact, evidence: seen, site })
}

/// The queries of a service that got slower while nothing else of it did.
fn answers_queries<'a>(facts: &'a Facts, service: &str) -> Option<&'a FlowFact> {
    // Own time that is waiting for the connections which the queries hold is theirs.
    let own = facts.flow(service, Category::Own).is_some_and(FlowFact::grew)
        && super::pool::victim(facts, service).is_none();
    let gaps = facts.flows_from(service, Category::Gap).any(|(_, f)| f.grew());
    let mut stores = facts.flows_from(service, Category::Store).map(|(_, f)| f);
    if own || gaps { None } else { stores.find(|f| f.grew()) }
}

pub(super) fn why_not(facts: &Facts, service: &str) -> Option<String> {
    let mut all = facts.series_of(service, Role::Utilization, Facility::Cpu).peekable();
    if all.peek().is_none() {
        return Some("no processor series of this service: cannot be told".to_owned());
    }
    let most = all.max_by(|a, b| a.up.delta().total_cmp(&b.up.delta()))?;
    Some(format!(
        "{} went from {:.3} to {:.3} {} only",
        most.identity.name, most.up.before, most.up.after, most.identity.unit
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::fixture::series;

    #[test]
    fn a_container_is_busy_with_others_too() {
        let cpu = (Role::Utilization, Facility::Cpu);
        let container = || series("container.cpu.time", cpu, "s", [0.2, 0.9]);
        let process = |now| series("process.cpu.time", cpu, "s", [0.05, now]);
        let rise = |all: Vec<_>| {
            let mut facts = Facts::default();
            facts.series.insert("shop".into(), all);
            facts.cpu_rise("shop").is_some()
        };
        assert!(rise(vec![container()]), "nothing else is known");
        assert!(rise(vec![container(), process(0.7)]), "it was the process");
        assert!(!rise(vec![container(), process(0.06)]), "it was another one");
        let held = (Role::Saturation, Facility::Cpu);
        let held = series("container.cpu.throttled.time", held, "s", [0.0, 0.4]);
        assert!(rise(vec![container(), process(0.06), held]), "and this one was held back for it");
    }
}
