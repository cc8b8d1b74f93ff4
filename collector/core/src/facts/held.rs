//! How long queries hold their connections, and how many are held at a time.
//!
//! By Little's law (1961) connections in use are queries a second times the time that each holds one. What
//! changed is split, as price indices are (Paasche's), into queries that take longer and more that is asked, so that
//! another mix of queries is not taken for slower ones. Own time of a query's span: what it declares to wait
//! for a connection is not in it.

use super::Stretch;
use crate::catalog::Catalog;
use longpole_model::signal::{Category, SiteKey, SiteSummary, WindowSummary, bucket_low};
use std::collections::BTreeMap;

/// How the queries of a service use its connections.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HeldFact {
    /// How many times as long as before the queries of the window take.
    pub slower: f64,
    /// How many times as much the window asks for, in queries a second that each take what they took before.
    pub asked: f64,
    /// Queries under way at a time, before and after.
    pub busy: [f64; 2],
    /// Queries, before and after.
    pub queries: [u64; 2],
    /// Declared waits for a pool under way at a time, before and after.
    pub waiting: [f64; 2],
}

/// Visits and nanoseconds of each query site of a service.
type Queries<'a> = BTreeMap<&'a str, BTreeMap<SiteKey, (f64, f64)>>;

/// Every service whose queries both stretches know.
pub(super) fn held(
    [before, after]: [&Stretch; 2],
    catalog: &Catalog,
) -> BTreeMap<String, HeldFact> {
    let (then, now) = (queries(&before.all, catalog), queries(&after.all, catalog));
    let both = then.iter().filter_map(|(service, then)| Some((*service, then, now.get(service)?)));
    let seconds = [before.seconds(), after.seconds()];
    let waiting = [before, after].map(|side| waiting(&side.all, catalog));
    let facts = both.filter_map(|(service, then, now)| {
        let waiting = [0, 1].map(|i: usize| {
            waiting[i].get(service).copied().unwrap_or_default() / 1e9 / seconds[i]
        });
        Some((service.to_owned(), HeldFact { waiting, ..fact([then, now], seconds)? }))
    });
    facts.collect()
}

fn fact([then, now]: [&BTreeMap<SiteKey, (f64, f64)>; 2], seconds: [f64; 2]) -> Option<HeldFact> {
    let spent = |all: &BTreeMap<SiteKey, (f64, f64)>| all.values().map(|(_, ns)| ns).sum::<f64>();
    // What those of the window that were there before would have taken then, and take; new ones are more that is asked.
    let (mut expected, mut taken) = (0.0, 0.0);
    for (site, (n, ns)) in now {
        if let Some((past, past_ns)) = then.get(site) {
            expected += n * past_ns / past;
            taken += ns;
        }
    }
    if expected <= 0.0 || spent(then) <= 0.0 {
        return None;
    }
    let asked = (expected + spent(now) - taken) / spent(then) * seconds[0] / seconds[1];
    let count = |all: &BTreeMap<SiteKey, (f64, f64)>| all.values().map(|(n, _)| n).sum::<f64>();
    Some(HeldFact {
        slower: taken / expected,
        asked,
        busy: [spent(then) / 1e9 / seconds[0], spent(now) / 1e9 / seconds[1]],
        queries: [then, now].map(|all| count(all) as u64),
        waiting: [0.0; 2],
    })
}

/// Nanoseconds of declared waits for a pool, by service.
fn waiting<'a>(w: &WindowSummary, catalog: &'a Catalog) -> BTreeMap<&'a str, f64> {
    let mut out: BTreeMap<&str, f64> = BTreeMap::new();
    let waits = w.sites.iter().filter(|(k, _)| k.category == Category::Wait);
    for (site, summary) in waits.filter(|(k, _)| catalog.peer_of(k.operation) == "pool") {
        if let Some(o) = catalog.operation_of(site.operation) {
            *out.entry(&o.service).or_default() += sums(summary).1;
        }
    }
    out
}

fn queries<'a>(w: &WindowSummary, catalog: &'a Catalog) -> Queries<'a> {
    let mut out = Queries::new();
    for (site, summary) in w.sites.iter().filter(|(k, _)| k.category == Category::Store) {
        if let Some(o) = catalog.operation_of(site.operation) {
            let (n, ns) = sums(summary);
            if n > 0.0 {
                out.entry(&o.service).or_default().insert(*site, (n, ns));
            }
        }
    }
    out
}

/// Visits of a site and their nanoseconds in all.
fn sums(site: &SiteSummary) -> (f64, f64) {
    let (mut n, mut ns) = (0.0, 0.0);
    site.durations.for_each(|id, weight| {
        let spans = weight as f64 / 65_536.0;
        n += spans;
        ns += spans * bucket_low(id) as f64;
    });
    (n, ns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use longpole_model::signal::OperationId;

    fn site(id: u32) -> SiteKey {
        SiteKey { operation: OperationId(id), peer: OperationId::NONE, category: Category::Store }
    }

    /// Queries as (number, milliseconds of each).
    fn all(of: &[(f64, f64)]) -> BTreeMap<SiteKey, (f64, f64)> {
        (0..).map(site).zip(of.iter().map(|(n, ms)| (*n, n * ms * 1e6))).collect()
    }

    #[test]
    fn another_mix_of_queries_is_not_slower_queries() {
        let then = all(&[(900.0, 1.0), (100.0, 50.0)]);
        let mix = fact([&then, &all(&[(100.0, 1.0), (900.0, 50.0)])], [100.0; 2]).expect("known");
        assert!((mix.slower - 1.0).abs() < 1e-9 && mix.asked > 7.0, "{mix:?}");
        let slow = fact([&then, &all(&[(900.0, 1.0), (100.0, 500.0)])], [100.0; 2]).expect("known");
        assert!(slow.slower > 8.0 && (slow.asked - 1.0).abs() < 1e-9, "{slow:?}");
        assert!((slow.busy[1] - 0.509).abs() < 1e-9, "Little's law: {slow:?}");
    }

    #[test]
    fn a_query_that_is_new_is_more_that_is_asked() {
        let then = all(&[(1_000.0, 1.0)]);
        let more = fact([&then, &all(&[(1_000.0, 1.0), (9_000.0, 1.0)])], [100.0; 2]);
        let more = more.expect("known");
        assert!((more.slower - 1.0).abs() < 1e-9 && (more.asked - 10.0).abs() < 1e-9, "{more:?}");
        let gone = fact([&then, &BTreeMap::new()], [100.0; 2]);
        assert_eq!(gone, None, "nothing to compare");
    }
}
