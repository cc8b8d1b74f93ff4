//! Facts of one service, gathered from flows, calls and series, so that rules read like sentences.

use super::{
    CallFacts, Calls, EdgeFact, Flow, FlowFact, Flows, Graph, Habits, HeldFact, PayloadFact,
    PlanFact, SeriesFact, Shift, Stretch, flows, series_facts,
};
use crate::catalog::Catalog;
use longpole_model::signal::{Category, Facility, Operation, OperationId, Role};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Smallest growth of processor use that counts, as a share of the limit (METHODS: .25 or more in
/// 29 of 31 faults; half of that leaves a margin for short windows).
pub const CPU_STEP: f64 = 0.15;
/// Chance of a flow's count of slow visits at which it is believed: a diagnosis looks at hundreds.
const LEAST_CHANCE: f64 = 1e-5;
/// Share of their requests' time that slower visits must take to be felt: a thirtieth is less than what
/// two good minutes differ by.
const FELT: f64 = 0.03;
/// Requests in the window below which quantiles of a series are chance.
const MIN_REQUESTS: f64 = 20.0;
/// Spreads that a metric has to move.
pub const CLEAR: f64 = 4.0;

/// Everything that changed between two stretches.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Time at sites, by flow.
    pub flows: BTreeMap<Flow, FlowFact>,
    /// Gaps into a service over all of its callers.
    pub into: BTreeMap<String, FlowFact>,
    /// Visits per request.
    pub calls: Vec<CallFacts>,
    /// What requests do beside taking time.
    pub habits: Habits,
    /// How long queries hold their connections, by service.
    pub held: BTreeMap<String, HeldFact>,
    /// What plans of queries showed.
    pub plans: Vec<PlanFact>,
    /// Calls between services, seen from both ends.
    pub edges: Vec<EdgeFact>,
    /// Metric series, by service.
    pub series: BTreeMap<String, Vec<SeriesFact>>,
    /// Requests per second by service, from its segments.
    pub demand: BTreeMap<String, Shift>,
    /// Who calls whom.
    pub graph: Graph,
    /// All services that anything is known of.
    pub services: BTreeSet<String>,
    /// Lengths of both stretches in seconds.
    pub seconds: [f64; 2],
    /// Median duration of operations whose payload is known, nanoseconds, before and after.
    times: BTreeMap<OperationId, [f64; 2]>,
    /// Segments per second of each operation, before and after, whoever called it.
    pub(super) served: BTreeMap<OperationId, [f64; 2]>,
    /// Spans per second of each operation, before and after.
    pub(super) told: BTreeMap<OperationId, [f64; 2]>,
    /// Operations by id, for words.
    operations: Vec<Arc<Operation>>,
}

impl Facts {
    /// Measures everything once.
    pub fn new(
        before: &Stretch,
        after: &Stretch,
        declared: &[(String, String)],
        catalog: &Catalog,
    ) -> Self {
        let mut series: BTreeMap<String, Vec<SeriesFact>> = BTreeMap::new();
        for fact in series_facts(before, after, catalog).into_values() {
            series.entry(fact.identity.service.clone()).or_default().push(fact);
        }
        let Flows { all: flows, into } = flows(before, after, catalog);
        let mut services: BTreeSet<String> = series.keys().cloned().collect();
        services.extend(flows.keys().map(|f| f.service.clone()));
        let calls = Calls::new(before, after, catalog).rows;
        let habits = Habits::new([before, after], &calls, catalog);
        let heavy = habits.payloads.iter().map(|p| p.operation).collect();
        Self {
            times: super::served::times([before, after], &heavy),
            habits,
            served: super::served::served([before, after]),
            told: super::served::told([before, after]),
            calls,
            held: super::held::held([before, after], catalog),
            plans: super::plans::plans([before, after]),
            edges: super::edges::edges(before, after),
            demand: super::demand::demand([before, after], catalog),
            graph: Graph::new([before, after], declared, catalog),
            seconds: [before.seconds(), after.seconds()],
            operations: catalog.operations().to_vec(),
            flows,
            into,
            series,
            services,
        }
    }

    /// The service of an operation; empty for none.
    pub fn name_of(&self, id: OperationId) -> &str {
        self.operations.get(id.0 as usize).map_or("", |o| o.service.as_str())
    }

    /// An operation in words; empty for none.
    pub fn operation_name(&self, id: OperationId) -> String {
        self.operations.get(id.0 as usize).map(ToString::to_string).unwrap_or_default()
    }

    /// Whether an operation is a query.
    pub fn operation_is_store(&self, id: OperationId) -> bool {
        self.flows.iter().any(|(flow, f)| {
            flow.category == Category::Store && f.worst.is_some_and(|w| w.0.operation == id)
        }) || self
            .calls
            .iter()
            .any(|c| c.site.operation == id && c.site.category == Category::Store)
    }

    /// Nanoseconds for each byte or row, before and after, where the operation's own visits are known.
    pub fn per_unit(&self, p: &PayloadFact) -> Option<[f64; 2]> {
        let time = self.times.get(&p.operation)?;
        Some([0, 1].map(|i: usize| time[i] / p.amount[i].max(1.0)))
    }

    /// Series of a service with a role about a facility.
    pub fn series_of(
        &self,
        service: &str,
        role: Role,
        facility: Facility,
    ) -> impl Iterator<Item = &SeriesFact> {
        let all = self.series.get(service).into_iter().flatten();
        all.filter(move |s| s.identity.role == role && s.identity.facility == facility)
    }

    /// The flow of one category of a service (own time, stores, ...), edges excluded.
    pub fn flow(&self, service: &str, category: Category) -> Option<&FlowFact> {
        let key = Flow { service: service.to_owned(), peer: String::new(), category };
        self.flows.get(&key)
    }

