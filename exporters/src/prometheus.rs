//! The Prometheus voice: families of metrics in text exposition format 0.0.4.
//!
//! Names and labels are those of OpenTelemetry's span metrics and service graph, so that existing
//! dashboards work. Decides nothing and knows no registry: the server brings its own families.

mod family;
mod graph;
mod health;
mod red;
#[cfg(test)]
mod tests;
mod text;
mod usage;

pub use family::{Family, Histogram, Kind, Labels, Sample, Value};
pub use text::{CONTENT_TYPE, encode, encode_parts};

use longpole_model::finding::{Investigation, Totals};

/// Names under which span metrics are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// `traces_span_metrics_*`, as OpenTelemetry's connector.
    Otel,
    /// `traces_spanmetrics_*`, as Grafana Tempo.
    Tempo,
}

/// Every family that findings and totals give, in a fixed order.
pub fn families<'a>(
    totals: &'a Totals,
    investigations: &'a [Investigation],
    dialects: &[Dialect],
) -> Vec<Family<'a>> {
    let mut out = Vec::new();
    for dialect in dialects {
        out.extend(red::families(&totals.red, *dialect));
    }
    out.extend(graph::families(&totals.edges));
    out.extend(usage::families(&totals.usage));
    out.extend(health::families(totals, investigations));
    out
}
