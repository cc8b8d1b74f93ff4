//! Network: gaps into a service grow on its callers' edges while its own time and processor do not.

use super::{Hypothesis, Impact, evidence, ramp};
use crate::facts::{Facts, FlowFact};
use longpole_model::finding::BottleneckKind;
use longpole_model::signal::Category;

/// Edges with fewer visits in the window say nothing.
const MIN_VISITS: u64 = 3;
/// Share of an edge's visits above their limit (a tenth is normal) by which it takes part in a growth
/// that all edges show together.
const MOSTLY: f64 = 0.5;

/// Edges into a service that grew and are not their caller's doing, and how many there are in all.
/// Where all callers together show it and none of them calls often enough to show it alone, those with
/// most of their visits above the limit are the ones that grew.
fn into<'a>(facts: &'a Facts, service: &str) -> (Vec<(&'a str, &'a FlowFact)>, usize) {
    let all: Vec<_> = facts.gaps_into(service).filter(|(_, f)| f.visits[1] >= MIN_VISITS).collect();
    let edges = |grew: &dyn Fn(&FlowFact) -> bool| -> Vec<(&'a str, &'a FlowFact)> {
        let grown = all.iter().filter(|(_, f)| grew(f));
        let theirs = grown.filter(|(e, _)| !facts.caller_owns(&e.service, service));
        theirs.map(|(e, f)| (e.service.as_str(), f.clearest())).collect()
    };
    let mut grown = edges(&FlowFact::grew);
    if grown.is_empty() && facts.into.get(service).is_some_and(FlowFact::grew) {
        grown = edges(&|f| f.share.after >= MOSTLY);
    }
    (grown, all.len())
}

pub(super) fn check(facts: &Facts, service: &str) -> Option<Hypothesis> {
    let (grown, all) = into(facts, service);
    let total: f64 = grown.iter().map(|(_, f)| f.total_excess_ns()).sum();
    let own = facts.flow(service, Category::Own).filter(|f| f.grew());
    let own_ns = own.map_or(0.0, FlowFact::total_excess_ns);
    if grown.is_empty() || facts.cpu_rise(service).is_some() || own_ns > total {
        return None;
    }
    let mut seen = Vec::new();
    for (caller, f) in &grown {
        let claim = format!("the gap between {caller}'s client and {service}'s server spans grew");
        seen.push(evidence(claim, "gap above baseline p90", "1", &f.share, true));
        let claim = format!("by this much per call from {caller}");
        seen.push(evidence(claim, "gap excess per call", "ns", &f.excess_ns, true));
    }
    if let Some(f) = facts.flow(service, Category::Own) {
        let claim =
            format!("{service}'s own time {}", if f.grew() { "grew too" } else { "did not grow" });
        seen.push(evidence(claim, "own time above baseline p90", "1", &f.share, !f.grew()));
    }
    let coverage = grown.len() as f64 / all.max(1) as f64;
    let share = grown.iter().map(|(_, f)| f.share.after).fold(0.0, f64::max);
    let strength = (0.5 + 0.5 * coverage) * (0.5 + 0.5 * ramp(share, 0.2, 0.6));
    let site = grown.iter().max_by(|a, b| a.1.total_excess_ns().total_cmp(&b.1.total_excess_ns()));
    Some(Hypothesis {
        service: service.to_owned(),
        kind: BottleneckKind::NetworkIo,
        strength,
        impact: Impact::Time(total),
        evidence: seen,
        site: site.and_then(|(_, f)| f.worst).map(|w| w.0),
    })
}

pub(super) fn why_not(facts: &Facts, service: &str) -> Option<String> {
    let (grown, all) = into(facts, service);
    if all == 0 {
        return Some("no client-server pairs into it: gaps cannot be told".to_owned());
    }
    if facts.cpu_rise(service).is_some() {
        return Some("its processor use rose: late wake-ups look like network".to_owned());
    }
    Some(format!("{} of {all} callers' gaps into it grew", grown.len()))
}
