//! The walk against prost: random requests are built, encoded, walked, and every accepted field is
//! compared with what the built message says. JSON of the same message must say the same.

use crate::common::{T0, metrics, said, traces};
use longpole_collector::ingest::otlp::{self, DecodeLimits, Signal, json};
use longpole_model::signal::{
    AttributeKey, Batch, PointValue, Rejections, SpanCategory, SpanKind, SpanRecord, StatusCode,
    Temporality, Timestamp, Weight,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::prelude::*;
use prost::Message;
use std::cell::RefCell;

const NOW: Timestamp = Timestamp(T0 + 60_000_000_000);

/// The last value of `key`, plainly searched.
fn last<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    attributes.iter().rev().find(|a| a.key == key)?.value.as_ref()?.value.as_ref()
}

fn word<'a>(attributes: &'a [KeyValue], keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| match last(attributes, key) {
        Some(Value::StringValue(s)) if !s.is_empty() => Some(s.as_str()),
        _ => None,
    })
}

/// Text as the dictionary keeps it.
fn kept(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { ' ' } else { c }).filter(|c| !c.is_control()).collect()
}

fn acceptable(span: &Span) -> bool {
    let (start, end) = (span.start_time_unix_nano, span.end_time_unix_nano);
    let parent = &span.parent_span_id;
    span.trace_id.len() == 16
        && span.trace_id.iter().any(|b| *b != 0)
        && span.span_id.len() == 8
        && span.span_id.iter().any(|b| *b != 0)
        && (parent.is_empty() || parent.len() == 8)
        && start >= 315_532_800_000_000_000
        && end >= start
        && end <= NOW.0 + 3_600_000_000_000
        && end - start <= 86_400_000_000_000
}

fn category(span: &Span, kind: SpanKind) -> SpanCategory {
    let a = &span.attributes;
    if matches!(word(a, &["longpole.wait"]), Some("lock" | "pool" | "queue")) {
        return SpanCategory::Wait;
    }
    let store = a.iter().any(|a| a.key.starts_with("db."));
    match kind {
        SpanKind::Server | SpanKind::Consumer => SpanCategory::Own,
        _ if store => SpanCategory::Store,
        SpanKind::Client | SpanKind::Producer => SpanCategory::Call,
        _ => SpanCategory::Own,
    }
}

fn name(span: &Span, kind: SpanKind, category: SpanCategory) -> String {
    let a = &span.attributes;
    let w = |keys: &[&str]| word(a, keys).map(str::to_owned);
    if category == SpanCategory::Wait {
        return span.name.clone();
    }
    let method = w(&["http.request.method", "http.method"]);
    let route = match kind {
        SpanKind::Server => w(&["http.route"]),
        SpanKind::Client => w(&["url.template"]),
        _ => None,
    };
    if let Some(route) = route {
        return method.map_or(route.clone(), |m| format!("{m} {route}"));
    }
    if let Some(rpc) = w(&["rpc.method"]) {
        let rpc = rpc.strip_prefix('/').unwrap_or(&rpc).to_owned();
        return match w(&["rpc.service"]) {
            Some(service) if !rpc.contains('/') => format!("{service}/{rpc}"),
            _ => rpc,
        };
    }
    if category == SpanCategory::Store {
        if let Some(summary) = w(&["db.query.summary"]) {
            return summary;
        }
        let target = ["db.collection.name", "db.sql.table", "db.namespace", "db.name"];
        if let (Some(op), Some(t)) = (w(&["db.operation.name", "db.operation"]), w(&target)) {
            return format!("{op} {t}");
        }
    }
    let destination =
        ["messaging.destination.template", "messaging.destination.name", "messaging.destination"];
    let operation = ["messaging.operation.name", "messaging.operation.type", "messaging.operation"];
    if let (Some(op), Some(d)) = (w(&operation), w(&destination)) {
        return format!("{op} {d}");
    }
    if span.name.is_empty() { method.unwrap_or_default() } else { span.name.clone() }
}

