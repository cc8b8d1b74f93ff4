//! What requests do beside taking time, of many requests: calls one behind the other that do not need one
//! another, queries made again, waits of many for one, and how much is carried.
//!
//! Whether two calls depend on one another is told by counterexamples (as the Mystery Machine, Chow et al.,
//! OSDI '14): what ran side by side before, or comes in both orders, cannot need one another's answer.

use super::{CallFacts, Stretch};
use crate::catalog::Catalog;
use longpole_model::signal::{
    Category, EntryKey, OperationId, PathValue, Scope, SiteKey, WindowSummary,
};
use std::collections::{BTreeMap, BTreeSet};

/// Two calls of one entry, one behind the other.
#[derive(Clone, Copy, Debug)]
pub struct SerialFact {
    /// The entry.
    pub entry: OperationId,
    /// The call that comes first, and the one behind it.
    pub calls: [OperationId; 2],
    /// How often per request, before and after.
    pub per_request: [f64; 2],
    /// Requests, before and after.
    pub requests: [f64; 2],
    /// What both at once would save per request at least, nanoseconds, before and after.
    pub saved_ns: [f64; 2],
    /// The same in the window as a share of the requests' time.
    pub of_time: f64,
    /// They were called as often before, but side by side.
    pub parted: bool,
    /// The other order is about as frequent: neither needs the other's answer.
    pub either_way: bool,
}

/// A query of one entry made again with the same values.
#[derive(Clone, Copy, Debug)]
pub struct RepeatFact {
    /// The entry.
    pub entry: OperationId,
    /// The query.
    pub query: OperationId,
    /// Repetitions per request, before and after.
    pub per_request: [f64; 2],
}

/// Waits for one lock, pool or queue of a service that are declared as such.
#[derive(Clone, Copy, Debug, Default)]
pub struct WaitFact {
    /// How many wait on average (Little's law: what is waited in all, over the time), before and after.
    pub waiters: [f64; 2],
    /// What else such a request takes, nanoseconds: a lock is held for some of it.
    pub holding_ns: [f64; 2],
    /// Requests, before and after.
    pub requests: [u64; 2],
}

/// How much the calls of an operation carry: half of them at most so much, before and after.
#[derive(Clone, Copy, Debug)]
pub struct PayloadFact {
    /// The operation.
    pub operation: OperationId,
    /// Bytes, or rows of a query.
    pub amount: [f64; 2],
    /// Calls, before and after.
    pub calls: [u64; 2],
}

/// All habits of a stretch pair.
#[derive(Clone, Debug, Default)]
pub struct Habits {
    /// By entry and calls.
    pub serial: Vec<SerialFact>,
    /// By entry and query.
    pub repeats: Vec<RepeatFact>,
    /// By service.
    pub waits: BTreeMap<String, WaitFact>,
    /// By operation.
    pub payloads: Vec<PayloadFact>,
}

/// Requests, and calls whose size is known, that both stretches must have.
const MIN_REQUESTS: f64 = 10.0;
const MIN_CALLS: u64 = 8;

/// Requests of entries: count and nanoseconds.
type Entries = BTreeMap<OperationId, (f64, f64)>;
/// Rows beside the time: times and nanoseconds.
type Rows = BTreeMap<(OperationId, SiteKey), (f64, f64)>;

fn rows(w: &WindowSummary, category: &dyn Fn(Category) -> bool) -> Rows {
    let mut out = Rows::new();
    let ours = |((k, s), _): &&((EntryKey, SiteKey), PathValue)| {
        k.scope == Scope::Segment && category(s.category)
    };
    for ((key, site), v) in w.paths.iter().filter(ours) {
        let row = out.entry((key.operation, *site)).or_default();
        *row = (row.0 + v.visits as f64 / 65_536.0, row.1 + v.self_ns as f64);
    }
    out
}

fn entries(w: &WindowSummary) -> Entries {
    let mut out = Entries::new();
    for (key, v) in w.entries.iter().filter(|(k, _)| k.scope == Scope::Segment) {
        let row = out.entry(key.operation).or_default();
        *row = (row.0 + v.weight as f64 / 65_536.0, row.1 + v.duration_ns as f64);
    }
    out
}

