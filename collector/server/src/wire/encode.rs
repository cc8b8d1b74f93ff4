//! Summary to bytes.

use super::{FORMAT, Names, OLDEST_READER, counters};
use longpole_model::signal::{
    self as model, EntryKey, Fate, Fixed, Operation, OperationId, ReasonCounts, RedKey, RedSummary,
    SHARD_HASH_SEED, SHARD_HASH_VERSION, SeriesId, SeriesIdentity, SiteKey, Tally, VersionId,
    WindowSummary,
};
use longpole_proto::v1;
use prost::Message;
use std::collections::BTreeMap;

/// The canonical bytes of a summary whose ids `names` explains. Rows whose id has no name are left
/// out: they could not be read back.
pub fn encode(summary: &WindowSummary, names: Names<'_>) -> Vec<u8> {
    let d = References::new(summary, names);
    let message = v1::WindowSummary {
        header: Some(v1::Header {
            format: FORMAT,
            oldest_reader: OLDEST_READER,
            shard_hash_version: SHARD_HASH_VERSION,
            shard_hash_seed: SHARD_HASH_SEED,
        }),
        start: summary.window.start.0,
        end: summary.window.end.0,
        operations: d.operations.keys().map(|o| operation(o)).collect(),
        versions: d.versions.keys().map(|v| (*v).to_owned()).collect(),
        series: d.series.keys().map(|s| series(s)).collect(),
        red: d.red(&summary.red),
        late: d.red(&summary.late),
        entries: sorted(
            summary.entries.iter().map(|(k, v)| v1::Entry {
                key: Some(d.entry_key(k)),
                weight: v.weight,
                entries: v.entries,
                duration_ns: v.duration_ns,
            }),
            |e| e.key.map(entry_order),
        ),
        paths: sorted(
            summary.paths.iter().map(|((e, s), v)| v1::Path {
                entry: Some(d.entry_key(e)),
                site: Some(d.site_key(s)),
                visits: v.visits,
                critical_ns: v.critical_ns,
                self_ns: v.self_ns,
            }),
            |p| (p.entry.map(entry_order), p.site.map(site_order)),
        ),
        sites: sorted(
            summary.sites.iter().map(|(k, v)| v1::Site {
                key: Some(d.site_key(k)),
                visits: v.visits,
                failed: v.failed,
                durations: v.durations.encode(),
            }),
            |s| s.key.map(site_order),
        ),
        series_rows: sorted(
            summary.series.iter().filter_map(|(id, s)| {
                Some(v1::SeriesRow {
                    series: d.series(*id)?,
                    points: s.points,
                    sum: Some(fixed(s.sum)),
                    covered_ns: s.covered_ns,
                    min: Some(fixed(s.min)),
                    max: Some(fixed(s.max)),
                })
            }),
            |s| s.series,
        ),
        faults: sorted(
            summary.faults.iter().map(|(k, weight)| v1::Fault {
                operation: d.operation(k.operation),
                error: k.error.clone(),
                weight: *weight,
            }),
            |f| (f.operation, f.error.clone()),
        ),
        tally: Some(tally(&summary.tally)),
        missing_shards: summary.missing_shards,
        edges: sorted(
            summary.edges.iter().map(|(k, v)| v1::Edge {
                caller: d.operation(k.caller),
                callee: d.operation(k.callee),
                weight: v.weight,
                failed_weight: v.failed_weight,
                caller_durations: v.caller.encode(),
                callee_durations: v.callee.encode(),
            }),
            |e| (e.caller, e.callee),
        ),
    };
    message.encode_to_vec()
}

/// Rows in the order of their references, which is the order of the names.
fn sorted<T, K: Ord>(rows: impl Iterator<Item = T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut rows: Vec<T> = rows.collect();
    rows.sort_by_key(key);
    rows
}

fn entry_order(k: v1::EntryKey) -> (u32, u32, u32, bool, u32) {
    (k.scope, k.operation, k.version, k.failed, k.band)
}

fn site_order(k: v1::SiteKey) -> (u32, u32, u32) {
    (k.operation, k.peer, k.category)
}

/// Names in use, sorted, with their references (index + 1).
struct References<'a> {
    names: Names<'a>,
    operations: BTreeMap<&'a Operation, u32>,
    versions: BTreeMap<&'a str, u32>,
    series: BTreeMap<&'a SeriesIdentity, u32>,
}

impl<'a> References<'a> {
    fn new(s: &WindowSummary, names: Names<'a>) -> Self {
        let mut d = Self {
            names,
            operations: BTreeMap::new(),
            versions: BTreeMap::new(),
            series: BTreeMap::new(),
        };
        for (k, _) in s.red.iter().chain(&s.late) {
            d.use_operation(k.operation);
            d.use_version(k.version);
        }
        for k in s.entries.iter().map(|(k, _)| k).chain(s.paths.iter().map(|((k, _), _)| k)) {
            d.use_operation(k.operation);
            d.use_version(k.version);
        }
        for k in s.sites.iter().map(|(k, _)| k).chain(s.paths.iter().map(|((_, k), _)| k)) {
            d.use_operation(k.operation);
            d.use_operation(k.peer);
        }
        for (k, _) in &s.edges {
            d.use_operation(k.caller);
            d.use_operation(k.callee);
        }
        for (k, _) in &s.faults {
            d.use_operation(k.operation);
        }
        for (id, _) in &s.series {
            if let Some(name) = names.series.get(id.0 as usize) {
                d.series.insert(name, 0);
            }
        }
        number(&mut d.operations);
        number(&mut d.versions);
        number(&mut d.series);
        d
    }