fn peer(span: &Span, kind: SpanKind, category: SpanCategory) -> String {
    let keys: &[&str] = match (category, kind) {
        (SpanCategory::Wait, _) => &["longpole.wait"],
        (SpanCategory::Store, _) => &[
            "service.peer.name",
            "peer.service",
            "db.namespace",
            "db.name",
            "db.system.name",
            "db.system",
            "server.address",
        ],
        (_, SpanKind::Client | SpanKind::Producer) => &[
            "service.peer.name",
            "peer.service",
            "messaging.destination.template",
            "messaging.destination.name",
            "messaging.destination",
            "server.address",
            "net.peer.name",
        ],
        _ => &[],
    };
    word(&span.attributes, keys).unwrap_or_default().to_owned()
}

thread_local! {
    /// A decoder that has seen all requests so far: what it says of the next is what a new one says. Now and then
    /// it has to forget their names.
    static USED: RefCell<otlp::Decoder> = {
        let limits = DecodeLimits { names: 32 << 10, ..DecodeLimits::default() };
        RefCell::new(otlp::Decoder::new(&limits))
    };
}

/// What a new decoder said of a request, the used one says, too.
fn check_used(payload: &[u8], signal: Signal, new: (&Batch, &Rejections)) {
    let used = USED.with_borrow_mut(|used| used.decode(payload, Some(signal), Some(NOW)).unwrap());
    assert_eq!((&used.0, &used.1), new);
}

fn check_span((payload, built): (&[u8], &Span), walked: &SpanRecord, batch: &Batch, index: usize) {
    assert_eq!(walked.trace.0.as_slice(), built.trace_id);
    assert_eq!(walked.span.0.as_slice(), built.span_id);
    let parent = &built.parent_span_id;
    assert!(parent.is_empty() && walked.parent.is_zero() || walked.parent.0.as_slice() == parent);
    assert_eq!(walked.start.0, built.start_time_unix_nano);
    assert_eq!(walked.end.0, built.end_time_unix_nano);
    let kind = u64::try_from(built.kind).map_or(SpanKind::Unspecified, SpanKind::from_wire);
    assert_eq!(walked.kind, kind);
    let declared = built.status.as_ref().map_or(0, |s| s.code);
    match declared {
        1 => assert_eq!(walked.status, StatusCode::Ok),
        2 => assert_eq!(walked.status, StatusCode::Error),
        _ => assert_ne!(walked.status, StatusCode::Ok),
    }
    if kind == SpanKind::Server && declared == 0 {
        let http = ["http.response.status_code", "http.status_code"];
        let code = http.iter().find(|k| built.attributes.iter().any(|a| a.key == **k));
        if code.and_then(|k| last(&built.attributes, k)) == Some(&Value::IntValue(503)) {
            assert_eq!(walked.status, StatusCode::Error);
        }
    }
    assert_eq!(walked.flags & 1, u8::from(built.flags & 0x300 == 0x300));
    let weight = match built.trace_state.as_str() {
        "ot=th:8" => Weight(2 << 16),
        "ot=th:c;rv:1" => Weight(4 << 16),
        "a=b,ot=th:f" => Weight(16 << 16),
        _ => Weight::ONE,
    };
    assert_eq!(walked.weight, weight);
    let body = otlp::span_bytes(payload, walked.offset).unwrap();
    assert_eq!(&Span::decode(body).unwrap(), built);

    let row = &batch.operations[walked.operation as usize];
    let category = category(built, kind);
    assert_eq!((row.kind, row.category, walked.category), (kind, category, category));
    assert_eq!(row.name, kept(&name(built, kind, category)));
    assert_eq!(row.peer, kept(&peer(built, kind, category)));

    let said = |key| {
        let of =
            |a: &&longpole_model::signal::KnownAttribute| a.span as usize == index && a.key == key;
        batch.attributes.iter().find(of).map(|a| batch.texts[a.text as usize].clone())
    };
    let events = |event: &str, key: &str| {
        let told = built.events.iter().filter(|e| e.name == event);
        told.filter_map(|e| word(&e.attributes, &[key])).next_back().map(kept)
    };
    let threw = built.events.iter().any(|e| e.name == "exception");
    let error = events("exception", "exception.type")
        .or(word(&built.attributes, &["error.type"]).map(kept))
        .or(threw.then(|| "exception".to_owned()));
    assert_eq!(said(AttributeKey::ErrorType), error);
    let plan = events("longpole.query_plan", "longpole.query_plan.finding");
    assert_eq!(said(AttributeKey::QueryPlan), plan);
    let file = word(&built.attributes, &["code.file.path", "code.filepath"]).map(kept);
    assert_eq!(said(AttributeKey::CodeFile), file);
    let function = word(&built.attributes, &["code.function.name"]).map(str::to_owned);
    let old = word(&built.attributes, &["code.function"]).map(|function| {
        match word(&built.attributes, &["code.namespace"]) {
            Some(namespace) => format!("{namespace}.{function}"),
            None => function.to_owned(),
        }
    });
    assert_eq!(said(AttributeKey::CodeFunction), function.or(old).map(|f| kept(&f)));
}

