//! Metric series before and after, against their own spread.
//!
//! A fault may show one or two samples late (a one-minute rate does), so the window's value is the
//! mean of its most extreme third, and the baseline is asked for the same over stretches of the
//! same length: like is compared with like.

use super::{Shift, Stretch};
use crate::catalog::Catalog;
use crate::stats::{median, robust_sigma};
use longpole_model::signal::{Role, SeriesId, SeriesIdentity, SeriesSummary, Window};
use std::collections::{BTreeMap, BTreeSet};

/// (seconds, value) of each window that has any, by series.
type Values = BTreeMap<SeriesId, Vec<(f64, f64)>>;

/// How one series changed.
#[derive(Clone, Debug)]
pub struct SeriesFact {
    /// Who it is.
    pub identity: SeriesIdentity,
    /// Compared at its high end.
    pub up: Shift,
    /// Compared at its low end.
    pub down: Shift,
    /// Median of the baseline and median of the window.
    pub medians: [f64; 2],
    /// Greatest value of the baseline's own high ends: what the series reaches when nothing is wrong.
    pub reach: f64,
    /// Greatest value in the baseline.
    pub baseline_max: f64,
    /// Smallest value in the baseline.
    pub baseline_min: f64,
    /// Growth over the window by least squares, per minute, as a share of the baseline's median.
    pub growth_per_minute: f64,
    /// First and last value in the window.
    pub ends: [f64; 2],
    /// Median of the window's last third, at least one value.
    pub end: f64,
}

impl SeriesFact {
    /// Whether it clearly rose: by [`super::CLEAR`] spreads, and a fifth above whatever it reached
    /// over stretches of the same length in the baseline.
    pub fn rose(&self) -> bool {
        let margin = 1.2 * self.reach.abs();
        self.up.z() >= super::CLEAR && self.up.after > if self.reach > 0.0 { margin } else { 0.0 }
    }

    /// Whether a rise is still there at the end of the window: what went away by itself was a blip, however high
    /// (one reading of three is the mean of the highest third). A reading that comes late only lies
    /// further back.
    pub fn lasts(&self) -> bool {
        self.end - self.up.before >= 0.5 * self.up.delta()
    }

    /// The side that moved more.
    pub fn strongest(&self) -> &Shift {
        if self.up.z() >= -self.down.z() { &self.up } else { &self.down }
    }
}

/// A series needs this many baseline values.
const MIN_VALUES: usize = 4;

/// Facts of all series that have enough values in both stretches, by id.
pub fn series_facts(
    before: &Stretch,
    after: &Stretch,
    catalog: &Catalog,
) -> BTreeMap<SeriesId, SeriesFact> {
    let mut then = values(&before.windows, catalog);
    let mut now = values(&after.windows, catalog);
    shares(&mut then, &mut now, catalog);
    let mut out = BTreeMap::new();
    let kin = kin(&then, catalog);
    for (id, window) in &now {
        let Some(identity) = catalog.series().get(id.0 as usize) else { continue };
        // An instance that was not there before (a release, a new pod) is held against its
        // predecessors.
        let own = then.get(id).filter(|values| values.len() >= MIN_VALUES);
        let baseline = own.or_else(|| kin.get(&Kin::of(identity)));
        if let Some(baseline) = baseline.filter(|b| b.len() >= MIN_VALUES) {
            out.insert(*id, fact(identity, baseline, window));
        }
    }
    out
}

/// What instances of one service have in common: everything but the place.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Kin<'a> {
    service: &'a str,
    name: &'a str,
    unit: &'a str,
    attributes: &'a [(String, String)],
}

impl<'a> Kin<'a> {
    fn of(s: &'a SeriesIdentity) -> Self {
        Self { service: &s.service, name: &s.name, unit: &s.unit, attributes: &s.attributes }
    }
}

/// Per kin and window the mean over its instances, in order of time.
fn kin<'a>(then: &Values, catalog: &'a Catalog) -> BTreeMap<Kin<'a>, Vec<(f64, f64)>> {
    let mut cells: BTreeMap<Kin<'a>, BTreeMap<u64, (f64, f64)>> = BTreeMap::new();
    for (id, values) in then {
        let Some(identity) = catalog.series().get(id.0 as usize) else { continue };
        let windows = cells.entry(Kin::of(identity)).or_default();
        for (at, value) in values {
            let cell = windows.entry(at.to_bits()).or_default();
            *cell = (cell.0 + value, cell.1 + 1.0);
        }
    }
    let mean = |(at, (sum, n)): (u64, (f64, f64))| (f64::from_bits(at), sum / n);
    cells.into_iter().map(|(k, w)| (k, w.into_iter().map(mean).collect())).collect()
}

/// Whether one of these words stands in the name of a series.
pub(crate) fn says(identity: &SeriesIdentity, words: &[&str]) -> bool {
    identity.name.split(|c: char| !c.is_alphanumeric()).any(|w| words.contains(&w))
}

