//! The service graph.

use super::family::{Family, Histogram, Kind, weight};
use longpole_model::finding::EdgeTotal;

pub(super) fn families(rows: &[EdgeTotal]) -> Vec<Family> {
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
        let labels = vec![
            ("client", row.client.clone()),
            ("server", row.server.clone()),
            ("connection_type", row.connection.as_str().to_owned()),
        ];
        requests.number(labels.clone(), weight(row.edge.weight));
        failed.number(labels.clone(), weight(row.edge.failed_weight));
        if !row.edge.callee.is_empty() {
            server.histogram(labels.clone(), Histogram::of_seconds(&[&row.edge.callee]));
        }
        if !row.edge.caller.is_empty() {
            client.histogram(labels, Histogram::of_seconds(&[&row.edge.caller]));
        }
    }
    vec![requests, failed, server, client]
}
