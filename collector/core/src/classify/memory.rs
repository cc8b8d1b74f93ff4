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
        if s.identity.name.contains("node") && !s.identity.placement.pod.is_empty() {
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

pub(super) fn why_not(facts: &Facts, service: &str) -> Option<String> {
    let mut all = facts.series_of(service, Role::Utilization, Facility::Memory);
    let s = all.find(|s| !s.identity.name.contains("node"))?;
    Some(format!(
        "{} at {:.3} against at most {:.3} in the baseline",
        s.identity.name, s.up.after, s.baseline_max
    ))
}