/// Brings a value to the base unit of its role: times to seconds, shares to 0..1, availability to
/// the share of failures.
fn normal(identity: &SeriesIdentity, value: f64) -> f64 {
    let says = |word: &str| says(identity, &[word]);
    let percent = identity.unit == "%" || says("percent");
    let value = if percent { value / 100.0 } else { value };
    match identity.role {
        Role::Errors if says("availability") => 1.0 - value,
        Role::Latency | Role::Saturation if identity.unit == "ms" || says("ms") => value / 1e3,
        Role::Latency | Role::Saturation if identity.unit == "us" || says("us") => value / 1e6,
        Role::Latency | Role::Saturation if identity.unit == "ns" => value / 1e9,
        _ => value,
    }
}

/// A utilization that lies above this is told in percent, whatever its unit says.
const PERCENT: f64 = 2.0;

/// Brings utilizations that are told in percent without saying so to shares. The whole series decides, so that
/// a low value is not taken for a high share.
fn shares(then: &mut Values, now: &mut Values, catalog: &Catalog) {
    let percent = |id: &SeriesId, now: &Values, then: &Values| {
        let identity = catalog.series().get(id.0 as usize);
        let share = identity.is_some_and(|s| {
            s.role == Role::Utilization && s.name.contains("utiliz") && s.unit != "%"
        });
        let all = then.get(id).into_iter().chain(now.get(id)).flatten();
        share && all.map(|(_, v)| *v).fold(0.0, f64::max) > PERCENT
    };
    let ids: Vec<SeriesId> = then.keys().chain(now.keys()).copied().collect();
    let ids: BTreeSet<SeriesId> = ids.into_iter().filter(|id| percent(id, now, then)).collect();
    for side in [then, now] {
        let ours = side.iter_mut().filter(|(id, _)| ids.contains(id));
        ours.flat_map(|(_, values)| values).for_each(|(_, v)| *v /= 100.0);
    }
}

/// Least spread that a share of requests can be trusted to have: half a percent.
const SHARE_NOISE: f64 = 0.005;

/// (seconds, value) per window that has any.
fn values(windows: &[(Window, Vec<(SeriesId, SeriesSummary)>)], catalog: &Catalog) -> Values {
    let mut out: Values = BTreeMap::new();
    for (window, series) in windows {
        let at = window.start.0 as f64 / 1e9;
        for (id, s) in series {
            if let (Some(v), Some(identity)) = (s.value(), catalog.series().get(id.0 as usize)) {
                out.entry(*id).or_default().push((at, normal(identity, v)));
            }
        }
    }
    out
}

/// Mean of the most extreme third, at least one value.
fn extreme(values: &mut [f64], high: bool) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let k = values.len().div_ceil(3);
    let part = if high { &values[values.len() - k..] } else { &values[..k] };
    part.iter().sum::<f64>() / k.max(1) as f64
}

fn fact(identity: &SeriesIdentity, baseline: &[(f64, f64)], window: &[(f64, f64)]) -> SeriesFact {
    let then: Vec<f64> = baseline.iter().map(|(_, v)| *v).collect();
    let now: Vec<f64> = window.iter().map(|(_, v)| *v).collect();
    let length = now.len().min(then.len() / 2).max(1);
    let samples = [then.len() as u64, now.len() as u64];
    let side = |high: bool| {
        let rolling: Vec<f64> =
            then.windows(length).map(|w| extreme(&mut w.to_vec(), high)).collect();
        let center = median(&rolling);
        let sigma = robust_sigma(&then).max(robust_sigma(&rolling)).max(0.02 * center.abs());
        let sigma = if is_share(identity) { sigma.max(SHARE_NOISE) } else { sigma };
        Shift { before: center, after: extreme(&mut now.clone(), high), sigma, samples }
    };
    let highs = then.windows(length).map(|w| extreme(&mut w.to_vec(), true));
    let reach = highs.fold(f64::MIN, f64::max);
    let (mut up, mut down) = (side(true), side(false));
    // A series that never moved (all zero, say) has no spread of its own: any change of it is
    // taken as ten spreads, and judged by its size elsewhere.
    for s in [&mut up, &mut down] {
        if s.sigma <= 0.0 {
            s.sigma = s.delta().abs() / 10.0;
        }
    }
    let baseline_max = then.iter().copied().fold(f64::MIN, f64::max);
    let baseline_min = then.iter().copied().fold(f64::MAX, f64::min);
    let ends = [now[0], now[now.len() - 1]];
    let end = median(&now[now.len() - now.len().div_ceil(3)..]);
    let middle = median(&then);
    SeriesFact {
        identity: identity.clone(),
        up,
        down,
        reach,
        medians: [middle, median(&now)],
        baseline_max,
        baseline_min,
        growth_per_minute: slope(window) * 60.0 / middle.abs().max(1e-12),
        ends,
        end,
    }
}

/// Whether values are shares of requests (0 to 1).
fn is_share(identity: &SeriesIdentity) -> bool {
    identity.role == Role::Errors
        && (identity.unit == "%"
            || ["ratio", "availability", "percent"].iter().any(|w| identity.name.contains(w)))
}

/// Least-squares slope per second.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (mx, my) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
    let (mut sxy, mut sxx) = (0.0, 0.0);
    for (x, y) in points {
        sxy += (x - mx) * (y - my);
        sxx += (x - mx) * (x - mx);
    }
    if sxx > 0.0 { sxy / sxx } else { 0.0 }
}
