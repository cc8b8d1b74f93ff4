//! Queues, pools and locks that fill: waiting shows in saturation series.

use super::{Hypothesis, Impact, evidence, ramp};
use crate::facts::{CLEAR, Facts, SeriesFact};
use longpole_model::finding::BottleneckKind;
use longpole_model::signal::{Facility, Role};

/// Least growth that anybody feels: five milliseconds of waiting, or some of the work that waits.
fn least(s: &SeriesFact) -> f64 {
    let says = |w: &str| s.identity.name.split(|c: char| !c.is_alphanumeric()).any(|x| x == w);
    let timed = matches!(s.identity.unit.as_str(), "s" | "ms" | "us" | "ns")
        || ["seconds", "ms", "us"].iter().any(|w| says(w));
    if timed { 0.005 } else { 0.3 }
}

pub(super) fn check(facts: &Facts, service: &str) -> Option<Hypothesis> {
    let facilities = [Facility::Pool, Facility::Queue, Facility::Lock];
    let waiting = facilities.iter().flat_map(|f| facts.series_of(service, Role::Saturation, *f));
    let grown = waiting
        .filter(|s| s.rose() && s.up.delta() >= least(s))
        .filter(|s| s.up.after >= 2.0 * s.baseline_max.max(0.0));
    let s = grown.max_by(|a, b| a.up.z().total_cmp(&b.up.z()))?;
    let name = &s.identity.name;
    let claim = format!("{name} of {service} rose: work waits");
    let mut seen = vec![evidence(claim, name, &s.identity.unit, &s.up, true)];
    for used in facts.series_of(service, Role::Utilization, s.identity.facility) {
        let claim = format!("{} at the same time", used.identity.name);
        let supports = used.up.after >= used.up.before;
        seen.push(evidence(claim, &used.identity.name, &used.identity.unit, &used.up, supports));
    }
    let lock = s.identity.facility == Facility::Lock;
    Some(Hypothesis {
        service: service.to_owned(),
        kind: if lock { BottleneckKind::Lock } else { BottleneckKind::Queue },
        strength: 0.7 + 0.3 * ramp(s.up.z(), CLEAR, 20.0),
        impact: Impact::Resource,
        evidence: seen,
        site: None,
    })
}

pub(super) fn why_not(facts: &Facts, service: &str) -> Option<String> {
    let facilities = [Facility::Pool, Facility::Queue];
    let mut all = facilities.iter().flat_map(|f| facts.series_of(service, Role::Saturation, *f));
    let s = all.next()?;
    Some(format!("{} went from {:.3} to {:.3}", s.identity.name, s.up.before, s.up.after))
}