    /// Flows of one category that start at a service.
    pub fn flows_from(
        &self,
        service: &str,
        category: Category,
    ) -> impl Iterator<Item = (&Flow, &FlowFact)> {
        self.flows.iter().filter(move |(f, _)| f.service == service && f.category == category)
    }

    /// Gaps of callers into a service.
    pub fn gaps_into(&self, service: &str) -> impl Iterator<Item = (&Flow, &FlowFact)> {
        self.flows.iter().filter(move |(f, _)| f.peer == service && f.category == Category::Gap)
    }

    /// How far processor use rose: growth as a share of the limit (or, where no limit is known, of
    /// one core), with the series that shows it. `None` when it did not move clearly.
    pub fn cpu_rise(&self, service: &str) -> Option<(f64, &SeriesFact)> {
        let mut best: Option<(f64, bool, &SeriesFact)> = None;
        for s in self.series_of(service, Role::Utilization, Facility::Cpu) {
            // A node's use says little about one of its pods.
            let of_node = s.identity.name.contains("node") && !s.identity.placement.pod.is_empty();
            let bounded = s.identity.name.contains("utili") || s.identity.unit == "%";
            let rise = s.up.delta();
            if of_node
                || self.of_neighbours(service, s)
                || s.up.z() < CLEAR
                || rise < CPU_STEP
                || !s.lasts()
            {
                continue;
            }
            if best.is_none_or(|(r, b, _)| (bounded, rise) > (b, r)) {
                best = Some((rise, bounded, s));
            }
        }
        best.map(|(rise, _, s)| (rise, s))
    }

    /// Whether what a container used more was used by others in it: the service's own process, where it tells of
    /// itself, did not, and nobody was held back for it.
    fn of_neighbours(&self, service: &str, series: &SeriesFact) -> bool {
        let process = |s: &&SeriesFact| s.identity.name.starts_with("process");
        let used = || self.series_of(service, Role::Utilization, Facility::Cpu).filter(process);
        let more: f64 = used().map(|s| s.up.delta().max(0.0)).sum();
        let mut held = self.series_of(service, Role::Saturation, Facility::Cpu);
        !process(&series)
            && used().next().is_some()
            && more < 0.5 * CPU_STEP
            && !held.any(|s| s.up.z() >= CLEAR && s.up.delta() > 0.0)
    }

    /// How much the demand on a service grew: requests a second, after over before; 1 where it did not
    /// clearly grow.
    pub fn demand_grew(&self, service: &str) -> f64 {
        let clear = self.demand.get(service).filter(|s| s.z() >= CLEAR);
        clear.and_then(Shift::ratio).unwrap_or(1.0).max(1.0)
    }

    /// Whether any series of that role of a service clearly rose, or the service has none to show it.
    pub fn shows(&self, service: &str, role: Role) -> bool {
        let all = self.series.get(service).into_iter().flatten();
        let mut all = all.filter(|s| s.identity.role == role).peekable();
        all.peek().is_none() || all.any(|s| s.up.z() >= 2.0)
    }

    /// Requests per second that a service takes in the window: from its own spans, else from its
    /// rate series, else 1.
    pub fn calls_per_second(&self, service: &str) -> f64 {
        if let Some(f) = self.flow(service, Category::Own) {
            return f.visits[1] as f64 / self.seconds[1];
        }
        let rates = self.series_of(service, Role::Rate, Facility::Request);
        let rate = rates.map(|s| s.medians[1]).fold(0.0, f64::max);
        if rate > 0.0 { rate } else { 1.0 }
    }

    /// Whether the service's rate series say that it took too few requests in the window for its
    /// latency series to mean anything.
    pub fn is_idle(&self, service: &str) -> bool {
        let mut rates = self.series_of(service, Role::Rate, Facility::Request).peekable();
        rates.peek().is_some() && rates.all(|s| s.medians[1] * self.seconds[1] < MIN_REQUESTS)
    }

    /// Who owns a gap that grew: the caller, when its threads wake late towards most of those it
    /// calls; else the callee, whose network everybody waits for.
    pub fn caller_owns(&self, caller: &str, callee: &str) -> bool {
        match (self.cpu_rise(caller).is_some(), self.cpu_rise(callee).is_some()) {
            (true, false) => return true,
            (_, true) => return false,
            (false, false) => {}
        }
        let share = |edges: Vec<&FlowFact>| {
            let known: Vec<_> = edges.iter().filter(|f| f.visits[1] >= 5).collect();
            let grown = known.iter().filter(|f| f.grew()).count();
            (grown as f64 / known.len().max(1) as f64, known.len(), grown)
        };
        let (out, n_out, grown_out) =
            share(self.flows_from(caller, Category::Gap).map(|(_, f)| f).collect());
        let (into, _, _) = share(self.gaps_into(callee).map(|(_, f)| f).collect());
        // With one edge on the callee's side there is nothing to tell the two apart but the
        // caller's other edges.
        n_out >= 3 && grown_out >= 2 && out > 0.6 && out >= into
    }
}

impl FlowFact {
    /// Whether visits clearly got slower: at least three tenths of them are above the baseline's
    /// p90 (a tenth is normal), far outside the baseline's own spread, hardly by chance, by a
    /// millisecond or more on average over all visits, and by enough for their requests to feel it.
    pub fn grew(&self) -> bool {
        if self.peak.is_some() {
            return true;
        }
        self.share.after >= 0.3
            && self.share.z() >= CLEAR
            && self.chance < LEAST_CHANCE
            && self.excess_ns.delta() >= 1e6
            && self.excess_ns.z() >= 3.0
            && self.total_excess_ns() >= FELT * self.requests_ns
    }
}
