//! OTLP requests to [`Batch`]es through prost messages.
//!
//! Only well-formed input: what to do with hostile input is judged by other tests.

use longpole_model::signal::*;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::{
    NumberDataPoint, metric::Data, number_data_point::Value as Number,
};
use opentelemetry_proto::tonic::resource::v1::Resource as OtlpResource;
use prost::Message;
use std::sync::Arc;

/// An attribute as text; empty when missing.
fn text(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().rev().find(|a| a.key == key);
    match found.and_then(|a| a.value.as_ref()).and_then(|v| v.value.as_ref()) {
        Some(Value::StringValue(s)) => s.clone(),
        Some(Value::IntValue(i)) => i.to_string(),
        Some(Value::DoubleValue(d)) => d.to_string(),
        Some(Value::BoolValue(b)) => b.to_string(),
        _ => String::new(),
    }
}

fn first(attributes: &[KeyValue], keys: &[&str]) -> String {
    keys.iter().map(|k| text(attributes, k)).find(|s| !s.is_empty()).unwrap_or_default()
}

fn resource(r: Option<&OtlpResource>) -> Resource {
    let a = r.map_or(&[][..], |r| &r.attributes);
    let service = text(a, "service.name");
    Resource {
        tenant: String::new(),
        environment: first(a, &["deployment.environment.name", "deployment.environment"]),
        namespace: text(a, "service.namespace"),
        named: !service.is_empty(),
        service: if service.is_empty() { UNKNOWN_SERVICE.to_owned() } else { service },
        version: text(a, "service.version"),
        language: text(a, "telemetry.sdk.language"),
        revision: text(a, "vcs.ref.head.revision"),
        placement: Placement {
            instance: text(a, "service.instance.id"),
            pod: first(a, &["k8s.pod.name", "container.name", "container.id"]),
            node: first(a, &["k8s.node.name", "host.name"]),
            gpu: String::new(),
        },
    }
}

/// Index of a row in a dictionary, appended when new.
fn intern<T: PartialEq>(rows: &mut Vec<T>, row: T) -> u32 {
    let at = rows.iter().position(|r| *r == row).unwrap_or_else(|| {
        rows.push(row);
        rows.len() - 1
    });
    at as u32
}

/// Operation name by semantic conventions.
fn name(kind: SpanKind, a: &[KeyValue], span_name: &str) -> String {
    let t = |k| text(a, k);
    let summary = t("db.query.summary");
    let db = first(a, &["db.operation.name", "db.operation"]);
    let target = first(a, &["db.collection.name", "db.namespace", "db.name"]);
    let method = first(a, &["http.request.method", "http.method"]);
    let route = t("http.route");
    let rpc = match (t("rpc.service"), t("rpc.method")) {
        (_, m) if m.contains('/') => m,
        (s, m) if !s.is_empty() && !m.is_empty() => format!("{s}/{m}"),
        (_, m) => m,
    };
    let messaging = first(a, &["messaging.operation.name", "messaging.operation.type"]);
    let destination = t("messaging.destination.name");
    if !summary.is_empty() {
        summary
    } else if !db.is_empty() && !target.is_empty() {
        format!("{db} {target}")
    } else if kind == SpanKind::Server && !route.is_empty() {
        if method.is_empty() { route } else { format!("{method} {route}") }
    } else if !rpc.is_empty() {
        rpc
    } else if !messaging.is_empty() && !destination.is_empty() {
        format!("{messaging} {destination}")
    } else {
        span_name.to_owned()
    }
}

