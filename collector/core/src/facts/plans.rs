//! What the plans of queries showed: which tables they read from end to end.
//!
//! Who asks for plans does so for slow queries, and seldom: how often one was told says little, that it was told
//! says much.

use super::{Facts, Stretch};
use longpole_model::signal::{OperationId, QUERY_PLAN};
use std::collections::BTreeMap;

/// A finding in the plans of an operation's queries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanFact {
    /// The query.
    pub operation: OperationId,
    /// What was found, e.g. `full_scan orders`.
    pub finding: String,
    /// Plans that showed it, before and after.
    pub plans: [u64; 2],
}

/// Findings of both stretches: a plan that was told just before the window begins is still the plan.
pub(super) fn plans(sides: [&Stretch; 2]) -> Vec<PlanFact> {
    let mut out: BTreeMap<(OperationId, &str), [u64; 2]> = BTreeMap::new();
    for (i, side) in sides.into_iter().enumerate() {
        for (key, weight) in &side.all.faults {
            if let Some(finding) = key.error.strip_prefix(QUERY_PLAN) {
                let plans = &mut out.entry((key.operation, finding)).or_default()[i];
                *plans = plans.saturating_add(weight.div_ceil(1 << 16));
            }
        }
    }
    let fact = |((operation, finding), plans): ((_, &str), _)| PlanFact {
        operation,
        finding: finding.to_owned(),
        plans,
    };
    out.into_iter().map(fact).collect()
}

impl Facts {
    /// What plans of a service's queries showed: first of the query named, first in the window, first what is new.
    pub fn plan_of(&self, service: &str, query: Option<OperationId>) -> Option<&PlanFact> {
        let own = self.plans.iter().filter(|p| self.name_of(p.operation) == service);
        let order = |p: &&PlanFact| (Some(p.operation) != query, p.plans[1] == 0, p.plans[0] > 0);
        own.min_by_key(order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longpole_model::signal::{FaultKey, WindowSummary};

    fn side(of: &[(u32, &str, u64)]) -> Stretch {
        let row = |(id, error, n): &(u32, &str, u64)| {
            let key = FaultKey { operation: OperationId(*id), error: (*error).to_owned() };
            (key, n << 16)
        };
        let window = WindowSummary { faults: of.iter().map(row).collect(), ..Default::default() };
        Stretch::new([&window].into_iter(), None)
    }

    #[test]
    fn findings_are_told_apart_from_errors_and_the_window_comes_first() {
        let before =
            side(&[(1, "query_plan full_scan users", 2), (2, "query_plan full_scan gone", 1)]);
        let after = side(&[
            (1, "query_plan full_scan orders", 1),
            (1, "query_plan full_scan users", 3),
            (1, "TimeoutError", 9),
        ]);
        let found = plans([&before, &after]);
        let told: Vec<_> = found.iter().map(|p| (p.finding.as_str(), p.plans)).collect();
        let all =
            [("full_scan orders", [0, 1]), ("full_scan users", [2, 3]), ("full_scan gone", [1, 0])];
        assert_eq!(told, all);
        let mut facts = Facts::default();
        facts.plans.extend(found);
        let of = |id| facts.plan_of("", Some(OperationId(id))).map(|p| p.finding.as_str());
        assert_eq!((of(1), of(2)), (Some("full_scan orders"), Some("full_scan gone")));
        assert_eq!(of(9), Some("full_scan orders"), "of another query: what is new");
    }
}
