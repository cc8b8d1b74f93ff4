//! The verb *classify*: which kinds of bottleneck the facts of a service speak for, and against.
//!
//! Each rule is a file: it looks at the facts of one service and answers with a [`Hypothesis`] or
//! nothing. Rules do not know one another; what outranks what is decided where they are compared
//! (strength, then how much of the users' time or errors the hypothesis explains). Thresholds stand
//! beside the rule with their reason.

mod cache;
mod cpu;
mod disk;
mod errors;
#[cfg(test)]
mod fixture;
mod habits;
mod latency;
mod load;
mod memory;
mod network;
mod patience;
mod pool;
mod queue;
mod time;
mod visits;

use crate::facts::{Facts, Shift};
use longpole_model::finding::{BottleneckKind, Evidence, RuledOut};
use longpole_model::signal::SiteKey;

/// A kind that the facts of a service speak for.
#[derive(Clone, Debug)]
pub struct Hypothesis {
    /// Whose bottleneck.
    pub service: String,
    /// Which kind.
    pub kind: BottleneckKind,
    /// 0 to 1: how clear the signature is, whatever its size.
    pub strength: f64,
    /// What it explains.
    pub impact: Impact,
    /// Facts for and against.
    pub evidence: Vec<Evidence>,
    /// The site that shows it best.
    pub site: Option<SiteKey>,
}

/// How much a hypothesis explains; compared only within one family.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Impact {
    /// Nanoseconds of excess time in the window, from spans.
    Time(f64),
    /// Failed or missing calls in the window, as a share of the service's own.
    Failures(f64),
    /// Excess seconds per second, from metric series only.
    Waiting(f64),
    /// A resource ran out; nothing to compare.
    Resource,
}

/// All hypotheses about all services.
pub fn hypotheses(facts: &Facts) -> Vec<Hypothesis> {
    let rules = [
        cpu::check,
        errors::check,
        visits::check,
        network::check,
        time::check,
        disk::check,
        cache::check,
        patience::check,
        memory::check,
        queue::check,
        latency::check,
        load::check,
        habits::check,
    ];
    let services = facts.services.iter();
    let mut all: Vec<Hypothesis> =
        services.flat_map(|s| rules.iter().filter_map(|rule| rule(facts, s))).collect();
    all.iter_mut().for_each(|h| habits::add(facts, h));
    all
}

/// Says why a kind was not found, where its facts were at hand.
type WhyNot = fn(&Facts, &str) -> Option<String>;

/// Kinds that were considered for a service and why they were ruled out.
pub fn ruled_out(facts: &Facts, service: &str, found: &[BottleneckKind]) -> Vec<RuledOut> {
    let checks: [(BottleneckKind, WhyNot); 7] = [
        (BottleneckKind::Cpu, cpu::why_not),
        (BottleneckKind::NetworkIo, network::why_not),
        (BottleneckKind::Errors, errors::why_not),
        (BottleneckKind::DatabaseIo, time::why_no_store),
        (BottleneckKind::DiskIo, disk::why_not),
        (BottleneckKind::Memory, memory::why_not),
        (BottleneckKind::Queue, queue::why_not),
    ];
    let open = checks.iter().filter(|(kind, _)| !found.contains(kind));
    open.filter_map(|(kind, why)| Some(RuledOut { kind: *kind, reason: why(facts, service)? }))
        .collect()
}

/// Whether a symptom that a user would feel shows at the service or at one that calls it.
fn has_symptom(facts: &Facts, service: &str) -> bool {
    let at = |s: &str| {
        let flows = facts.flows.iter();
        let slow = flows.filter(|(f, _)| f.service == s || f.peer == s).any(|(_, f)| f.grew());
        slow || latency::slowest(facts, s).is_some() || errors::failing(facts, s).is_some()
    };
    at(service) || facts.graph.callers(service).any(at)
}

/// Whether a service is a data store, by the words of its own name (semantic conventions name
/// stores by system, table or database).
fn is_store(service: &str) -> bool {
    const WORDS: [&str; 16] = [
        "db",
        "database",
        "sql",
        "mysql",
        "postgres",
        "postgresql",
        "mongodb",
        "mongo",
        "redis",
        "dynamodb",
        "cassandra",
        "elasticsearch",
        "mariadb",
        "oracle",
        "table",
        "memcached",
    ];
    let name = service.to_lowercase();
    let mut words = name.split(|c: char| !c.is_alphanumeric());
    words.any(|w| WORDS.contains(&w) || (w.len() > 2 && w.ends_with("db")))
}

/// Linear from 0 at `low` to 1 at `high`, clamped.
fn ramp(x: f64, low: f64, high: f64) -> f64 {
    ((x - low) / (high - low)).clamp(0.0, 1.0)
}

/// An [`Evidence`] from a shift.
fn evidence(claim: String, signal: &str, unit: &str, shift: &Shift, supports: bool) -> Evidence {
    Evidence {
        claim,
        signal: signal.to_owned(),
        unit: unit.to_owned(),
        before: Some(shift.before),
        after: Some(shift.after),
        samples: shift.samples,
        strength: shift.z().clamp(-1e6, 1e6),
        supports,
        pattern: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_known_by_their_words() {
        for s in ["productdb", "petInfo_AWS::DynamoDB::Table", "orders-postgres", "x_Database::SQL"]
        {
            assert!(is_store(s), "{s}");
        }
        for s in ["frontend", "feedback", "adservice", "tablet-service"] {
            assert!(!is_store(s), "{s}");
        }
    }
}
