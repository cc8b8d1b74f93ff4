//! The differential path profile of one entry operation.
//!
//! Delta of a site = (visits changed) x (old cost) + (visits now) x (cost changed): nothing is left
//! over. Bands of the entry's duration are compared by rank, so that a tail can be attributed that
//! the whole cannot see.

use crate::catalog::Catalog;
use longpole_model::finding::{Attribution, Site, SiteShare};
use longpole_model::signal::{Category, OperationId, PathValue, Scope, SiteKey, WindowSummary};
use std::collections::BTreeMap;

/// The slowest share of requests that is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tail(f64);

impl Tail {
    /// All requests.
    pub const ALL: Self = Self(1.0);

    /// The slowest `share` (0 to 1) of the requests, by band of duration.
    pub fn slowest(share: f64) -> Self {
        Self(share.clamp(1e-6, 1.0))
    }
}

/// Profile of one side: requests, their time, and time and visits per site.
#[derive(Debug, Default)]
struct Side {
    entries: u64,
    weight: f64,
    duration: f64,
    sites: BTreeMap<SiteKey, (f64, f64)>,
}

/// Sums one side over versions, outcomes and bands; the slowest bands only, for a tail. The band
/// that the tail's edge falls into counts in part.
fn side(w: &WindowSummary, (scope, operation): (Scope, OperationId), tail: Tail) -> Side {
    // Rows are sorted by entry: those of one lie together.
    let entries = rows_of(&w.entries, |k| (k.scope, k.operation), (scope, operation));
    let paths = rows_of(&w.paths, |(k, _)| (k.scope, k.operation), (scope, operation));
    let mut bands: BTreeMap<u8, f64> = BTreeMap::new();
    for (k, v) in entries {
        *bands.entry(k.band).or_default() += v.weight as f64;
    }
    let mut left = bands.values().sum::<f64>() * tail.0;
    let mut share: BTreeMap<u8, f64> = BTreeMap::new();
    for (band, weight) in bands.iter().rev() {
        let taken = left.min(*weight);
        share.insert(*band, if *weight > 0.0 { taken / weight } else { 0.0 });
        left -= taken;
    }
    let part = |band: u8| share.get(&band).copied().unwrap_or(0.0);
    let mut out = Side::default();
    for (k, v) in entries {
        let p = part(k.band);
        out.entries += if p > 0.0 { v.entries } else { 0 };
        out.weight += p * v.weight as f64 / 65_536.0;
        out.duration += p * v.duration_ns as f64;
    }
    let add = |site: &mut (f64, f64), p: f64, v: &PathValue| {
        site.0 += p * v.visits as f64 / 65_536.0;
        site.1 += p * v.critical_ns as f64;
    };
    for ((k, site), v) in paths.iter().filter(|((_, s), _)| s.category.is_time()) {
        add(out.sites.entry(*site).or_default(), part(k.band), v);
    }
    out
}

/// The rows whose key begins with `prefix`, of rows sorted by key.
fn rows_of<K, V, P: Ord>(rows: &[(K, V)], of: impl Fn(&K) -> P, prefix: P) -> &[(K, V)] {
    let from = rows.partition_point(|(k, _)| of(k) < prefix);
    let len = rows[from..].partition_point(|(k, _)| of(k) == prefix);
    &rows[from..from + len]
}

/// Splits the change of one entry operation's time per request over its sites. `None` when either
/// side saw none.
pub fn differential(
    before: &WindowSummary,
    after: &WindowSummary,
    entry: (Scope, OperationId),
    tail: Tail,
    catalog: &Catalog,
) -> Option<Attribution> {
    let sides = [side(before, entry, tail), side(after, entry, tail)];
    if sides.iter().any(|s| s.weight <= 0.0) {
        return None;
    }
    let duration_ns = [0, 1].map(|i: usize| sides[i].duration / sides[i].weight);
    let delta = duration_ns[1] - duration_ns[0];
    let mut keys: Vec<SiteKey> = sides.iter().flat_map(|s| s.sites.keys().copied()).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut shares: Vec<SiteShare> = keys
        .iter()
        .filter_map(|key| {
            let seen = [0, 1].map(|i: usize| sides[i].sites.get(key).copied().unwrap_or_default());
            let visits = [0, 1].map(|i: usize| seen[i].0 / sides[i].weight);
            let cost = seen.map(|(n, ns)| if n > 0.0 { ns / n } else { 0.0 });
            // A site that is new has no old cost: all of it is new visits at the new cost.
            let old_cost = if seen[0].0 > 0.0 { cost[0] } else { cost[1] };
            let from_visits_ns = (visits[1] - visits[0]) * old_cost;
            let spent = [0, 1].map(|i: usize| visits[i] * cost[i]);
            let of_time = [0, 1]
                .map(|i: usize| if duration_ns[i] > 0.0 { spent[i] / duration_ns[i] } else { 0.0 });
            let delta_ns = spent[1] - spent[0];
            Some(SiteShare {
                site: site(key, catalog)?,
                share: if delta != 0.0 { delta_ns / delta } else { 0.0 },
                interval: None,
                delta_ns,
                from_visits_ns,
                from_cost_ns: delta_ns - from_visits_ns,
                visits,
                cost_ns: cost,
                of_time,
            })
        })
        .collect();
    shares.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.site.cmp(&b.site)));
    let mut explained = 0.0;
    let hotspot = shares.iter().take_while(|s| {
        let more = explained < 0.8;
        explained += s.share;
        more
    });
    let hotspot = hotspot.count();
    Some(Attribution {
        entry: catalog.operation_of(entry.1)?.clone(),
        duration_ns,
        entries: [sides[0].entries, sides[1].entries],
        sites: shares,
        hotspot,
    })
}

/// A site in words. A gap, a queue or a callee is the other side's.
pub fn site(key: &SiteKey, catalog: &Catalog) -> Option<Site> {
    let operation = catalog.operation_of(key.operation)?.clone();
    let peer = catalog.operation_of(key.peer).cloned();
    let service = match (key.category, &peer) {
        (Category::Gap | Category::Queue | Category::Callee, Some(p)) => p.service.clone(),
        _ => operation.service.clone(),
    };
    Some(Site { service, operation, peer, category: key.category })
}
