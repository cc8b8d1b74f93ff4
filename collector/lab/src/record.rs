//! A run of the shop as an OTLP recording with its labels.

use crate::fault::Fault;
use crate::readings::metrics;
use crate::shop::{SERVER, SERVICES, Shop, Span};
use crate::telemetry::Telemetry;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span as OtlpSpan, Status, span::Event,
};
use prost::Message;

pub(crate) const SECOND: u64 = 1_000_000_000;
/// Seconds between two readings of the machines.
pub(crate) const READ_EVERY: u64 = 5;

/// How long and how busy.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Seconds without the fault.
    pub healthy_seconds: u64,
    /// Seconds with it.
    pub faulty_seconds: u64,
    /// Customers' requests per second.
    pub requests_per_second: f64,
    /// Unix nanoseconds at which the recording begins.
    pub start: u64,
    /// What is wrong with the telemetry, not with the shop.
    pub telemetry: Telemetry,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            healthy_seconds: 180,
            faulty_seconds: 90,
            requests_per_second: 20.0,
            // 2026-01-01T00:00:00Z: recordings must not depend on the day they are made.
            start: 1_767_225_600 * SECOND,
            telemetry: Telemetry::default(),
        }
    }
}

/// A recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Encoded requests in order of time.
    pub messages: Vec<Vec<u8>>,
    /// The truth, as JSON.
    pub labels: String,
    /// Spans in it.
    pub spans: u64,
}

impl Recording {
    /// The messages after their lengths (4 bytes, big-endian), as the OpenTelemetry Collector's file
    /// exporter writes them.
    pub fn frames(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for m in &self.messages {
            out.extend_from_slice(&(m.len() as u32).to_be_bytes());
            out.extend_from_slice(m);
        }
        out
    }
}

/// Runs the shop and records it.
pub fn record(fault: Fault, seed: u64, options: &Options) -> Recording {
    let from = options.start + options.healthy_seconds * SECOND;
    let end = from + options.faulty_seconds * SECOND;
    let mut shop = Shop::new(fault, from, seed, options.requests_per_second);
    let mut messages = Vec::new();
    let mut spans = 0;
    let mut t = options.start;
    let mut second = options.start + SECOND;
    let mut waiting: Vec<Span> = Vec::new();
    while second <= end {
        while t < second {
            shop.request(t);
            t += shop.gap(t).max(1);
        }
        // What has ended by now is sent; the rest waits for its second.
        waiting.append(&mut shop.spans);
        let (mut done, rest): (Vec<Span>, Vec<Span>) = waiting
            .into_iter()
            .partition(|s| s.end + options.telemetry.delay(s, from) <= second || second == end);
        waiting = rest;
        options.telemetry.tell(&mut done, seed, from);
        done.sort_by_key(|s| (s.end, s.id));
        spans += done.len() as u64;
        if !done.is_empty() {
            messages.push(traces(&done, fault, from));
        }
        if ((second - options.start) / SECOND).is_multiple_of(READ_EVERY) {
            messages.push(metrics(&mut shop, second, options.start));
        }
        second += SECOND;
    }
    Recording { messages, labels: labels(fault, seed, options, from, end), spans }
}

pub(crate) fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn number(key: &str, value: u64) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::IntValue(value.cast_signed())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

pub(crate) fn resource(service: &str, version: &str) -> Option<Resource> {
    let attributes = vec![
        text("service.name", service),
        text("service.version", version),
        text("service.instance.id", &format!("{service}-0")),
        text("k8s.pod.name", &format!("{service}-0")),
        text("telemetry.sdk.language", "rust"),
        text("deployment.environment.name", "lab"),
    ];
    Some(Resource { attributes, ..Resource::default() })
}

pub(crate) fn version(service: &str, t: u64, fault: Fault, from: u64) -> &'static str {
    if fault.release() == Some(service) && t >= from { "1.5.0" } else { "1.4.0" }
}

fn traces(spans: &[Span], fault: Fault, from: u64) -> Vec<u8> {
    let mut request = ExportTraceServiceRequest::default();
    for (service, ..) in SERVICES {
        for v in ["1.4.0", "1.5.0"] {
            let ours = spans.iter().filter(|s| s.service == service);
            let ours: Vec<OtlpSpan> =
                ours.filter(|s| version(service, s.start, fault, from) == v).map(span).collect();
            if !ours.is_empty() {
                request.resource_spans.push(ResourceSpans {
                    resource: resource(service, v),
                    scope_spans: vec![ScopeSpans { spans: ours, ..ScopeSpans::default() }],
                    ..ResourceSpans::default()
                });
            }
        }
    }
    request.encode_to_vec()
}

fn span(s: &Span) -> OtlpSpan {
    let mut attributes = Vec::new();
    if let Some(system) = s.store {
        let (operation, table) = s.name.split_once(' ').unwrap_or((s.name, ""));
        attributes.push(text("db.system.name", system));
        attributes.push(text("db.query.summary", s.name));
        attributes.push(text("db.operation.name", operation));
        if !table.is_empty() {
            attributes.push(text("db.collection.name", table));
        }
    } else if let Some((method, route)) = s.name.split_once(' ') {
        attributes.push(text("http.request.method", method));
        if s.kind == SERVER {
            attributes.push(text("http.route", route));
        } else {
            attributes.push(text("server.address", route.split('/').next().unwrap_or("")));
        }
    }
    if let Some(error) = s.error {
        attributes.push(text("error.type", error));
    }
    if let Some(value) = s.says.value {
        let query = format!("{} WHERE id = {value}", s.name);
        attributes.push(text("db.query.text", &query));
    }
    if let Some(bytes) = s.says.bytes {
        attributes.push(number("http.response.body.size", bytes));
    }
    if let Some(what) = s.says.waits {
        attributes.push(text("longpole.wait", what));
    }
    let mut events = Vec::new();
    if s.error.is_some() && s.service == "payment" && s.kind == SERVER {
        events.push(Event {
            time_unix_nano: s.end,
            name: "exception".to_owned(),
            attributes: vec![text("exception.type", s.error.unwrap_or_default())],
            ..Event::default()
        });
    }
    OtlpSpan {
        trace_id: s.trace.to_be_bytes().to_vec(),
        span_id: s.id.to_be_bytes().to_vec(),
        parent_span_id: if s.parent == 0 { Vec::new() } else { s.parent.to_be_bytes().to_vec() },
        name: s.name.to_owned(),
        kind: s.kind,
        start_time_unix_nano: s.start,
        end_time_unix_nano: s.end,
        attributes,
        events,
        status: s.error.map(|_| Status { code: 2, ..Status::default() }),
        ..OtlpSpan::default()
    }
}

fn labels(fault: Fault, seed: u64, options: &Options, from: u64, end: u64) -> String {
    let labels = serde_json::json!({
        "case": format!("lab-{}-{seed}", fault.name()),
        "dataset": "lab",
        "app": "shop",
        "simulated": true,
        "normal": {"start_unix_nano": options.start, "end_unix_nano": from},
        "fault": {"start_unix_nano": from, "end_unix_nano": end},
        "fault_type": fault.name(),
        "expected_kinds": fault.kinds(),
        "culprit": {"service": fault.culprit(), "pod": fault.culprit().map(|s| format!("{s}-0"))},
        "services": SERVICES.map(|s| s.0),
    });
    // A JSON value of plain texts and numbers always prints.
    format!("{}\n", serde_json::to_string_pretty(&labels).unwrap_or_default())
}
