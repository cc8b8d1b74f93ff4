//! Visits per request: calls that stopped (an early return or exception) and calls that multiplied
//! (N+1, retries).

use super::{Hypothesis, Impact, ramp};
use crate::facts::{CLEAR, CallFacts, Facts, Shift};
use longpole_model::finding::{BottleneckKind, Evidence, Pattern};
use longpole_model::signal::Category;

/// Spreads that visits per request must move.
const CLEAR_VISITS: f64 = 5.0;
/// Visits that fall below this share of what they were have stopped for part of the requests.
const STOPPED: f64 = 0.7;
/// Nanoseconds of a request above which its visits are not counted: a trace is put together when it was
/// silent for five seconds, and what comes behind such a silence is missing in it.
const TOO_LONG: f64 = 2.5e9;
/// What is left of a cause that rests on calls which are not seen and are served all the same: not enough to be said.
pub(super) const UNSEEN: f64 = 0.2;
/// Growth of demand beyond which calls a second are looked at, too.
const SURGE: f64 = 1.5;
/// Visits that multiply by this are a pattern, not a mix.
const MULTIPLIED: f64 = 3.0;

pub(super) fn check(facts: &Facts, service: &str) -> Option<Hypothesis> {
    let own = || facts.calls.iter().filter(|c| facts.name_of(c.entry) == service);
    if let Some(c) = multiplied(facts, service) {
        let strength = 0.7 + 0.3 * ramp(c.per_request[1] / c.per_request[0].max(0.1), 2.0, 8.0);
        return Some(Hypothesis {
            service: service.to_owned(),
            kind: BottleneckKind::ChattyCalls,
            strength,
            impact: Impact::Time(surplus_ns(facts, c).max(longer_ns(facts, c))),
            evidence: vec![seen(facts, c, "multiplied", multiplication(facts, c))],
            site: Some(c.site),
        });
    }
    let mut stopped: Vec<&CallFacts> = own()
        .filter(|c| c.z <= -CLEAR_VISITS && c.per_request[1] <= STOPPED * c.per_request[0])
        .filter(|c| c.duration_ns[1] < TOO_LONG)
        .filter(|c| !is_by_the_clock(facts, service, c))
        .collect();
    stopped.sort_by(|a, b| a.z.total_cmp(&b.z));
    let worst = stopped.first()?;
    let mut strength = 0.6 + 0.4 * ramp(-worst.z, CLEAR_VISITS, 15.0);
    // Visits that moved to a sibling are another mix of requests, not an early return.
    let (lost, gained) = balance(facts, worst.entry);
    if gained >= 0.5 * lost {
        strength *= 0.4;
    }
    // What it would have called next is not called when it has given up on what it called before, or when that
    // has failed: about as often as calls are missing.
    let missing = -surplus(worst) * worst.requests[1];
    let failures = |c: &str, s: &Shift| s.delta() * facts.calls_per_second(c) * facts.seconds[1];
    let failed = super::errors::deeper(facts, service, &|c, s| failures(c, s) >= 0.5 * missing);
    if failed.is_some() || super::patience::impatient(facts, service).is_some() {
        strength *= 0.4;
    }
    let worth_telling = stopped.iter().take(3);
    let mut evidence: Vec<Evidence> =
        worth_telling.map(|c| seen(facts, c, "stopped for part", Pattern::MissingCalls)).collect();
    evidence.extend(failed);
    if let Some(c) = facts.lost_sight(service, |_| true) {
        strength *= UNSEEN;
        evidence.push(unseen(facts, c));
    }
    Some(Hypothesis {
        service: service.to_owned(),
        kind: BottleneckKind::Errors,
        strength,
        impact: Impact::Failures(lost / facts.seconds[1]),
        evidence,
        site: Some(worst.site),
    })
}

