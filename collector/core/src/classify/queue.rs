//! Queues, pools and locks that fill: waiting shows in saturation series.

use super::{Hypothesis, Impact, evidence, pool, ramp};
use crate::facts::{CLEAR, Facts, SeriesFact, says};
use longpole_model::finding::BottleneckKind;
use longpole_model::signal::{Facility, Role};

/// Least growth that anybody feels: five milliseconds of waiting, or some of the work that waits.
fn least(s: &SeriesFact) -> f64 {
    if is_timed(s) { 0.005 } else { 0.3 }
}

/// Whether a series tells how long something waits, not how much of it does.
pub(super) fn is_timed(s: &SeriesFact) -> bool {
    matches!(s.identity.unit.as_str(), "s" | "ms" | "us" | "ns")
        || says(&s.identity, &["seconds", "ms", "us"])
}

/// The series that shows best that work waits longer for a facility of a service.
pub(super) fn longer<'a>(
    facts: &'a Facts,
    service: &str,
    facility: Facility,
) -> Option<&'a SeriesFact> {
    let waiting = facts.series_of(service, Role::Saturation, facility);
    let grown = waiting
        .filter(|s| s.rose() && s.up.delta() >= least(s))
        .filter(|s| s.up.after >= 2.0 * s.baseline_max.max(0.0))
        // One reading of many that finds somebody in a queue is what queues are for.
        .filter(|s| is_timed(s) || s.up.after >= 1.0 || s.lasts());
    grown.max_by(|a, b| a.up.z().total_cmp(&b.up.z()))
}

pub(super) fn check(facts: &Facts, service: &str) -> Option<Hypothesis> {
    let victim = pool::victim(facts, service).is_some();
    let facilities = [Facility::Pool, Facility::Queue, Facility::Lock];
    let grown = facilities.iter().filter_map(|f| longer(facts, service, *f));
    let s = grown
        .filter(|s| !(victim && s.identity.facility == Facility::Pool))
        .max_by(|a, b| a.up.z().total_cmp(&b.up.z()))?;
    let name = &s.identity.name;
    let claim = format!("{name} of {service} rose: work waits");
    let mut seen = vec![evidence(claim, name, &s.identity.unit, &s.up, true)];
    for used in facts.series_of(service, Role::Utilization, s.identity.facility) {
        let claim = format!("{} at the same time", used.identity.name);
        let supports = used.up.after >= used.up.before;
        seen.push(evidence(claim, &used.identity.name, &used.identity.unit, &used.up, supports));
    }
    let mut strength = 0.7 + 0.3 * ramp(s.up.z(), CLEAR, 20.0);
    if s.identity.facility == Facility::Pool
        && let Some(e) = pool::own_doing(facts, service)
    {
        strength *= if e.supports { 1.0 } else { pool::UNDECIDED };
        seen.push(e);
    }
    let lock = s.identity.facility == Facility::Lock;
    Some(Hypothesis {
        service: service.to_owned(),
        kind: if lock { BottleneckKind::Lock } else { BottleneckKind::Queue },
        strength,
        impact: Impact::Resource,
        evidence: seen,
        site: None,
    })
}

pub(super) fn why_not(facts: &Facts, service: &str) -> Option<String> {
    if let Some(victim) = pool::victim(facts, service) {
        return Some(victim.reason());
    }
    let facilities = [Facility::Pool, Facility::Queue];
    let mut all = facilities.iter().flat_map(|f| facts.series_of(service, Role::Saturation, *f));
    let s = all.next()?;
    Some(format!("{} went from {:.3} to {:.3}", s.identity.name, s.up.before, s.up.after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::fixture::series;

    fn is_said(levels: [f64; 2], end: f64) -> bool {
        let depth = series(
            "tokio.runtime.queue.depth",
            (Role::Saturation, Facility::Queue),
            "{task}",
            levels,
        );
        let mut facts = Facts::default();
        facts.series.insert("shop".into(), vec![SeriesFact { end, ..depth }]);
        check(&facts, "shop").is_some()
    }

    #[test]
    fn one_reading_of_a_short_queue_is_none() {
        assert!(!is_said([0.0, 0.33], 0.0), "one of nine readings found one");
        assert!(is_said([0.0, 0.33], 0.33), "and it stays");
        assert!(is_said([0.0, 5.0], 0.0), "many wait, in waves");
    }
}