impl Habits {
    /// Measures them; `calls` are the visits per request.
    pub fn new(sides: [&Stretch; 2], calls: &[CallFacts], catalog: &Catalog) -> Self {
        let requests = sides.map(|s| entries(&s.all));
        let seen = sides.map(|s| rows(&s.all, &|c| !c.is_time()));
        let of = |side: usize, entry, site| {
            let n = requests[side].get(&entry).map_or(0.0, |r: &(f64, f64)| r.0);
            let (times, ns) = seen[side].get(&(entry, site)).copied().unwrap_or_default();
            if n > 0.0 { (times / n, ns / n) } else { (0.0, 0.0) }
        };
        let mut out = Self { payloads: payloads(sides), ..Self::default() };
        let mut visits: BTreeMap<(OperationId, OperationId), f64> = BTreeMap::new();
        for c in calls.iter().filter(|c| c.site.category != Category::Callee) {
            *visits.entry((c.entry, c.site.operation)).or_default() += c.per_request[0];
        }
        for (entry, site) in seen[1].keys() {
            let n = [0, 1].map(|i: usize| requests[i].get(entry).copied().unwrap_or_default());
            if n.iter().any(|n| n.0 < MIN_REQUESTS) {
                continue;
            }
            let both = [of(0, *entry, *site), of(1, *entry, *site)];
            let per_request = both.map(|b| b.0);
            if site.category == Category::Repeat {
                out.repeats.push(RepeatFact { entry: *entry, query: site.operation, per_request });
                continue;
            }
            let pair = [site.operation, site.peer];
            let back = SiteKey { operation: pair[1], peer: pair[0], category: Category::Serial };
            let backward = [of(0, *entry, back).0, of(1, *entry, back).0];
            let called = |i: usize| visits.get(&(*entry, pair[i])).copied().unwrap_or(0.0);
            // Of a call that follows itself one more is made than there are steps between.
            let steps = if pair[0] == pair[1] { called(0) - 1.0 } else { called(0).min(called(1)) };
            let stepped = per_request[0].max(backward[0]);
            out.serial.push(SerialFact {
                entry: *entry,
                calls: pair,
                per_request,
                requests: n.map(|n| n.0),
                saved_ns: both.map(|b| b.1),
                of_time: both[1].1 * n[1].0 / n[1].1.max(1.0),
                parted: steps >= 0.7 * per_request[1] && stepped <= 0.2 * per_request[1],
                either_way: pair[0] != pair[1] && backward[1] >= 0.25 * per_request[1],
            });
        }
        out.waits = waits(sides, &requests, catalog);
        out
    }
}

fn waits(
    sides: [&Stretch; 2],
    requests: &[Entries; 2],
    catalog: &Catalog,
) -> BTreeMap<String, WaitFact> {
    let waited = sides.map(|s| rows(&s.all, &|c| c == Category::Wait));
    let mut out: BTreeMap<String, WaitFact> = BTreeMap::new();
    let entries: BTreeSet<OperationId> = waited[1].keys().map(|(entry, _)| *entry).collect();
    for entry in entries {
        let Some(operation) = catalog.operation_of(entry) else { continue };
        let fact = out.entry(operation.service.clone()).or_default();
        for i in 0..2 {
            let of = waited[i].range((entry, LEAST)..).take_while(|((e, _), _)| *e == entry);
            let ns: f64 = of.map(|(_, (_, ns))| ns).sum();
            let (n, all) = requests[i].get(&entry).copied().unwrap_or_default();
            fact.waiters[i] += ns / (sides[i].seconds() * 1e9);
            let total = fact.holding_ns[i] * fact.requests[i] as f64 + (all - ns).max(0.0);
            fact.requests[i] += n as u64;
            fact.holding_ns[i] = total / fact.requests[i].max(1) as f64;
        }
    }
    out
}

/// The least site key.
const LEAST: SiteKey =
    SiteKey { operation: OperationId(0), peer: OperationId(0), category: Category::Own };

fn payloads(sides: [&Stretch; 2]) -> Vec<PayloadFact> {
    let of = |i: usize| {
        let sites = sides[i].all.sites.iter();
        sites.filter(|(k, s)| k.category == Category::Payload && s.visits >= MIN_CALLS)
    };
    let then: BTreeMap<SiteKey, _> = of(0).map(|(k, s)| (*k, s)).collect();
    let pairs = of(1).filter_map(|(k, now)| Some((k, then.get(k)?, now)));
    let fact = |(k, then, now): (&SiteKey, &&longpole_model::signal::SiteSummary, _)| {
        let both: [&longpole_model::signal::SiteSummary; 2] = [*then, now];
        PayloadFact {
            operation: k.operation,
            amount: both.map(|s| s.durations.quantile(0.5) as f64),
            calls: both.map(|s| s.visits),
        }
    };
    pairs.map(fact).collect()
}
