//! What makes two findings one cause: the culprit, the site, the measure. Never the kind.

use super::Finding;
use longpole_model::finding::{Bottleneck, Measure, Regression};

/// Who is meant by a service name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Culprit {
    service: String,
    tenant: String,
    environment: String,
    namespace: String,
}

impl Culprit {
    pub(super) fn of(verdict: Option<&Bottleneck>, regressions: &[Regression]) -> Self {
        let service = verdict.map(|b| b.service.clone()).unwrap_or_default();
        let site = verdict.and_then(|b| b.site.as_ref());
        let ends = site.into_iter().flat_map(|s| s.peer.iter().chain([&s.operation]));
        let known = ends.chain(regressions.iter().map(|r| &r.operation));
        let o = known.filter(|o| o.service == service).min().cloned().unwrap_or_default();
        Self { service, tenant: o.tenant, environment: o.environment, namespace: o.namespace }
    }

    /// Whether both may be the same; what one does not say, it does not contradict.
    pub(super) fn may_be(&self, other: &Self) -> bool {
        let agree = |a: &str, b: &str| a == b || a.is_empty() || b.is_empty();
        self.service == other.service
            && agree(&self.tenant, &other.tenant)
            && agree(&self.environment, &other.environment)
            && agree(&self.namespace, &other.namespace)
    }
}

/// What a finding is about, whatever kind it turns out to be: its site, else its first measure.
pub(super) fn cause(f: &Finding) -> String {
    let verdict = f.bottlenecks.first();
    if let Some(site) = verdict.and_then(|b| b.site.as_ref()) {
        let peer = site.peer.as_ref().map_or("", |p| &p.name);
        return format!("{}|{}|{peer}", site.category.as_str(), site.operation.name);
    }
    f.regressions
        .first()
        .map(|r| format!("{}|{}", measure(r), r.operation.name))
        .unwrap_or_default()
}

/// The measure, whatever the quantile.
fn measure(r: &Regression) -> &'static str {
    match r.measure {
        Measure::Rate => "rate",
        Measure::ErrorRatio => "error_ratio",
        Measure::Duration { .. } => "duration",
        Measure::Series => "series",
    }
}

/// Whether both are about the same measure of the same operation and version.
pub(super) fn same_measure(a: &Regression, b: &Regression) -> bool {
    (&a.operation, &a.version, measure(a)) == (&b.operation, &b.version, measure(b))
}

/// Service, kind, and the measure that shows it.
pub(super) fn title(bottlenecks: &[Bottleneck], regressions: &[Regression]) -> String {
    let verdict = bottlenecks.first();
    let head = verdict.map(|b| format!("{}: {}", b.service, b.kind.title())).unwrap_or_default();
    let Some(r) = regressions.first() else { return head };
    let ratio = r.effect_ratio.map(|x| format!(" x {x:.2}")).unwrap_or_default();
    format!("{head}, {} of {}{ratio}", measure(r).replace('_', " "), r.operation)
}
