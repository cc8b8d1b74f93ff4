//! Summary to bytes.

mod references;

use super::{FORMAT, OLDEST_READER, counters};
use longpole_core::catalog::Catalog;
use longpole_model::signal::{
    self as model, Fate, Fixed, ReasonCounts, RedKey, RedSummary, SHARD_HASH_SEED,
    SHARD_HASH_VERSION, Tally, WindowSummary,
};
use longpole_proto::v1;
use prost::Message;
use references::{References, entry_key, site_key};

/// The canonical bytes of a summary whose ids are those of `catalog`, with the names it uses and what is known of
/// them. Rows whose id has no name are left out: they could not be read back.
pub fn encode(summary: &WindowSummary, catalog: &Catalog) -> Vec<u8> {
    let (d, names) = References::new(summary, catalog);
    let message = v1::WindowSummary {
        header: Some(v1::Header {
            format: FORMAT,
            oldest_reader: OLDEST_READER,
            shard_hash_version: SHARD_HASH_VERSION,
            shard_hash_seed: SHARD_HASH_SEED,
        }),
        start: summary.window.start.0,
        end: summary.window.end.0,
        operations: names.operations,
        versions: names.versions,
        series: names.series,
        red: red(&d, &summary.red),
        late: red(&d, &summary.late),
        entries: entries(&d, summary),
        paths: paths(&d, summary),
        sites: sites(&d, summary),
        series_rows: series_rows(&d, summary),
        faults: faults(&d, summary),
        tally: Some(tally(&summary.tally)),
        missing_shards: summary.missing_shards,
        edges: edges(&d, summary),
    };
    message.encode_to_vec()
}

/// Rows in the order of their references, which is the order of the names. Only references are moved to sort them.
fn sorted<R, O: Ord + Copy, T>(
    rows: &[R],
    order: impl Fn(&R) -> O,
    message: impl Fn(O, &R) -> T,
) -> Vec<T> {
    let mut places: Vec<(O, &R)> = rows.iter().map(|row| (order(row), row)).collect();
    places.sort_unstable_by_key(|(order, _)| *order);
    places.into_iter().map(|(order, row)| message(order, row)).collect()
}

fn red(d: &References, rows: &[(RedKey, RedSummary)]) -> Vec<v1::Red> {
    let order = |(k, _): &(RedKey, RedSummary)| (d.operation(k.operation), d.version(k.version));
    let message = |(operation, version), (_, r): &(RedKey, RedSummary)| v1::Red {
        operation,
        version,
        spans: r.spans,
        failed: r.failed,
        weight: r.weight,
        failed_weight: r.failed_weight,
        half_a: r.halves[0].encode(),
        half_b: r.halves[1].encode(),
        exemplars: r.exemplars.iter().map(exemplar).collect(),
    };
    let mut rows = sorted(rows, order, message);
    rows.retain(|r| r.operation > 0);
    rows
}

fn entries(d: &References, summary: &WindowSummary) -> Vec<v1::Entry> {
    let message = |key, (_, v): &(model::EntryKey, model::EntryValue)| v1::Entry {
        key: Some(entry_key(key)),
        weight: v.weight,
        entries: v.entries,
        duration_ns: v.duration_ns,
    };
    sorted(&summary.entries, |(k, _)| d.entry(k), message)
}

fn paths(d: &References, summary: &WindowSummary) -> Vec<v1::Path> {
    let message = |(entry, site), (_, v): &(_, model::PathValue)| v1::Path {
        entry: Some(entry_key(entry)),
        site: Some(site_key(site)),
        visits: v.visits,
        critical_ns: v.critical_ns,
        self_ns: v.self_ns,
    };
    sorted(&summary.paths, |((entry, site), _)| (d.entry(entry), d.site(site)), message)
}

fn sites(d: &References, summary: &WindowSummary) -> Vec<v1::Site> {
    let message = |key, (_, v): &(model::SiteKey, model::SiteSummary)| v1::Site {
        key: Some(site_key(key)),
        visits: v.visits,
        failed: v.failed,
        durations: v.durations.encode(),
    };
    sorted(&summary.sites, |(k, _)| d.site(k), message)
}

fn edges(d: &References, summary: &WindowSummary) -> Vec<v1::Edge> {
    let message = |(caller, callee), (_, v): &(model::EdgeKey, model::EdgeSummary)| v1::Edge {
        caller,
        callee,
        weight: v.weight,
        failed_weight: v.failed_weight,
        caller_durations: v.caller.encode(),
        callee_durations: v.callee.encode(),
    };
    let order = |k: &model::EdgeKey| (d.operation(k.caller), d.operation(k.callee));
    sorted(&summary.edges, |(k, _)| order(k), message)
}

fn series_rows(d: &References, summary: &WindowSummary) -> Vec<v1::SeriesRow> {
    let message = |series, (_, s): &(model::SeriesId, model::SeriesSummary)| v1::SeriesRow {
        series,
        points: s.points,
        sum: Some(fixed(s.sum)),
        covered_ns: s.covered_ns,
        min: Some(fixed(s.min)),
        max: Some(fixed(s.max)),
    };
    let mut rows = sorted(&summary.series, |(id, _)| d.series(*id), message);
    rows.retain(|s| s.series > 0);
    rows
}

fn faults(d: &References, summary: &WindowSummary) -> Vec<v1::Fault> {
    let order = |k: &model::FaultKey| d.operation(k.operation);
    let message = |(operation, error): (u32, &String), (_, weight): &(_, u64)| v1::Fault {
        operation,
        error: error.clone(),
        weight: *weight,
    };
    let rows: Vec<_> = summary.faults.iter().map(|(k, n)| ((order(k), &k.error), *n)).collect();
    sorted(&rows, |(key, _)| *key, message)
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
