//! Totals for a scrape: closed windows plus open ones, with their names.

mod gross;
mod joint;
mod order;
#[cfg(test)]
mod tests;
mod view;

pub use gross::Gross;
pub use joint::Joint;
pub use order::Order;

use super::analyst::Analyst;
use super::snapshot::usage;
use crate::catalog::Catalog;
use longpole_model::finding::{Connection, EdgeTotal, RedTotal, Totals, USER};
use longpole_model::signal::{
    Category, EdgeCounters, Given, OperationId, SiteCounters, SiteKey, SpanKind,
};
use std::collections::BTreeMap;
use view::View;

/// Name of a database that its callers did not name.
const DATABASE: &str = "database";
/// Windows whose last value stands for a series.
const RECENT: usize = 6;

/// Takes the totals. `open` is what the analyst has not observed yet, `open_spans` wait for the rest of
/// their traces.
pub fn totals(
    analyst: &Analyst,
    open: Gross,
    open_spans: u64,
    catalog: &Catalog,
    order: &mut Order,
) -> Totals {
    order.follow(catalog);
    taken(analyst, (&open, None), open_spans, catalog, (View::of(catalog), order))
}

/// The same where what is open has names of the `doors`, and the analyst has those of another `catalog`;
/// `joint` is kept from scrape to scrape. An operation that the doors know and the other folded into an
/// overflow row, or the reverse, is told under either name until it is closed; sums are the same.
pub fn totals_of(
    analyst: &Analyst,
    catalog: &Catalog,
    open: Gross,
    open_spans: u64,
    doors: &Catalog,
    joint: &mut Joint,
) -> Totals {
    joint.follow(catalog, doors);
    let names = (joint.view(catalog, doors), joint.order());
    taken(analyst, (&open, Some(joint)), open_spans, catalog, names)
}

fn taken(
    analyst: &Analyst,
    (open, joint): (&Gross, Option<&Joint>),
    open_spans: u64,
    catalog: &Catalog,
    (names, order): (View<'_>, &Order),
) -> Totals {
    // A copy of the table, and then only what is open row by row.
    let mut gross = analyst.history().gross().clone();
    gross.include_of(open, joint);
    Totals {
        red: red(&gross, names, order),
        edges: edges(&gross, names),
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

fn red(gross: &Gross, names: View<'_>, order: &Order) -> Vec<RedTotal> {
    let rows = order.keys().iter().filter_map(|key| {
        Some(RedTotal {
            red: *gross.red(*key)?,
            operation: names.operation(key.operation)?.clone(),
            version: names.version(key.version).cloned().unwrap_or_default(),
        })
    });
    rows.collect()
}

type Edges<'a> = BTreeMap<(&'a str, &'a str, Connection), EdgeCounters>;

fn edges(gross: &Gross, names: View<'_>) -> Vec<EdgeTotal> {
    let mut all = Edges::new();
    // Sums of integers: in whatever order the tables give them.
    gross.edges.iter().for_each(|(key, edge)| {
        let Some(server) = names.operation(key.callee) else { return };
        let client = match key.caller {
            OperationId::NONE => USER,
            id => names.operation(id).map_or(USER, |o| &o.service),
        };
        let connection = match server.kind {
            SpanKind::Consumer => Connection::Messaging,
            _ => Connection::Call,
        };
        if client != server.service || connection == Connection::Messaging {
            all.entry((client, &server.service, connection)).or_default().merge(edge);
        }
    });
    gross.sites.iter().for_each(|(key, site)| virtual_edge(key, site, names, &mut all));
    let rows = all.into_iter().map(|((client, server, connection), edge)| EdgeTotal {
        client: client.to_owned(),
        server: server.to_owned(),
        connection,
        edge,
    });
    rows.collect()
}

/// A call to what sends no spans: its client span's own time is the call.
fn virtual_edge<'a>(key: &SiteKey, site: &SiteCounters, names: View<'a>, all: &mut Edges<'a>) {
    let Some(client) = names.operation(key.operation) else { return };
    let peer = names.peer(key.operation);
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
