//! Errors: failing spans, or error series that rose; the deepest service that fails on its own.

use super::{Hypothesis, Impact, evidence, ramp};
use crate::facts::{CLEAR, Facts, FlowFact, SeriesFact, Shift};
use longpole_model::finding::{BottleneckKind, Evidence};
use longpole_model::signal::{Category, Facility, Role, SiteKey, Temporality};

/// Least growth of a failure share that counts.
const STEP: f64 = 0.02;
/// Least number of events more that a counter must show: one or two happen anywhere.
const EVENTS: f64 = 5.0;

/// Chance of so many failures, if nothing had changed, at which they are believed. Not as small as for
/// times: what fails is rare, and not one of hundreds of sites.
const BY_CHANCE: f64 = 1e-4;

/// The failure share of a service that grew most: from its own spans, else from its series.
pub(super) fn failing(facts: &Facts, service: &str) -> Option<(Shift, Evidence, Option<SiteKey>)> {
    if let Some(f) = facts.flow(service, Category::Own) {
        let failures = f.failed.after * f.visits[1] as f64;
        let clear = f.failed.z() >= CLEAR && f.failing_chance < BY_CHANCE;
        if f.failed.delta() >= STEP && clear && failures >= 3.0 {
            let claim = format!("spans of {service} itself fail");
            let e = evidence(claim, "failed own spans", "1", &f.failed, true);
            return Some((f.failed, e, f.worst.map(|w| w.0)));
        }
    }
    let facilities = [Facility::Request, Facility::Other, Facility::Network];
    let series = facilities.iter().flat_map(|f| facts.series_of(service, Role::Errors, *f));
    let calls = facts.calls_per_second(service).max(f64::MIN_POSITIVE);
    // A ratio is a share already; what counters gain a second is held against the calls.
    let clear = |s: &&SeriesFact| match s.identity.temporality {
        Temporality::Gauge => s.up.delta() >= STEP,
        Temporality::Delta | Temporality::Cumulative => {
            // The value is that of the window's highest third.
            let events = s.up.delta() * facts.seconds[1] / 3.0;
            s.up.delta() / calls >= STEP && events >= EVENTS
        }
    };
    let risen = series.filter(|s| s.rose()).filter(clear);
    let s = risen.max_by(|a, b| a.up.z().total_cmp(&b.up.z()))?;
    let claim = format!("{} of {service} rose", s.identity.name);
    let e = evidence(claim, &s.identity.name, &s.identity.unit, &s.up, true);
    Some((s.up, e, None))
}

pub(super) fn check(facts: &Facts, service: &str) -> Option<Hypothesis> {
    let (shift, seen, site) = failing(facts, service)?;
    let share = shift.delta().min(1.0);
    let mut strength = 0.5 + 0.5 * ramp(share, STEP, 0.2);
    let mut all = vec![seen];
    // A caller that fails because its callee does is a symptom: callee before caller.
    if let Some(e) = deeper(facts, service, &|_, s| s.delta() >= 0.5 * share) {
        strength *= 0.4;
        all.push(e);
    }
    // Whom it calls outside of what is instrumented fails about as often: the defect is theirs.
    let outside = facts
        .flows_from(service, Category::Remote)
        .filter(|(_, f)| {
            f.failed.z() >= CLEAR && failures(f) >= 0.5 * share * own_visits(facts, service)
        })
        .max_by(|a, b| failures(a.1).total_cmp(&failures(b.1)));
    if let Some((flow, f)) = outside {
        let peer = if flow.peer.is_empty() { "what it calls" } else { flow.peer.as_str() };
        let claim = format!("{peer}, which sends no spans, fails as often as {service} does");
        all.push(evidence(claim, "failed calls out", "1", &f.failed, true));
    }
    // A caller that gives up on a callee that is well has no defect but a setting.
    if let Some(e) = super::patience::impatient(facts, service) {
        strength *= 0.4;
        all.push(e.evidence(false));
    }
    // DNS, proxies and other network facilities that fail are the network's business.
    let of_network = facts.series_of(service, Role::Errors, Facility::Network).next().is_some();
    let kind = match (of_network, outside) {
        (true, _) if site.is_none() => BottleneckKind::NetworkIo,
        (_, Some(_)) => BottleneckKind::Downstream,
        (true | false, None) => BottleneckKind::Errors,
    };
    let impact = Impact::Failures(share * facts.calls_per_second(service));
    let service = service.to_owned();
    Some(Hypothesis { service, kind, strength, impact, evidence: all, site })
}

/// A service below that fails often `enough` to be the reason: it comes first.
pub(super) fn deeper(
    facts: &Facts,
    service: &str,
    enough: &dyn Fn(&str, &Shift) -> bool,
) -> Option<Evidence> {
    let below = facts.graph.below(service).into_iter();
    let (callee, s) = below
        .filter_map(|c| Some((c, failing(facts, c)?.0)))
        .filter(|(c, s)| enough(c, s) && !facts.graph.below(c).contains(service))
        .max_by(|a, b| a.1.delta().total_cmp(&b.1.delta()))?;
    let claim = format!("{callee}, which it calls, fails as well: that comes first");
    Some(evidence(claim, "failures of a callee", "1", &s, false))
}

/// Failed calls of a flow in the window, beyond what the baseline leads one to expect.
fn failures(f: &FlowFact) -> f64 {
    f.failed.delta().max(0.0) * f.visits[1] as f64
}

fn own_visits(facts: &Facts, service: &str) -> f64 {
    facts.flow(service, Category::Own).map_or(0.0, |f| f.visits[1] as f64)
}

pub(super) fn why_not(facts: &Facts, service: &str) -> Option<String> {
    let f = facts.flow(service, Category::Own)?;
    Some(format!(
        "failed share of its own spans {:.3} -> {:.3} (n = {})",
        f.failed.before, f.failed.after, f.visits[1]
    ))
}
