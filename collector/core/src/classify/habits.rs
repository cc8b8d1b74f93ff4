//! Habits of requests as evidence: calls that went side by side and now wait for one another, a lock for
//! which more and more wait, bodies that have grown.
//!
//! Only the first is a cause by itself; the others say more about a cause that another rule has found.

use super::{Hypothesis, Impact};
use crate::facts::{Facts, PayloadFact, SerialFact, WaitFact};
use longpole_model::finding::{BottleneckKind, Evidence, Pattern};
use longpole_model::signal::{Category, OperationId};

/// Share of the requests' time, and nanoseconds a request, that going side by side must save.
const SAVED: (f64, f64) = (0.05, 5e5);
/// How often per request two calls must follow one another to be its way.
const OFTEN: f64 = 0.3;
/// Growth of what is carried that is another order of things.
const HEAVIER: f64 = 3.0;
/// Growth of the mean number of waiters, and how many it must be at least.
const WAITERS: (f64, f64) = (2.0, 0.1);
/// What else requests take has not grown by more: who holds the lock is as quick as before.
const STEADY: f64 = 1.3;

/// Calls of a service that were made side by side before and now one behind the other.
pub(super) fn check(facts: &Facts, service: &str) -> Option<Hypothesis> {
    let own = facts.habits.serial.iter().filter(|s| facts.name_of(s.entry) == service);
    let parted = own.filter(|s| s.parted && s.per_request[1] >= OFTEN && matters(s));
    let worst = parted.max_by(|a, b| lost(a).total_cmp(&lost(b)))?;
    let site = facts.calls.iter().find(|c| {
        c.entry == worst.entry
            && c.site.operation == worst.calls[1]
            && c.site.category != Category::Callee
    });
    Some(Hypothesis {
        service: service.to_owned(),
        kind: BottleneckKind::ChattyCalls,
        strength: 0.8,
        impact: Impact::Time(lost(worst)),
        evidence: vec![serial(facts, worst, "went side by side before")],
        site: site.map(|c| c.site),
    })
}

fn matters(s: &SerialFact) -> bool {
    s.of_time >= SAVED.0 && s.saved_ns[1] >= SAVED.1
}

/// Nanoseconds in the window that it costs more than before.
fn lost(s: &SerialFact) -> f64 {
    (s.saved_ns[1] - s.saved_ns[0]) * s.requests[1]
}

fn serial(facts: &Facts, s: &SerialFact, why: &str) -> Evidence {
    let [first, then] = s.calls.map(|id| facts.operation_name(id));
    let [before, after] = s.saved_ns;
    Evidence {
        claim: format!(
            "{} calls {first} and only then {then}, which {why}: at once they would save {:.1} ms a request",
            facts.operation_name(s.entry),
            after / 1e6
        ),
        signal: "time of calls one behind the other that side by side would save".to_owned(),
        unit: "ns".to_owned(),
        before: Some(before),
        after: Some(after),
        samples: s.requests.map(|n| n as u64),
        strength: 10.0,
        supports: true,
        pattern: Some(Pattern::SequentialCalls),
    }
}

/// Adds what habits say about a cause that was found.
pub(super) fn add(facts: &Facts, h: &mut Hypothesis) {
    if !matches!(h.impact, Impact::Time(_)) {
        return;
    }
    let at_site = h.site.map(|s| s.operation);
    if let Some(p) = heavier(facts, &h.service, at_site) {
        h.evidence.push(payload(facts, p));
    }
    if h.kind == BottleneckKind::Lock
        && let Some(w) = facts.habits.waits.get(&h.service).filter(|w| is_convoy(w))
    {
        h.evidence.push(convoy(&h.service, w));
    }
    let own = facts.habits.serial.iter().filter(|s| facts.name_of(s.entry) == h.service);
    let free = own.filter(|s| s.either_way && !s.parted && matters(s));
    if let Some(s) = free.max_by(|a, b| a.of_time.total_cmp(&b.of_time)) {
        h.evidence.push(serial(facts, s, "comes first as often"));
    }
}

/// What a service answers, or asks at the site, that has become heavier.
fn heavier<'a>(
    facts: &'a Facts,
    service: &str,
    site: Option<OperationId>,
) -> Option<&'a PayloadFact> {
    let grew = |p: &&PayloadFact| p.amount[1] >= HEAVIER * p.amount[0].max(1.0);
    let ours =
        |p: &&PayloadFact| site == Some(p.operation) || facts.name_of(p.operation) == service;
    let all = facts.habits.payloads.iter().filter(ours).filter(grew);
    let more = |p: &PayloadFact| (p.amount[1] - p.amount[0]) * p.calls[1] as f64;
    all.max_by(|a, b| more(a).total_cmp(&more(b)))
}

fn payload(facts: &Facts, p: &PayloadFact) -> Evidence {
    let store = facts.operation_is_store(p.operation);
    let (what, unit) = if store { ("rows", "{row}") } else { ("bytes", "By") };
    let [before, after] = p.amount;
    Evidence {
        claim: format!(
            "{} carries {:.0} times as many {what} as before{}",
            facts.operation_name(p.operation),
            after / before.max(1.0),
            facts
                .per_unit(p)
                .map(|[a, b]| format!("; {a:.1} -> {b:.1} ns for each"))
                .unwrap_or_default()
        ),
        signal: format!("median {what} of {}", facts.operation_name(p.operation)),
        unit: unit.to_owned(),
        before: Some(before),
        after: Some(after),
        samples: p.calls,
        strength: 10.0,
        supports: true,
        pattern: Some(Pattern::OversizedPayload),
    }
}

fn is_convoy(w: &WaitFact) -> bool {
    let [then, now] = w.waiters;
    now >= WAITERS.1
        && now >= WAITERS.0 * then
        && w.requests.iter().all(|n| *n >= 10)
        && w.holding_ns[1] <= STEADY * w.holding_ns[0]
}

fn convoy(service: &str, w: &WaitFact) -> Evidence {
    let [before, after] = w.waiters;
    Evidence {
        claim: format!(
            "{after:.1} requests of {service} wait at a time, and what they do besides takes {:.1} ms as before: \
             more meet at one lock, it is not held longer",
            w.holding_ns[1] / 1e6
        ),
        signal: "requests that wait, by Little's law".to_owned(),
        unit: "{request}".to_owned(),
        before: Some(before),
        after: Some(after),
        samples: w.requests,
        strength: 10.0,
        supports: true,
        pattern: Some(Pattern::LockConvoy),
    }
}
