//! The service graph.

use super::family::{Family, Histogram, Kind, Labels, weight};
use longpole_model::finding::EdgeTotal;

pub(super) fn families(rows: &[EdgeTotal]) -> Vec<Family<'_>> {
    let mut requests = Family::new(
        "traces_service_graph_request_total",
        "Calls between two nodes, by sampling weight.",
        Kind::Counter,
    );
    let mut failed = Family::new(
        "traces_service_graph_request_failed_total",
        "Calls between two nodes that failed.",
        Kind::Counter,
    );
    let mut server = Family::new(
        "traces_service_graph_request_server_seconds",
        "Duration of calls as the server saw them.",
        Kind::Histogram,
    );
    let mut client = Family::new(
        "traces_service_graph_request_client_seconds",
        "Duration of calls as the client saw them.",
        Kind::Histogram,
    );
    for row in rows {
        let labels: Labels<'_> = vec![
            ("client", row.client.as_str().into()),
            ("server", row.server.as_str().into()),
            ("connection_type", row.connection.as_str().into()),
        ];
        requests.number(labels.clone(), weight(row.edge.weight));
        failed.number(labels.clone(), weight(row.edge.failed_weight));
        if row.edge.callee.weight() > 0 {
            server.histogram(labels.clone(), Histogram::of_seconds(&row.edge.callee));
        }
        if row.edge.caller.weight() > 0 {
            client.histogram(labels, Histogram::of_seconds(&row.edge.caller));
        }
    }
    vec![requests, failed, server, client]
}