/// The calls of a service's requests that multiplied most.
pub(super) fn multiplied<'a>(facts: &'a Facts, service: &str) -> Option<&'a CallFacts> {
    let own = facts.calls.iter().filter(|c| facts.name_of(c.entry) == service);
    own.filter(|c| c.z >= CLEAR_VISITS && surplus(c) >= 2.0)
        .filter(|c| c.per_request[1] >= MULTIPLIED * c.per_request[0])
        .filter(|c| {
            matches!(c.site.category, Category::Store | Category::Remote | Category::Callee)
        })
        .max_by(|a, b| surplus(a).total_cmp(&surplus(b)))
}

/// Whether calls are made as often a second as before, where more is asked: a cache that is filled by the clock makes
/// fewer a request then, and none of them stopped.
fn is_by_the_clock(facts: &Facts, service: &str, c: &CallFacts) -> bool {
    let [then, now] = [0, 1].map(|i: usize| c.per_request[i] * c.requests[i] / facts.seconds[i]);
    facts.demand_grew(service) >= SURGE && now >= STOPPED * then
}

/// Visits that an entry's sites lost and gained in the window, each only where it is clear.
fn balance(facts: &Facts, entry: longpole_model::signal::OperationId) -> (f64, f64) {
    let of_entry = facts.calls.iter().filter(|c| c.entry == entry && c.z.abs() >= CLEAR_VISITS);
    of_entry.filter(|c| c.site.category != Category::Callee).fold(
        (0.0, 0.0),
        |(lost, gained), c| {
            let moved = surplus(c) * c.requests[1];
            (lost + (-moved).max(0.0), gained + moved.max(0.0))
        },
    )
}

/// Extra visits per request.
fn surplus(c: &CallFacts) -> f64 {
    c.per_request[1] - c.per_request[0]
}

/// Time that the extra visits took in the window.
fn surplus_ns(facts: &Facts, c: &CallFacts) -> f64 {
    surplus(c) * c.requests[1] * cost_ns(facts, c)
}

/// Time by which the requests that make the extra visits became longer, without what calls of other kinds account
/// for. On a machine that has little left it is much more than the visits: each one more waits for its turn before
/// it and behind it, which nobody's span shows but the request's.
fn longer_ns(facts: &Facts, c: &CallFacts) -> f64 {
    let service = facts.name_of(c.entry);
    let calls = [Category::Store, Category::Remote, Category::Callee, Category::Gap];
    let others = calls.into_iter().filter(|category| *category != c.site.category);
    let others = others.flat_map(|category| facts.flows_from(service, category));
    let elsewhere: f64 = others.filter(|(_, f)| f.grew()).map(|(_, f)| f.total_excess_ns()).sum();
    let [then, now] = c.duration_ns;
    ((now - then) * c.requests[1] - elsewhere).max(0.0)
}

/// What a visit takes now: the greatest median of its service's sites of that category.
pub(super) fn cost_ns(facts: &Facts, c: &CallFacts) -> f64 {
    let service = facts.name_of(c.site.operation);
    let flows = facts.flows_from(service, c.site.category);
    flows.filter_map(|(_, f)| f.worst).map(|w| w.2[0] as f64).fold(0.0, f64::max)
}

/// Says that calls are served which are not seen: it speaks against whatever follows from missing them.
pub(super) fn unseen(facts: &Facts, c: &CallFacts) -> Evidence {
    let mut e = seen(facts, c, "served as before, and not seen", Pattern::MissingSpans);
    e.supports = false;
    e
}

/// Says that calls multiplied: it speaks against whatever follows from them.
pub(super) fn more(facts: &Facts, c: &CallFacts) -> Evidence {
    let mut e = seen(facts, c, "multiplied: that comes first", multiplication(facts, c));
    e.supports = false;
    e
}

/// What calls that multiplied are: queries by row, tries of what fails, or many calls.
fn multiplication(facts: &Facts, c: &CallFacts) -> Pattern {
    let callee = facts.name_of(c.site.peer);
    match c.site.category {
        Category::Store if repeated(facts, c) => Pattern::DuplicateQuery,
        Category::Store => Pattern::NPlusOne,
        Category::Remote if refused(facts, c) => Pattern::RetryStorm,
        _ if !callee.is_empty() && super::errors::failing(facts, callee).is_some() => {
            Pattern::RetryStorm
        }
        _ => Pattern::ChattyFanOut,
    }
}

