//! From two stretches to everything that is said about them: bottlenecks, whose time, who gets it,
//! what it is worth.

use super::diagnose::{Target, diagnose};
use crate::attribute::attributions;
use crate::catalog::Catalog;
use crate::facts::Stretch;
use crate::route::worth::{EntryLoad, Stakes, worth};
use crate::route::{Case, Tree, route};
use longpole_model::finding::{
    Attribution, Bottleneck, Candidate, Change, ChangeKind, ExemplarTrace, Regression,
};
use longpole_model::signal::{SpanKind, Timestamp, Window};

/// Entry operations whose time is told.
const ENTRIES: usize = 3;
/// Traces named as examples.
const EXAMPLES: usize = 5;

/// What two stretches say.
#[derive(Clone, Debug, Default)]
pub struct Conclusion {
    /// Best first, each routed and valued.
    pub candidates: Vec<Candidate>,
    /// Whose time it is.
    pub attributions: Vec<Attribution>,
}

/// What the conclusion is drawn with.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Declared (caller, callee) pairs.
    pub declared: &'a [(String, String)],
    /// Where the symptom was seen.
    pub target: Option<&'a Target>,
    /// The routing tree.
    pub tree: &'a Tree,
    /// Names behind ids.
    pub catalog: &'a Catalog,
}

/// Draws the conclusion.
pub fn conclude(
    before: &Stretch,
    after: &Stretch,
    regressions: &[Regression],
    context: Context<'_>,
) -> Conclusion {
    let Context { declared, target, tree, catalog } = context;
    let bottlenecks = diagnose(before, after, declared, target, catalog);
    let attributions = attributions(&before.all, &after.all, catalog, ENTRIES);
    let seconds = after.seconds();
    let loads: Vec<EntryLoad<'_>> = attributions
        .iter()
        .map(|a| EntryLoad {
            attribution: a,
            requests_per_second: a.entries[1] as f64 / seconds,
            share: 1.0,
        })
        .collect();
    let candidate = |bottleneck: Bottleneck| {
        let language = language(&bottleneck.service, catalog);
        let case = Case { language: &language, ..Case::new(&bottleneck, &attributions) };
        let handoff = route(tree, &case);
        let stakes = Stakes {
            bottleneck: &bottleneck,
            profiles: &loads,
            regressions,
            requests_per_second: requests_per_second(&bottleneck.service, after, catalog),
            fraction: 1.0,
        };
        let worth = worth(tree, &handoff.specialist.name, &stakes);
        Candidate { bottleneck, handoff: Some(handoff), worth: Some(worth) }
    };
    let candidates = bottlenecks.into_iter().map(candidate).collect();
    Conclusion { candidates, attributions }
}

fn language(service: &str, catalog: &Catalog) -> String {
    let ids = (0..catalog.operations().len() as u32).map(longpole_model::signal::OperationId);
    let mut ours = ids.filter(|id| catalog.operation_of(*id).is_some_and(|o| o.service == service));
    ours.find_map(|id| Some(catalog.language_of(id)).filter(|l| !l.is_empty()))
        .unwrap_or_default()
        .to_owned()
}

/// Calls a service takes per second, by its server and consumer spans.
fn requests_per_second(service: &str, after: &Stretch, catalog: &Catalog) -> f64 {
    let rows = after.all.red.iter().filter(|(k, _)| {
        catalog.operation_of(k.operation).is_some_and(|o| {
            o.service == service && matches!(o.kind, SpanKind::Server | SpanKind::Consumer)
        })
    });
    rows.map(|(_, r)| r.weight as f64 / 65_536.0).sum::<f64>() / after.seconds()
}

/// Slow traces of a service in a stretch: highest duration band, then lowest hash.
pub fn examples(service: &str, after: &Stretch, catalog: &Catalog) -> Vec<ExemplarTrace> {
    let mut all: Vec<(u64, u64, ExemplarTrace)> = Vec::new();
    for (key, red) in &after.all.red {
        let Some(o) = catalog.operation_of(key.operation).filter(|o| o.service == service) else {
            continue;
        };
        for e in &red.exemplars {
            let trace = ExemplarTrace {
                trace_id: e.trace.to_string(),
                operation: o.to_string(),
                duration_ns: e.duration_ns,
            };
            all.push((e.duration_ns, e.hash, trace));
        }
    }
    all.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut out: Vec<ExemplarTrace> = Vec::new();
    for (_, _, trace) in all {
        if out.len() < EXAMPLES && !out.iter().any(|t| t.trace_id == trace.trace_id) {
            out.push(trace);
        }
    }
    out
}

/// Versions that took traffic, as changes: every version of a service behind its first.
pub fn deployments(catalog: &Catalog) -> Vec<Change> {
    let mut out = Vec::new();
    for service in catalog.services() {
        let versions = catalog.versions_of_service(service);
        for pair in versions.windows(2) {
            out.push(Change {
                kind: ChangeKind::Deploy,
                service: service.to_owned(),
                at: pair[1].1,
                from: catalog.version_of(pair[0].0).to_owned(),
                to: catalog.version_of(pair[1].0).to_owned(),
            });
        }
    }
    out.sort_by(|a, b| (a.at, &a.service).cmp(&(b.at, &b.service)));
    out
}

/// The change that falls on an onset: of the culprit itself, from a minute before it to half a
/// minute behind it; the nearest one.
pub fn suspect(
    changes: &[Change],
    service: &str,
    onset: Timestamp,
    grid: Window,
) -> Option<Change> {
    let slack = grid.length().max(30 * longpole_model::signal::SECOND);
    let near = |c: &&Change| {
        c.service == service && c.at >= onset.minus(2 * slack) && c.at <= onset.plus(slack)
    };
    changes.iter().filter(near).min_by_key(|c| c.at.0.abs_diff(onset.0)).cloned()
}