/// Points that a metric should give, counting a summary's parts.
fn good_points(metric: &Metric) -> usize {
    let timely = |start: u64, time: u64| {
        let horizon = NOW.0 + 3_600_000_000_000;
        (315_532_800_000_000_000..=horizon).contains(&time) && start <= time
    };
    if metric.name.is_empty() {
        return 0;
    }
    let number = |p: &opentelemetry_proto::tonic::metrics::v1::NumberDataPoint| {
        let x = match p.value? {
            number_data_point::Value::AsDouble(x) => x,
            number_data_point::Value::AsInt(n) => n as f64,
        };
        (p.flags & 1 == 0 && timely(p.start_time_unix_nano, p.time_unix_nano)).then_some(x)
    };
    match &metric.data {
        None => 0,
        Some(Data::Gauge(g)) => g.data_points.iter().filter_map(number).count(),
        Some(Data::Sum(s)) => {
            let told = matches!(s.aggregation_temporality, 1 | 2) || !s.is_monotonic;
            let fits = |x: &f64| told && (!s.is_monotonic || *x >= 0.0);
            s.data_points.iter().filter_map(number).filter(fits).count()
        }
        Some(Data::Histogram(h)) => {
            let fits = |p: &&opentelemetry_proto::tonic::metrics::v1::HistogramDataPoint| {
                let (c, b) = (&p.bucket_counts, &p.explicit_bounds);
                let shaped = c.len() == b.len() + 1 && b.is_sorted_by(|x, y| x < y);
                let summed = shaped && c.iter().sum::<u64>() == p.count;
                timely(0, p.time_unix_nano) && (c.is_empty() && b.is_empty() || summed)
            };
            let told = matches!(h.aggregation_temporality, 1 | 2);
            if told { h.data_points.iter().filter(fits).count() } else { 0 }
        }
        Some(Data::ExponentialHistogram(h)) => {
            let told = matches!(h.aggregation_temporality, 1 | 2);
            let fits =
                |p: &&opentelemetry_proto::tonic::metrics::v1::ExponentialHistogramDataPoint| {
                    let sides = [&p.positive, &p.negative].into_iter().flatten();
                    let sum: u64 = sides.clone().map(|s| s.bucket_counts.iter().sum::<u64>()).sum();
                    // No number lies in a bucket that begins at 2^1024.
                    let real = sides.clone().all(|s| {
                        let filled =
                            s.bucket_counts.iter().zip(s.offset..).filter(|(n, _)| **n > 0);
                        filled.map(|(_, i)| f64::from(i) * 2f64.powi(-p.scale)).all(|e| e < 1024.0)
                    });
                    real && timely(0, p.time_unix_nano)
                        && sum + p.zero_count == p.count
                        && (-10..=20).contains(&p.scale)
                };
            if told { h.data_points.iter().filter(fits).count() } else { 0 }
        }
        Some(Data::Summary(s)) => {
            let fits = |p: &&opentelemetry_proto::tonic::metrics::v1::SummaryDataPoint| {
                timely(0, p.time_unix_nano) && p.quantile_values.iter().all(|q| q.quantile <= 1.0)
            };
            s.data_points.iter().filter(fits).map(|p| p.quantile_values.len() + 2).sum()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn spans_are_what_prost_says(request in traces()) {
        let payload = request.encode_to_vec();
        let limits = DecodeLimits::default();
        let (batch, rejections) = otlp::traces(&payload, &limits, Some(NOW)).unwrap();
        check_used(&payload, Signal::Traces, (&batch, &rejections));
        let mut walked = batch.spans.iter().enumerate();
        let mut refused = 0;
        for part in &request.resource_spans {
            for span in part.scope_spans.iter().flat_map(|s| &s.spans) {
                if !acceptable(span) {
                    refused += 1;
                    continue;
                }
                let (index, record) = walked.next().expect("an acceptable span was refused");
                check_span((&payload, span), record, &batch, index);
                let row = &batch.operations[record.operation as usize];
                let resource = &row.resource;
                let none = Vec::new();
                let a = part.resource.as_ref().map_or(&none, |r| &r.attributes);
                if let Some(service) = word(a, &["service.name"]).map(kept).filter(|s| !s.is_empty()) {
                    prop_assert_eq!(&resource.service, &service);
                    prop_assert_eq!(resource.named, !service.starts_with("unknown_service"));
                }
            }
        }
        prop_assert!(walked.next().is_none());
        prop_assert_eq!(rejections.spans.total(), refused);
        prop_assert_eq!(rejections.message.is_some(), refused > 0);
        if !batch.spans.is_empty() {
            prop_assert_eq!(otlp::signal(&payload), Some(Signal::Traces));
        }

        let text = serde_json::to_vec(&request).unwrap();
        let (again, also) = json::traces(&text, &limits, Some(NOW)).unwrap();
        prop_assert_eq!(said(again), said(batch));
        prop_assert_eq!(also.spans, rejections.spans);
    }

    #[test]
    fn points_are_what_prost_says(request in metrics()) {
        let payload = request.encode_to_vec();
        let limits = DecodeLimits::default();
        let (batch, rejections) = otlp::metrics(&payload, &limits, Some(NOW)).unwrap();
        check_used(&payload, Signal::Metrics, (&batch, &rejections));
        let all = request.resource_metrics.iter().flat_map(|r| &r.scope_metrics);
        let expected: usize = all.flat_map(|s| &s.metrics).map(good_points).sum();
        prop_assert_eq!(batch.points.len(), expected, "{:?}", rejections);
        for point in &batch.points {
            let row = &batch.series[point.series as usize];
            prop_assert!(row.attributes.is_sorted_by(|a, b| a.0 < b.0));
            if let PointValue::Histogram(index) = point.value {
                let h = &batch.histograms[index as usize];
                prop_assert_eq!(h.counts.len(), h.bounds.len() + 1);
                prop_assert_eq!(h.counts.iter().sum::<u64>(), h.count);
                prop_assert!(h.bounds.is_sorted_by(|a, b| a < b));
                prop_assert!(row.temporality != Temporality::Gauge);
            }
        }
        if !batch.points.is_empty() {
            prop_assert_eq!(otlp::signal(&payload), Some(Signal::Metrics));
        }
        let text = serde_json::to_vec(&request).unwrap();
        let (again, also) = json::metrics(&text, &limits, Some(NOW)).unwrap();
        prop_assert_eq!(said(again), said(batch));
        prop_assert_eq!(also.points, rejections.points);
    }
}