/// Whether calls to what sends no spans fail more often than before.
fn refused(facts: &Facts, c: &CallFacts) -> bool {
    let mut flows = facts.flows_from(facts.name_of(c.site.operation), Category::Remote);
    flows.any(|(_, f)| f.failed.z() >= CLEAR && f.failed.delta() > 0.1)
}

/// Whether most of the queries more are the same query with the same values.
fn repeated(facts: &Facts, c: &CallFacts) -> bool {
    let mut all = facts.habits.repeats.iter();
    all.any(|r| {
        r.entry == c.entry
            && r.query == c.site.operation
            && r.per_request[1] - r.per_request[0] >= 0.5 * surplus(c)
    })
}

fn seen(facts: &Facts, c: &CallFacts, how: &str, pattern: Pattern) -> Evidence {
    let target = match facts.name_of(c.site.peer) {
        "" => facts.operation_name(c.site.operation),
        _ => facts.operation_name(c.site.peer),
    };
    Evidence {
        claim: format!(
            "{} per request of {}: {target} {how}",
            "visits",
            facts.operation_name(c.entry)
        ),
        signal: format!("visits of {target} per request"),
        unit: "1".to_owned(),
        before: Some(c.per_request[0]),
        after: Some(c.per_request[1]),
        samples: c.requests.map(|n| n as u64),
        strength: c.z,
        supports: true,
        pattern: Some(pattern),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longpole_model::signal::{OperationId, SiteKey};

    /// What is said where a query that each eleventh request made is made by each eightieth now.
    fn said(asked: [f64; 2]) -> Option<Hypothesis> {
        let [entry, operation] = [OperationId(0), OperationId(1)];
        let site = SiteKey { operation, peer: OperationId::NONE, category: Category::Store };
        let mut facts = Facts::default();
        facts.seconds = [20.0, 15.0];
        let (per_request, duration_ns) = ([0.0947, 0.0122], [1e6, 1e6]);
        let requests = [20.0 * asked[0], 15.0 * asked[1]];
        facts.calls = vec![CallFacts { entry, site, per_request, requests, duration_ns, z: -12.0 }];
        let [before, after] = asked;
        let samples = requests.map(|n| n as u64);
        facts.demand.insert(String::new(), Shift { before, after, sigma: 2.0, samples });
        // Operations without a name are of the service without one.
        check(&facts, "")
    }

    /// Milliseconds that are lost to seventy queries instead of one, where a request takes so many instead of one.
    fn lost_ms(duration_ms: f64) -> f64 {
        let [entry, operation] = [OperationId(0), OperationId(1)];
        let site = SiteKey { operation, peer: OperationId::NONE, category: Category::Store };
        let (per_request, requests) = ([1.0, 70.0], [600.0, 450.0]);
        let duration_ns = [1e6, duration_ms * 1e6];
        let mut facts = Facts::default();
        facts.calls = vec![CallFacts { entry, site, per_request, requests, duration_ns, z: 400.0 }];
        match check(&facts, "").map(|h| h.impact) {
            Some(Impact::Time(ns)) => ns / 1e6,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn calls_that_multiplied_took_what_their_requests_took_longer() {
        assert!((lost_ms(101.0) - 45_000.0).abs() < 1.0, "the turns that each one waits for");
        assert!(lost_ms(0.5).abs() < 1e-9, "shorter: nothing is made up");
    }

    #[test]
    fn a_cache_that_is_filled_by_the_clock_stops_no_calls() {
        assert!(said([42.0, 42.0]).is_some(), "as many ask, and fewer calls are made");
        assert!(said([42.0, 320.0]).is_none(), "as many calls a second for more who ask");
    }
}
