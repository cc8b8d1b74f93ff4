//! Configuration: a caller that gives up before its callee, who is no slower than before, has answered.
//!
//! Nine tenths of the calls end earlier at the caller than half of them do at the callee. No fault of
//! network, load or code looks like that: somebody told the caller to wait for less than a call takes.

use super::{Hypothesis, Impact, evidence};
use crate::facts::{EdgeFact, Facts, Shift};
use longpole_model::finding::{BottleneckKind, Evidence, Pattern};

/// A callee that slowed down by this factor is the cause itself.
const SLOWER: f64 = 1.5;

/// An edge on which the caller gives up.
pub(super) struct Impatient<'a> {
    edge: &'a EdgeFact,
    caller: String,
    callee: String,
}

impl Impatient<'_> {
    /// What the edge shows.
    pub(super) fn evidence(&self, supports: bool) -> Evidence {
        let [before, after] = self.edge.waited_ns.map(|ns| ns as f64);
        let took = self.edge.took_ns[1] as f64 / 1e6;
        let claim = format!(
            "{} stops waiting for {}, which takes {took:.1} ms as before",
            self.caller, self.callee
        );
        let sigma = (after - before).abs() / 10.0;
        let shift = Shift { before, after, sigma, samples: self.edge.calls };
        let mut e = evidence(claim, "p90 of the call, seen by the caller", "ns", &shift, supports);
        e.strength = e.strength.abs();
        e.pattern = Some(Pattern::ImpatientCaller);
        e
    }
}

/// The edge of a service on which it gives up most often.
pub(super) fn impatient<'a>(facts: &'a Facts, service: &str) -> Option<Impatient<'a>> {
    let gives_up = |e: &&EdgeFact| {
        let [then, now] = [0, 1].map(|i: usize| e.waited_ns[i] < e.took_ns[i]);
        let same = (e.took_ns[1] as f64) < SLOWER * e.took_ns[0] as f64;
        !then && now && same && facts.name_of(e.caller) == service
    };
    let edge = facts.edges.iter().filter(gives_up).max_by_key(|e| e.calls[1])?;
    Some(Impatient {
        edge,
        caller: facts.name_of(edge.caller).to_owned(),
        callee: facts.operation_name(edge.callee),
    })
}

pub(super) fn check(facts: &Facts, service: &str) -> Option<Hypothesis> {
    let found = impatient(facts, service)?;
    // Without failures a caller may end its span early on purpose (it does not await the answer).
    let (shift, failing, site) = super::errors::failing(facts, service)?;
    let impact = Impact::Failures(shift.delta().min(1.0) * facts.calls_per_second(service));
    Some(Hypothesis {
        service: service.to_owned(),
        kind: BottleneckKind::Configuration,
        strength: 0.9,
        impact,
        evidence: vec![found.evidence(true), failing],
        site,
    })
}
