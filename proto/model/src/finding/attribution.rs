//! Whose time it is: sites with their share of a change.

use crate::signal::{Category, Operation};
use serde::{Deserialize, Serialize};

/// A place where time is spent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Site {
    /// Service whose time it is: for a gap the callee's (the network into it), else the operation's.
    pub service: String,
    /// The operation whose span shows it.
    pub operation: Operation,
    /// The callee's operation on an edge; `null` otherwise.
    pub peer: Option<Operation>,
    /// What the span shows.
    pub category: Category,
}

/// How much of a change one site explains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SiteShare {
    /// The site.
    pub site: Site,
    /// Share of the change, 1 = all of it; negative where the site got faster.
    pub share: f64,
    /// 95 % interval of `share` over windows, where there are enough of them.
    pub interval: Option<[f64; 2]>,
    /// Change in critical-path nanoseconds per entry request.
    pub delta_ns: f64,
    /// Part of `delta_ns` from more or fewer visits (visits changed, cost kept).
    pub from_visits_ns: f64,
    /// Part of `delta_ns` from slower or faster visits (cost changed, visits as now).
    pub from_cost_ns: f64,
    /// Visits per entry request, before and after.
    pub visits: [f64; 2],
    /// Critical-path nanoseconds per visit, before and after.
    pub cost_ns: [f64; 2],
    /// Share of an entry request's time that is spent here, before and after; all sites' are 1 together.
    #[serde(default)]
    pub of_time: [f64; 2],
}

/// The differential path profile of one entry operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attribution {
    /// Entry operation.
    pub entry: Operation,
    /// Mean duration of an entry request before and after, nanoseconds (the profile is additive,
    /// hence means here; the regression itself was found on quantiles).
    pub duration_ns: [f64; 2],
    /// Entry requests before and after.
    pub entries: [u64; 2],
    /// Sites by share, greatest first.
    pub sites: Vec<SiteShare>,
    /// How many of the first sites explain 80 % of the change: the hotspot.
    pub hotspot: usize,
}
