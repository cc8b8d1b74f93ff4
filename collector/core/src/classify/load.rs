//! Load: demand grew, and somebody feels it.
//!
//! Only where the demand itself arrives: at a service that none of ours calls.

use super::{Hypothesis, Impact, evidence, has_symptom, ramp};
use crate::facts::{CLEAR, Facts, Shift};
use longpole_model::finding::BottleneckKind;
use longpole_model::signal::{Facility, Role};

/// Growth of demand that counts.
const GROWN: f64 = 1.5;

/// Requests (or values of a rate series) of the baseline below which its demand is not known.
const MIN_REQUESTS: u64 = 20;

/// How the demand on a service changed, requests per second: from its rate series, else from its
/// segments.
fn demand(facts: &Facts, service: &str) -> Option<Shift> {
    let series = facts.series_of(service, Role::Rate, Facility::Request).map(|s| s.up);
    let measured = facts.demand.get(service).copied();
    measured.or_else(|| series.max_by(|a, b| a.before.total_cmp(&b.before)))
}

fn grew(facts: &Facts, service: &str) -> Option<Shift> {
    demand(facts, service)
        .filter(|s| s.z() >= CLEAR && s.before > 0.0 && s.after >= GROWN * s.before)
}

pub(super) fn check(facts: &Facts, service: &str) -> Option<Hypothesis> {
    let shift = grew(facts, service)?;
    // Demand arrives where nobody of ours calls: behind that, more calls are another mix of requests, or
    // calls that multiply. Few requests in the baseline say little about how many are usual.
    if facts.graph.callers(service).next().is_some()
        || shift.samples[0] < MIN_REQUESTS
        || !has_symptom(facts, service)
    {
        return None;
    }
    let ratio = shift.after / shift.before;
    let claim = format!("{service} is asked {ratio:.1} times as often");
    let callees = facts.graph.callees(service).filter_map(|c| Some((c, grew(facts, c)?)));
    let mut seen = vec![evidence(claim, "requests per second", "1/s", &shift, true)];
    for (callee, s) in callees.take(3) {
        let claim = format!("and so is {callee} behind it");
        seen.push(evidence(claim, "requests per second", "1/s", &s, true));
    }
    Some(Hypothesis {
        service: service.to_owned(),
        kind: BottleneckKind::Load,
        strength: 0.5 + 0.4 * ramp(ratio, GROWN, 4.0),
        impact: Impact::Resource,
        evidence: seen,
        site: None,
    })
}