    fn use_operation(&mut self, id: OperationId) {
        if let Some(o) = self.names.operations.get(id.0 as usize) {
            self.operations.insert(o, 0);
        }
    }

    fn use_version(&mut self, id: VersionId) {
        if let Some(v) = self.names.versions.get(id.0 as usize).filter(|v| !v.is_empty()) {
            self.versions.insert(v, 0);
        }
    }

    fn operation(&self, id: OperationId) -> u32 {
        let name = self.names.operations.get(id.0 as usize);
        name.and_then(|o| self.operations.get(o)).copied().unwrap_or(0)
    }

    fn version(&self, id: VersionId) -> u32 {
        let name = self.names.versions.get(id.0 as usize);
        name.and_then(|v| self.versions.get(v.as_str())).copied().unwrap_or(0)
    }

    fn series(&self, id: SeriesId) -> Option<u32> {
        self.series.get(self.names.series.get(id.0 as usize)?).copied()
    }

    fn entry_key(&self, k: &EntryKey) -> v1::EntryKey {
        v1::EntryKey {
            scope: k.scope as u32,
            operation: self.operation(k.operation),
            version: self.version(k.version),
            failed: k.failed,
            band: u32::from(k.band),
        }
    }

    fn site_key(&self, k: &SiteKey) -> v1::SiteKey {
        v1::SiteKey {
            operation: self.operation(k.operation),
            peer: self.operation(k.peer),
            category: k.category as u32,
        }
    }

    fn red(&self, rows: &[(RedKey, RedSummary)]) -> Vec<v1::Red> {
        let rows = rows.iter().map(|(k, r)| v1::Red {
            operation: self.operation(k.operation),
            version: self.version(k.version),
            spans: r.spans,
            failed: r.failed,
            weight: r.weight,
            failed_weight: r.failed_weight,
            half_a: r.halves[0].encode(),
            half_b: r.halves[1].encode(),
            exemplars: r.exemplars.iter().map(exemplar).collect(),
        });
        sorted(rows.filter(|r| r.operation > 0), |r| (r.operation, r.version))
    }
}

fn number<K: Ord>(map: &mut BTreeMap<K, u32>) {
    for (reference, cell) in (1..).zip(map.values_mut()) {
        *cell = reference;
    }
}

fn operation(o: &Operation) -> v1::Operation {
    v1::Operation {
        tenant: o.tenant.clone(),
        environment: o.environment.clone(),
        namespace: o.namespace.clone(),
        service: o.service.clone(),
        kind: o.kind as u32,
        name: o.name.clone(),
    }
}

fn series(s: &SeriesIdentity) -> v1::Series {
    let attribute = |(k, v): &(String, String)| v1::Attribute { key: k.clone(), value: v.clone() };
    v1::Series {
        service: s.service.clone(),
        instance: s.placement.instance.clone(),
        pod: s.placement.pod.clone(),
        node: s.placement.node.clone(),
        gpu: s.placement.gpu.clone(),
        name: s.name.clone(),
        unit: s.unit.clone(),
        attributes: s.attributes.iter().map(attribute).collect(),
        temporality: s.temporality as u32,
        monotonic: s.monotonic,
        role: s.role as u32,
        facility: s.facility as u32,
    }
}

fn exemplar(e: &model::Exemplar) -> v1::Exemplar {
    v1::Exemplar { hash: e.hash, trace_id: e.trace.0.to_vec(), duration_ns: e.duration_ns }
}

fn fixed(f: Fixed) -> v1::Fixed {
    v1::Fixed { high: (f.0 >> 64) as i64, low: f.0 as u64 }
}

/// Reasons of the first release are always written; later ones where they occurred, so that summaries
/// without them keep their bytes.
const FIRST_REASONS: usize = 9;

fn reasons(counts: &ReasonCounts) -> Vec<u64> {
    let mut all = model::Reason::ALL.map(|r| counts.get(r)).to_vec();
    while all.len() > FIRST_REASONS && all.last() == Some(&0) {
        all.pop();
    }
    all
}

fn fate(f: &Fate) -> v1::Fate {
    v1::Fate {
        received: f.received,
        window: f.window,
        late: f.late,
        skewed: f.skewed,
        rejected: reasons(&f.rejected),
        duplicate: f.duplicate,
        dropped: f.dropped,
    }
}

fn tally(t: &Tally) -> v1::Tally {
    let mut copy = t.clone();
    v1::Tally {
        spans: Some(fate(&t.spans)),
        points: Some(fate(&t.points)),
        counters: counters(&mut copy).map(|n| *n).to_vec(),
        requests: reasons(&t.requests),
    }
}
