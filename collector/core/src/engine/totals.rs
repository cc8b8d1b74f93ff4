//! Totals for a scrape: closed windows plus open ones, with their names.

mod gross;
mod order;

pub use gross::Gross;
pub use order::Order;

use super::analyst::Analyst;
use super::snapshot::usage;
use crate::catalog::Catalog;
use longpole_model::finding::{Connection, EdgeTotal, RedTotal, Totals, USER};
use longpole_model::signal::{
    Category, EdgeCounters, Given, OperationId, SiteCounters, SiteKey, SpanKind,
};
use std::collections::BTreeMap;

/// Name of a database that its callers did not name.
const DATABASE: &str = "database";
/// Windows whose last value stands for a series.
const RECENT: usize = 6;

/// Takes the totals. `gross` is what the analyst has not observed yet, `open_spans` wait for the rest of
/// their traces.
pub fn totals(
    analyst: &Analyst,
    mut gross: Gross,
    open_spans: u64,
    catalog: &Catalog,
    order: &mut Order,
) -> Totals {
    gross.include(analyst.history().gross());
    order.follow(catalog);
    Totals {
        red: red(&gross, catalog, order),
        edges: edges(&gross, catalog),
        usage: usage(analyst.history().latest(RECENT), catalog),
        tally: gross.tally,
        windows: analyst.history().windows(),
        open_spans,
        given: Given::default(),
        history_bytes: analyst.history().bytes() as u64,
        history_dropped: analyst.history().dropped(),
        placebo: analyst.watch().placebo(),
    }
}

fn red(gross: &Gross, catalog: &Catalog, order: &Order) -> Vec<RedTotal> {
    let rows = order.keys().iter().filter_map(|key| {
        Some(RedTotal {
            red: *gross.red.get(key)?,
            operation: catalog.operations().get(key.operation.0 as usize)?.clone(),
            version: catalog.version_text(key.version),
        })
    });
    rows.collect()
}

type Edges<'a> = BTreeMap<(&'a str, &'a str, Connection), EdgeCounters>;

fn edges(gross: &Gross, catalog: &Catalog) -> Vec<EdgeTotal> {
    let mut all = Edges::new();
    // Sums of integers: in whatever order the tables give them.
    gross.edges.iter().for_each(|(key, edge)| {
        let Some(server) = catalog.operation_of(key.callee) else { return };
        let client = match key.caller {
            OperationId::NONE => USER,
            id => catalog.operation_of(id).map_or(USER, |o| &o.service),
        };
        let connection = match server.kind {
            SpanKind::Consumer => Connection::Messaging,
            _ => Connection::Call,
        };
        if client != server.service || connection == Connection::Messaging {
            all.entry((client, &server.service, connection)).or_default().merge(edge);
        }
    });
    gross.sites.iter().for_each(|(key, site)| virtual_edge(key, site, catalog, &mut all));
    let rows = all.into_iter().map(|((client, server, connection), edge)| EdgeTotal {
        client: client.to_owned(),
        server: server.to_owned(),
        connection,
        edge,
    });
    rows.collect()
}

/// A call to what sends no spans: its client span's own time is the call.
fn virtual_edge<'a>(key: &SiteKey, site: &SiteCounters, catalog: &'a Catalog, all: &mut Edges<'a>) {
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
    let call = EdgeCounters {
        weight,
        failed_weight: u64::try_from(failed).unwrap_or(u64::MAX),
        caller: site.durations,
        ..EdgeCounters::default()
    };
    all.entry((&client.service, server, connection)).or_default().merge(&call);
}
