//! Disk: operations on it take longer, and so does the work of the service that waits for them.

use super::{Hypothesis, Impact, evidence, has_symptom};
use crate::facts::{Facts, SeriesFact};
use longpole_model::finding::BottleneckKind;
use longpole_model::signal::{Facility, Role};

/// Least growth of an operation's time that counts, in seconds: what a visit to a site must grow by, too.
const STEP: f64 = 0.001;

/// The disk series of a service that rose most, by its own spread.
fn slower<'a>(facts: &'a Facts, service: &str) -> Option<&'a SeriesFact> {
    let roles = [Role::Latency, Role::Saturation, Role::Utilization];
    let all = roles.iter().flat_map(|r| facts.series_of(service, *r, Facility::Disk));
    // Twice what it was: disks are shared, and a fifth more is an ordinary day.
    let risen = all.filter(|s| s.rose() && s.up.after >= 2.0 * s.baseline_max.max(0.0));
    let felt = risen.filter(|s| s.identity.role != Role::Latency || s.up.delta() >= STEP);
    felt.max_by(|a, b| a.up.z().total_cmp(&b.up.z()))
}

pub(super) fn check(facts: &Facts, service: &str) -> Option<Hypothesis> {
    let s = slower(facts, service)?;
    // More demand means more to write.
    if !has_symptom(facts, service) || s.up.ratio().is_some_and(|r| r <= facts.demand_grew(service))
    {
        return None;
    }
    let name = &s.identity.name;
    let claim = format!("{name} of {service} rose");
    let mut seen = vec![evidence(claim, name, &s.identity.unit, &s.up, true)];
    let slow = super::time::slowest(facts, service);
    if let Some((flow, f)) = slow {
        let claim = format!("{service}'s {} time grew with it", flow.category.as_str());
        seen.push(evidence(claim, "time above baseline p90", "1", &f.share, true));
    }
    Some(Hypothesis {
        service: service.to_owned(),
        kind: BottleneckKind::DiskIo,
        // Where no time of the service itself shows it, the disk may be busy for somebody else.
        strength: if slow.is_some() { 0.9 } else { 0.4 },
        impact: slow.map_or(Impact::Resource, |(_, f)| Impact::Time(f.total_excess_ns())),
        evidence: seen,
        site: slow.and_then(|(_, f)| f.worst).map(|w| w.0),
    })
}

pub(super) fn why_not(facts: &Facts, service: &str) -> Option<String> {
    let mut all = facts.series_of(service, Role::Latency, Facility::Disk);
    let s = all.next()?;
    Some(format!("{} went from {:.4} to {:.4}", s.identity.name, s.up.before, s.up.after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::fixture::series;

    #[test]
    fn a_tenth_of_a_millisecond_is_no_slow_disk() {
        let said = |seconds| {
            let disk = (Role::Latency, Facility::Disk);
            let mut facts = Facts::default();
            let mut writes = series("journal.disk.write.duration", disk, "s", [2e-5, seconds]);
            writes.up.sigma = 1e-6;
            facts.series.insert("shop".into(), vec![writes]);
            slower(&facts, "shop").is_some()
        };
        assert!(!said(1.2e-4));
        assert!(said(5e-3));
    }
}