/// A trace request.
pub fn traces(bytes: &[u8]) -> Batch {
    let request = ExportTraceServiceRequest::decode(bytes).unwrap_or_default();
    let mut b = Batch::default();
    for rs in &request.resource_spans {
        let r = Arc::new(resource(rs.resource.as_ref()));
        for s in rs.scope_spans.iter().flat_map(|s| &s.spans) {
            let a = &s.attributes;
            let kind = SpanKind::from_wire(s.kind as u64);
            let store = first(a, &["db.system.name", "db.system"]);
            let category = match kind {
                _ if !store.is_empty() && kind != SpanKind::Server => SpanCategory::Store,
                SpanKind::Client | SpanKind::Producer => SpanCategory::Call,
                _ => SpanCategory::Own,
            };
            let row = OperationRow {
                resource: Arc::clone(&r),
                kind,
                category,
                name: name(kind, a, &s.name),
                peer: String::new(),
            };
            let operation = intern(&mut b.operations, Arc::new(row));
            let id = |x: &[u8]| x.try_into().unwrap_or([0; 8]);
            b.spans.push(SpanRecord {
                trace: TraceId(s.trace_id.as_slice().try_into().unwrap_or([0; 16])),
                span: SpanId(id(&s.span_id)),
                parent: SpanId(id(&s.parent_span_id)),
                start: Timestamp(s.start_time_unix_nano),
                end: Timestamp(s.end_time_unix_nano),
                operation,
                offset: 0,
                weight: Weight::ONE,
                kind,
                status: StatusCode::from_wire(s.status.as_ref().map_or(0, |s| s.code as u64)),
                category,
                flags: 0,
            });
            for e in s.events.iter().filter(|e| e.name == "exception") {
                let kind = text(&e.attributes, "exception.type");
                let text = intern(&mut b.texts, kind);
                let span = b.spans.len() as u32 - 1;
                b.attributes.push(KnownAttribute { span, key: AttributeKey::ErrorType, text });
            }
        }
    }
    b
}

/// A metrics request. Histograms and summaries as the road takes them.
pub fn metrics(bytes: &[u8]) -> Batch {
    let request = ExportMetricsServiceRequest::decode(bytes).unwrap_or_default();
    let mut b = Batch::default();
    for rm in &request.resource_metrics {
        let resource = intern(&mut b.resources, Arc::new(resource(rm.resource.as_ref())));
        for m in rm.scope_metrics.iter().flat_map(|s| &s.metrics) {
            let mut number = |p: &NumberDataPoint, temporality, monotonic| {
                let value = match p.value {
                    Some(Number::AsDouble(x)) => x,
                    Some(Number::AsInt(x)) => x as f64,
                    None => return,
                };
                let row = series(resource, m, &p.attributes, temporality, monotonic);
                push(&mut b, row, p.start_time_unix_nano, p.time_unix_nano, value);
            };
            match &m.data {
                Some(Data::Gauge(g)) => {
                    g.data_points.iter().for_each(|p| number(p, Temporality::Gauge, false));
                }
                Some(Data::Sum(s)) => {
                    let temporality = match (s.aggregation_temporality, s.is_monotonic) {
                        (1, _) => Temporality::Delta,
                        (_, true) => Temporality::Cumulative,
                        _ => Temporality::Gauge,
                    };
                    s.data_points.iter().for_each(|p| number(p, temporality, s.is_monotonic));
                }
                Some(Data::Summary(s)) => {
                    for p in &s.data_points {
                        for q in &p.quantile_values {
                            let mut row =
                                series(resource, m, &p.attributes, Temporality::Gauge, false);
                            row.attributes.push(("quantile".into(), q.quantile.to_string()));
                            row.attributes.sort();
                            push(&mut b, row, 0, p.time_unix_nano, q.value);
                        }
                        let mut row =
                            series(resource, m, &p.attributes, Temporality::Cumulative, true);
                        row.name += ".count";
                        row.unit = "1".into();
                        push(&mut b, row, p.start_time_unix_nano, p.time_unix_nano, p.count as f64);
                    }
                }
                _ => {}
            }
        }
    }
    b
}

fn series(
    resource: u32,
    m: &opentelemetry_proto::tonic::metrics::v1::Metric,
    attributes: &[KeyValue],
    temporality: Temporality,
    monotonic: bool,
) -> SeriesRow {
    let mut attributes: Vec<(String, String)> =
        attributes.iter().map(|a| (a.key.clone(), text(attributes, &a.key))).collect();
    attributes.sort();
    SeriesRow {
        resource,
        name: m.name.clone(),
        unit: m.unit.clone(),
        attributes,
        temporality,
        monotonic,
    }
}

fn push(b: &mut Batch, row: SeriesRow, start: u64, time: u64, value: f64) {
    if value.is_finite() {
        let series = intern(&mut b.series, row);
        let (start, time) = (Timestamp(start), Timestamp(time));
        b.points.push(MetricPoint { series, start, time, value: PointValue::Number(value) });
    }
}
