//! Memory: killed for it, or growing towards the limit.

use super::{Hypothesis, Impact, evidence, has_symptom};
use crate::facts::{CLEAR, Facts, SeriesFact};
use longpole_model::finding::BottleneckKind;
use longpole_model::signal::{Facility, Role};

/// Growth of use as a share of the limit that counts.
const STEP: f64 = 0.15;
/// Share of the limit from which a level that does not grow is felt: garbage is collected oftener, pages
/// are given back.
const FULL: f64 = 0.8;
/// Growth of an amount, relative to the greatest value of the baseline.
const RATIO: f64 = 1.3;

/// The series that says that the service was killed for its memory, if one rose.
pub(super) fn killed<'a>(facts: &'a Facts, service: &str) -> Option<&'a SeriesFact> {
    facts.series_of(service, Role::Errors, Facility::Memory).find(|s| s.rose())
}

pub(super) fn check(facts: &Facts, service: &str) -> Option<Hypothesis> {
    let mut seen = Vec::new();
    let mut strength: f64 = 0.0;
    let killed = killed(facts, service);
    let pressed = facts.series_of(service, Role::Saturation, Facility::Memory).find(|s| s.rose());
    if let Some(s) = killed.or(pressed) {
        strength = if s.identity.role == Role::Errors { 0.95 } else { 0.6 };
        let claim = format!("{} rose", s.identity.name);
        seen.push(evidence(claim, &s.identity.name, &s.identity.unit, &s.up, true));
    }
    for s in facts.series_of(service, Role::Utilization, Facility::Memory) {
        let of_node = s.identity.name.contains("node") && !s.identity.placement.pod.is_empty();
        if of_node || is_reserved(s) || of_neighbours(facts, service, s) {
            continue;
        }
        let share = s.identity.name.contains("utili") || s.identity.unit == "%";
        let grew = if share {
            s.up.after - s.baseline_max >= STEP
        } else {
            s.up.after >= RATIO * s.baseline_max && s.up.z() >= CLEAR
        };
        if grew {
            // It must still be growing, or near its limit: another level far below it is no pressure.
            let leaking = s.ends[1] > 1.02 * s.ends[0].max(s.medians[1]);
            let full = share && s.end >= FULL;
            strength = strength.max(match (leaking, full) {
                (true, _) => 0.7,
                (false, true) => 0.5,
                (false, false) => 0.2,
            });
            let claim = format!("{} passed everything the baseline held", s.identity.name);
            seen.push(evidence(claim, &s.identity.name, &s.identity.unit, &s.up, true));
        }
    }
    if seen.is_empty() {
        return None;
    }
    // Processor stress takes memory along: check it first, unless memory killed the process.
    if killed.is_none() && facts.cpu_rise(service).is_some() {
        strength *= 0.5;
    }
    if killed.is_none() && !has_symptom(facts, service) {
        strength *= 0.4;
    }
    Some(Hypothesis {
        service: service.to_owned(),
        kind: BottleneckKind::Memory,
        strength,
        impact: Impact::Resource,
        evidence: seen,
        site: None,
    })
}

/// Whether it tells of addresses set aside, which is no memory in use.
fn is_reserved(series: &SeriesFact) -> bool {
    series.identity.name.contains("virtual")
}

/// Whether what a container holds more is held by others in it, pages of files among them: the service's own
/// process, where it tells of itself, holds less than half of it.
fn of_neighbours(facts: &Facts, service: &str, series: &SeriesFact) -> bool {
    let process = |s: &&SeriesFact| s.identity.name.starts_with("process");
    let held = || {
        let all = facts.series_of(service, Role::Utilization, Facility::Memory).filter(process);
        all.filter(|s| s.identity.unit == series.identity.unit && !is_reserved(s))
    };
    let more = held().map(|s| s.up.delta()).fold(0.0, f64::max);
    !process(&series) && held().next().is_some() && more < 0.5 * series.up.delta()
}

pub(super) fn why_not(facts: &Facts, service: &str) -> Option<String> {
    let mut all = facts.series_of(service, Role::Utilization, Facility::Memory);
    let s = all.find(|s| !s.identity.name.contains("node"))?;
    Some(format!(
        "{} at {:.3} against at most {:.3} in the baseline",
        s.identity.name, s.up.after, s.baseline_max
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::fixture::series;

    #[test]
    fn a_container_holds_what_others_hold_too() {
        let memory = (Role::Utilization, Facility::Memory);
        let container = || series("container.memory.usage", memory, "By", [8e8, 14e8]);
        let process = |now| series("process.memory.usage", memory, "By", [1e8, now]);
        let reserved = || series("process.memory.virtual", memory, "By", [1e9, 2e9]);
        let said = |all: Vec<SeriesFact>| {
            let mut facts = Facts::default();
            facts.series.insert("shop".into(), all);
            check(&facts, "shop").is_some()
        };
        assert!(said(vec![container()]), "nothing else is known");
        assert!(said(vec![container(), process(6e8)]), "it was the process");
        assert!(!said(vec![container(), process(1e8), reserved()]), "it was another one");
    }
}
