//! Time at sites: own time, gaps between services, stores, remotes, queues, before and after.
//!
//! A *flow* gathers the sites of one service, or of one edge between two, of one category. Its
//! measure is how many visits take longer than the baseline's own 90th percentile of their site (a
//! tenth of them, when nothing is wrong) and by how much in all.

use super::exceed::{Past, chance};
use super::felt::Requests;
use super::{Shift, Stretch};
use crate::catalog::Catalog;
use crate::stats::{median, robust_sigma};
use longpole_model::signal::{
    Category, OperationId, SiteKey, SiteSummary, Sketch, WindowSummary, bucket_low, bucket_of,
};
use std::collections::BTreeMap;

/// Sites that are judged together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// Service whose span shows the time.
    pub service: String,
    /// The other side of an edge; for a store or remote whom it addresses; else empty.
    pub peer: String,
    /// What the spans show.
    pub category: Category,
}

/// How a flow changed.
#[derive(Clone, Debug, Default)]
pub struct FlowFact {
    /// Share of visits above their site's baseline p90.
    pub share: Shift,
    /// Nanoseconds above that p90 per visit.
    pub excess_ns: Shift,
    /// Share of failed visits.
    pub failed: Shift,
    /// Visits in baseline and window.
    pub visits: [u64; 2],
    /// Chance of at least so many slow visits if nothing had changed (`facts/exceed`).
    pub chance: f64,
    /// Chance of at least so many failures, if nothing had changed, at the site that fails most: the spans of one
    /// request fail together, and are not counted twice. 1 where none fails.
    pub failing_chance: f64,
    /// Nanoseconds that the requests which visit these sites took in the window, whole.
    pub requests_ns: f64,
    /// The site that contributes most of the excess, with its p50 and p99 before and after (ns).
    pub worst: Option<(SiteKey, [u64; 2], [u64; 2])>,
    /// Sites with enough visits to judge, and how many of them moved (share above doubled).
    pub moved_sites: [usize; 2],
    /// The one site that clearly grew where all of them together do not: among a service's many
    /// operations the one that got slow is a small part of the visits.
    pub peak: Option<Box<FlowFact>>,
}

impl FlowFact {
    /// Nanoseconds of excess in the whole window, beyond what the baseline leads one to expect.
    pub fn total_excess_ns(&self) -> f64 {
        let of = |f: &Self| f.excess_ns.delta().max(0.0) * f.visits[1] as f64;
        of(self).max(self.peak.as_deref().map_or(0.0, of))
    }

    /// What shows a growth best: the flow, or the one site of it that grew.
    pub fn clearest(&self) -> &Self {
        self.peak.as_deref().unwrap_or(self)
    }
}

/// A site needs this many baseline visits before its 90th percentile lies below its greatest visit.
/// How little so few say is in [`chance`].
const MIN_VISITS: u64 = 8;
/// Quantile of the baseline above which a visit is called slow.
const SLOW: f64 = 0.9;

/// The flow of a site.
pub(super) fn flow_of(site: &SiteKey, catalog: &Catalog) -> Option<Flow> {
    if !site.category.is_time() {
        return None;
    }
    let service = |id: OperationId| catalog.operation_of(id).map(|o| o.service.clone());
    let peer = match site.category {
        Category::Gap | Category::Queue | Category::Callee => service(site.peer)?,
        Category::Store | Category::Remote => catalog.peer_of(site.operation).to_owned(),
        // What is waited for: a lock, a pool or a queue.
        Category::Wait => catalog.peer_of(site.operation).to_owned(),
        Category::Own | Category::Serial | Category::Repeat | Category::Payload => String::new(),
    };
    Some(Flow { service: service(site.operation)?, peer, category: site.category })
}

#[derive(Clone, Copy, Default)]
struct Sums {
    visits: f64,
    slow: f64,
    excess: f64,
    failed: f64,
}

/// Weight above a limit and the sum of what it exceeds it by, in spans and nanoseconds.
pub(super) fn above(sketch: &Sketch, limit: u64) -> (f64, f64) {
    let (mut n, mut excess) = (0.0, 0.0);
    sketch.for_each(|id, weight| {
        if id > bucket_of(limit) {
            let spans = weight as f64 / 65_536.0;
            n += spans;
            excess += spans * bucket_low(id).saturating_sub(limit) as f64;
        }
    });
    (n, excess)
}

fn find<'a>(w: &'a WindowSummary, site: &SiteKey) -> Option<&'a SiteSummary> {
    w.sites.binary_search_by_key(site, |(k, _)| *k).ok().map(|i| &w.sites[i].1)
}

/// Flows that both stretches know enough about.
#[derive(Clone, Debug, Default)]
pub struct Flows {
    /// By service or edge, and category.
    pub all: BTreeMap<Flow, FlowFact>,
    /// Gaps into a service, over all of its callers together: where each calls it rarely, only all of them
    /// can show it.
    pub into: BTreeMap<String, FlowFact>,
}

