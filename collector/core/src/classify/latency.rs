//! Services that only metrics know: a latency series rose, and no callee's series explains it.
//!
//! Compared by excess seconds per second over the service's quantile series, so that a rare tail
//! does not outrank what everybody waits for.

use super::{Hypothesis, Impact, evidence, is_store, ramp};
use crate::facts::{CLEAR, Facts, SeriesFact, says};
use longpole_model::finding::BottleneckKind;
use longpole_model::signal::{Facility, Role};

/// Least growth that counts, in seconds and as a ratio.
const STEP: (f64, f64) = (0.005, 1.3);

/// Values of a baseline that say nothing about its spread, and as many as say enough.
const FEW: f64 = 6.0;
const ENOUGH: f64 = 20.0;

/// How a service's latency series grew as a whole.
pub(super) struct Slower<'a> {
    /// The series that moved most, in spreads.
    pub(super) series: &'a SeriesFact,
    /// Growth of the quantile that grew most, in seconds.
    pub(super) seconds: f64,
    /// Excess seconds per second: growth weighted over quantiles, times the request rate where known.
    pub(super) waiting: f64,
}

/// Weight of a quantile's growth in an estimate of the mean's (trapezoids between quantiles).
fn weight(s: &SeriesFact) -> f64 {
    let named =
        |k: &str| s.identity.attributes.iter().find(|(key, _)| key == k).map(|(_, v)| v.as_str());
    let in_name = |word: &str| says(&s.identity, &[word]);
    let q = named("quantile").and_then(|v| v.parse::<f64>().ok());
    match (q, named("longpole.stat")) {
        (Some(q), _) if q >= 0.985 => 0.03,
        (Some(q), _) if q >= 0.93 => 0.05,
        (Some(q), _) if q >= 0.8 => 0.2,
        (Some(_), _) => 0.7,
        (None, Some("p99")) => 0.03,
        (None, _) if in_name("p99") => 0.03,
        (None, _) if in_name("p95") => 0.07,
        _ => 0.7,
    }
}

/// How a service's latency grew, if it clearly did.
pub(super) fn slowest<'a>(facts: &'a Facts, service: &str) -> Option<Slower<'a>> {
    if facts.is_idle(service) {
        return None;
    }
    let facilities = [Facility::Request, Facility::Network, Facility::Other];
    let all = facilities.iter().flat_map(|f| facts.series_of(service, Role::Latency, *f));
    let grown: Vec<&SeriesFact> = all
        .filter(|s| s.rose() && s.up.delta() >= STEP.0)
        .filter(|s| s.up.ratio().is_none_or(|r| r >= STEP.1))
        .collect();
    let series = grown.iter().copied().max_by(|a, b| a.up.z().total_cmp(&b.up.z()))?;
    let seconds = grown.iter().map(|s| s.up.delta()).fold(0.0, f64::max);
    let per_call = grown.iter().map(|s| s.up.delta() * weight(s)).sum::<f64>();
    let waiting = per_call * facts.calls_per_second(service);
    Some(Slower { series, seconds, waiting })
}

pub(super) fn check(facts: &Facts, service: &str) -> Option<Hypothesis> {
    // Where there are spans, they say it better.
    if facts.flows.keys().any(|f| f.service == service) {
        return None;
    }
    let slower = slowest(facts, service)?;
    let s = slower.series;
    let name = &s.identity.name;
    let mut seen = vec![evidence(format!("{name} of {service} rose"), name, "s", &s.up, true)];
    let mut strength = 0.5 + 0.4 * ramp(s.up.z(), CLEAR, 30.0);
    // Quantiles that others computed jump from one bucket's bound to the next: how far a series wanders
    // by itself is not known from a few values.
    strength *= ramp(s.up.samples[0] as f64, FEW, ENOUGH);
    // One series of one service may jump by itself: somebody else must feel it. Where spans are at
    // hand and this service has none, its series are at best a symptom.
    let neighbours = facts.graph.callers(service).chain(facts.graph.callees(service));
    let others: Vec<&str> = if facts.graph.is_empty() {
        facts.services.iter().map(String::as_str).filter(|s| *s != service).collect()
    } else {
        neighbours.collect()
    };
    let felt = |s: &&str| slowest(facts, s).is_some() || super::errors::failing(facts, s).is_some();
    if !others.iter().any(felt) || facts.flows.values().any(|f| f.visits[1] >= 20) {
        strength *= 0.3;
    }
    let below = facts.graph.below(service).into_iter();
    let deeper = below
        .filter_map(|c| Some((c, slowest(facts, c)?)))
        .filter(|(c, d)| {
            d.seconds >= 0.5 * slower.seconds && !facts.graph.below(c).contains(service)
        })
        .max_by(|a, b| a.1.seconds.total_cmp(&b.1.seconds));
    if let Some((callee, d)) = deeper {
        strength *= 0.4;
        let claim = format!("{callee}, which it calls, slowed down by as much: that comes first");
        seen.push(evidence(claim, &d.series.identity.name, "s", &d.series.up, false));
    }
    let kind = if is_store(service) {
        BottleneckKind::DatabaseIo
    } else if s.identity.facility == Facility::Network {
        BottleneckKind::NetworkIo
    } else {
        BottleneckKind::Downstream
    };
    Some(Hypothesis {
        service: service.to_owned(),
        kind,
        strength,
        impact: Impact::Waiting(slower.waiting),
        evidence: seen,
        site: None,
    })
}
