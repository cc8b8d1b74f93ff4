//! Totals for a scrape: closed windows plus open ones.

use super::analyst::Analyst;
use super::snapshot::usage;
use crate::catalog::Catalog;
use longpole_model::finding::{Connection, EdgeTotal, RedTotal, Totals, USER};
use longpole_model::signal::{
    Category, EdgeSummary, OperationId, RedKey, RedSummary, SiteKey, SiteSummary, SpanKind,
    WindowSummary,
};
use std::collections::BTreeMap;

/// Name of a database that its callers did not name.
const DATABASE: &str = "database";
/// Windows whose last value stands for a series.
const RECENT: usize = 6;

/// Takes the totals. `open` is what the analyst has not observed yet, `open_spans` wait for the rest of
/// their traces.
pub fn totals(
    analyst: &Analyst,
    open: &WindowSummary,
    open_spans: u64,
    catalog: &Catalog,
) -> Totals {
    let closed = analyst.history().totals();
    let mut tally = closed.tally.clone();
    tally.merge(&open.tally);
    Totals {
        red: red([closed, open], catalog),
        edges: edges([closed, open], catalog),
        usage: usage(analyst.history().latest(RECENT), catalog),
        tally,
        windows: analyst.history().windows(),
        open_spans,
        history_bytes: analyst.history().bytes() as u64,
        history_dropped: analyst.history().dropped(),
        placebo: analyst.watch().placebo(),
    }
}

fn red(parts: [&WindowSummary; 2], catalog: &Catalog) -> Vec<RedTotal> {
    // Each list is sorted: brought together, what belongs together lies side by side.
    let mut all: Vec<&(RedKey, RedSummary)> =
        parts.iter().flat_map(|p| p.red.iter().chain(&p.late)).collect();
    all.sort_by_key(|(key, _)| *key);
    let sums = all.chunk_by(|a, b| a.0 == b.0).filter_map(|same| {
        let (first, rest) = same.split_first()?;
        let mut red = first.1.clone();
        rest.iter().for_each(|row| red.merge(&row.1));
        Some((first.0, red))
    });
    let mut rows: Vec<RedTotal> = sums
        .filter_map(|(key, red)| {
            Some(RedTotal {
                operation: catalog.operation_of(key.operation)?.clone(),
                version: catalog.version_of(key.version).to_owned(),
                red,
            })
        })
        .collect();
    rows.sort_by(|a, b| (&a.operation, &a.version).cmp(&(&b.operation, &b.version)));
    rows
}

type Edges = BTreeMap<(String, String, Connection), EdgeSummary>;

fn edges(parts: [&WindowSummary; 2], catalog: &Catalog) -> Vec<EdgeTotal> {
    let mut all = Edges::new();
    for part in parts {
        for (key, edge) in &part.edges {
            let Some(server) = catalog.operation_of(key.callee) else { continue };
            let client = match key.caller {
                OperationId::NONE => USER,
                id => catalog.operation_of(id).map_or(USER, |o| &o.service),
            };
            let connection = match server.kind {
                SpanKind::Consumer => Connection::Messaging,
                _ => Connection::Call,
            };
            if client != server.service || connection == Connection::Messaging {
                let ends = (client.to_owned(), server.service.clone(), connection);
                all.entry(ends).or_default().merge(edge);
            }
        }
        for (key, site) in &part.sites {
            virtual_edge(key, site, catalog, &mut all);
        }
    }
    let rows = all.into_iter();
    rows.map(|((client, server, connection), edge)| EdgeTotal { client, server, connection, edge })
        .collect()
}

/// A call to what sends no spans: its client span's own time is the call.
fn virtual_edge(key: &SiteKey, site: &SiteSummary, catalog: &Catalog, all: &mut Edges) {
    let Some(client) = catalog.operation_of(key.operation) else { return };
    let peer = catalog.peer_of(key.operation);
    let (connection, server) = match key.category {
        Category::Store if peer.is_empty() => (Connection::Database, DATABASE),
        Category::Store => (Connection::Database, peer),
        Category::Remote if !peer.is_empty() => (Connection::Virtual, peer),
        _ => return,
    };
    let weight = site.durations.weight();
    // Failures are counted, calls are weighed: the share carries over.
    let failed = u128::from(weight) * u128::from(site.failed) / u128::from(site.visits.max(1));
    let call = EdgeSummary {
        weight,
        failed_weight: u64::try_from(failed).unwrap_or(u64::MAX),
        caller: site.durations.clone(),
        callee: Default::default(),
    };
    let ends = (client.service.clone(), server.to_owned(), connection);
    all.entry(ends).or_default().merge(&call);
}