/// Measures all flows.
pub fn flows(before: &Stretch, after: &Stretch, catalog: &Catalog) -> Flows {
    let mut groups: BTreeMap<Flow, Vec<(&SiteKey, &SiteSummary)>> = BTreeMap::new();
    let mut into: BTreeMap<String, Vec<(&SiteKey, &SiteSummary)>> = BTreeMap::new();
    for (site, summary) in &before.all.sites {
        if summary.visits >= MIN_VISITS
            && let Some(flow) = flow_of(site, catalog)
        {
            if flow.category == Category::Gap {
                into.entry(flow.peer.clone()).or_default().push((site, summary));
            }
            groups.entry(flow).or_default().push((site, summary));
        }
    }
    let requests = Requests::new(&after.all);
    let measure = |sites: &[(&SiteKey, &SiteSummary)]| {
        let mut whole = fact(sites, before, after, &requests);
        if sites.len() > 1 && !whole.grew() {
            let each = sites.iter().filter(|(k, then)| might_have_grown(k, then, after));
            let grown = each.map(|s| fact(&[*s], before, after, &requests)).filter(FlowFact::grew);
            let peak = grown.max_by(|a, b| a.total_excess_ns().total_cmp(&b.total_excess_ns()));
            whole.worst = peak.as_ref().map_or(whole.worst, |p| p.worst);
            whole.peak = peak.map(Box::new);
        }
        whole
    };
    let mut all: BTreeMap<Flow, FlowFact> =
        groups.into_iter().map(|(flow, sites)| (flow, measure(&sites))).collect();
    for (flow, fresh) in super::fresh::waits([before, after], &requests, MIN_VISITS, catalog) {
        all.entry(flow).or_insert(fresh);
    }
    Flows { all, into: into.into_iter().map(|(callee, sites)| (callee, measure(&sites))).collect() }
}

/// Whether enough of a site's visits lie above its baseline's p90 to look closer.
fn might_have_grown(key: &SiteKey, then: &SiteSummary, after: &Stretch) -> bool {
    let limit = then.durations.quantile(SLOW);
    find(&after.all, key).is_some_and(|now| {
        let visits = now.durations.weight() as f64 / 65_536.0;
        above(&now.durations, limit).0 >= 0.3 * visits
    })
}

fn fact(
    sites: &[(&SiteKey, &SiteSummary)],
    before: &Stretch,
    after: &Stretch,
    requests: &Requests,
) -> FlowFact {
    let limits: Vec<(&SiteKey, u64)> =
        sites.iter().map(|(k, s)| (*k, s.durations.quantile(SLOW))).collect();
    let sums = |w: &WindowSummary| {
        limits.iter().filter_map(|(k, limit)| Some((find(w, k)?, limit))).fold(
            Sums::default(),
            |mut sums, (s, limit)| {
                let (slow, excess) = above(&s.durations, *limit);
                sums.visits += s.durations.weight() as f64 / 65_536.0;
                sums.slow += slow;
                sums.excess += excess;
                sums.failed += s.failed as f64;
                sums
            },
        )
    };
    let (all, now) = (sums(&before.all), sums(&after.all));
    let blocks: Vec<Sums> = before.blocks.iter().map(&sums).filter(|s| s.visits >= 1.0).collect();
    let samples = [all.visits as u64, now.visits as u64];
    let shift = |of: fn(&Sums) -> f64, floor: f64| {
        let per = |s: &Sums| of(s) / s.visits.max(1.0);
        let values: Vec<f64> = blocks.iter().map(per).collect();
        let sigma = robust_sigma(&values).max(floor);
        let before = median(&values);
        Shift { before, after: per(&now), sigma, samples }
    };
    // Binomial spread of the shares at this number of visits is the least spread there can be.
    let n = now.visits.max(1.0);
    let binomial = |p: f64| (p * (1.0 - p) / n).sqrt();
    let failed = all.failed / all.visits.max(1.0);
    let mut worst: Option<(f64, SiteKey, [u64; 2], [u64; 2])> = None;
    let mut moved_sites = [0, 0];
    let mut pasts = Vec::new();
    for (k, then) in sites {
        let Some(s) = find(&after.all, k) else { continue };
        let limit = then.durations.quantile(SLOW);
        let (slow, excess) = above(&s.durations, limit);
        let visits = s.durations.weight() as f64 / 65_536.0;
        let past = then.durations.weight() as f64 / 65_536.0;
        pasts.push(Past { visits: past, slow: above(&then.durations, limit).0, now: visits });
        if visits >= 5.0 {
            moved_sites[0] += 1;
            moved_sites[1] += usize::from(slow / visits > 0.3);
        }
        if worst.as_ref().is_none_or(|w| excess > w.0) {
            let qs = |s: &SiteSummary| s.durations.quantiles([0.5, 0.99]);
            worst = Some((excess, **k, qs(then), qs(s)));
        }
    }
    FlowFact {
        chance: chance(
            &pasts,
            now.slow,
            &blocks.iter().map(|b| (b.visits, b.slow)).collect::<Vec<_>>(),
        ),
        requests_ns: requests.time_ns(sites.iter().map(|(k, _)| *k)),
        share: shift(|s| s.slow, binomial(0.1)),
        excess_ns: shift(|s| s.excess, 1_000.0),
        failed: shift(|s| s.failed, binomial(failed.clamp(0.01, 0.99))),
        failing_chance: failing_chance(sites, before, after),
        visits: samples,
        worst: worst.map(|(_, k, a, b)| (k, a, b)),
        moved_sites,
        peak: None,
    }
}

/// Chance of so many failures at the site that fails most in the window (`facts/exceed`, with "failed" for
/// "slow").
fn failing_chance(sites: &[(&SiteKey, &SiteSummary)], before: &Stretch, after: &Stretch) -> f64 {
    let failed = |k: &SiteKey| find(&after.all, k).map_or(0, |s| s.failed);
    let Some((key, then)) = sites.iter().max_by_key(|(k, _)| failed(k)) else { return 1.0 };
    let Some(now) = find(&after.all, key).filter(|s| s.failed > 0) else { return 1.0 };
    let blocks = before.blocks.iter().filter_map(|b| find(b, key));
    let blocks: Vec<_> = blocks.map(|s| (s.visits as f64, s.failed as f64)).collect();
    let past =
        Past { visits: then.visits as f64, slow: then.failed as f64, now: now.visits as f64 };
    chance(&[past], now.failed as f64, &blocks)
}
