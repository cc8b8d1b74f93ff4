//! Cold caches: a query that most requests did without before is now made by most of them.
//!
//! What answered in its place is a cache in the process or before the database. An N+1 multiplies what
//! each request already did; here a rare query becomes the rule.

use super::{Hypothesis, Impact, evidence, ramp};
use crate::facts::{CallFacts, Facts, Shift};
use longpole_model::finding::{BottleneckKind, Pattern};
use longpole_model::signal::{Category, Facility, Role};

/// Requests of which so few made the query did without it.
const RARE: f64 = 0.5;
/// Growth that counts: below three times it may be another mix of keys.
const GROWN: f64 = 3.0;
/// Requests that now make it and did not before.
const MORE: f64 = 0.2;
/// Spreads that visits per request must move.
const CLEAR_VISITS: f64 = 5.0;

pub(super) fn check(facts: &Facts, service: &str) -> Option<Hypothesis> {
    let missed = |c: &&CallFacts| {
        let [then, now] = c.per_request;
        facts.name_of(c.entry) == service
            && c.site.category == Category::Store
            && c.z >= CLEAR_VISITS
            && then > 0.0
            && then < RARE
            && now >= GROWN * then
            && now - then >= MORE
    };
    let more = |c: &CallFacts| (c.per_request[1] - c.per_request[0]) * c.requests[1];
    let c = facts.calls.iter().filter(missed).max_by(|a, b| more(a).total_cmp(&more(b)))?;
    let [before, after] = c.per_request;
    let query = facts.operation_name(c.site.operation);
    let shift = Shift {
        before,
        after,
        sigma: (after - before) / c.z,
        samples: c.requests.map(|n| n as u64),
    };
    let claim = format!("{query} is made by most requests; a cache answered before");
    let mut seen = vec![evidence(claim, "visits per request", "1", &shift, true)];
    seen[0].pattern = Some(Pattern::ColdCache);
    for s in facts.series_of(service, Role::Utilization, Facility::Cache) {
        let claim = format!("{} at the same time", s.identity.name);
        seen.push(evidence(claim, &s.identity.name, &s.identity.unit, &s.down, s.down.z() < 0.0));
    }
    Some(Hypothesis {
        service: service.to_owned(),
        kind: BottleneckKind::DatabaseIo,
        strength: 0.75 + 0.25 * ramp(after / before, GROWN, 10.0),
        impact: Impact::Time(more(c) * super::visits::cost_ns(facts, c)),
        evidence: seen,
        site: Some(c.site),
    })
}
