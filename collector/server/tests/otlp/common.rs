//! Random OTLP messages for the tests of the walk, as prost builds them.
#![allow(dead_code)]

use longpole_model::signal::Batch;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
};
use opentelemetry_proto::tonic::metrics::v1 as m;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1 as t;
use proptest::collection::vec;
use proptest::prelude::*;

pub const T0: u64 = 1_700_000_000_000_000_000;

pub fn text(s: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(s.into())) }
}

pub fn pair(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.into(), value: Some(value), ..Default::default() }
}

/// What a batch says, without where its bytes lie.
pub fn said(mut batch: Batch) -> Batch {
    for span in &mut batch.spans {
        span.offset = 0;
    }
    batch
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => prop::sample::select(&[
            "GET", "POST", "/cart/{id}", "orders", "checkout", "postgresql", "publish", "a.B/Get",
            "lock", "pool", "503", "404", "0", "14", "INTERNAL", "OK", "gpu", "", "unknown_service:x",
            "ot=th:8", "ot=th:c;rv:1", "a=b,ot=th:f",
        ][..]).prop_map(String::from),
        1 => "[a-zé€ \u{0}\n]{0,12}",
    ]
}

fn value() -> impl Strategy<Value = Option<AnyValue>> {
    let leaf = prop_oneof![
        8 => words().prop_map(Value::StringValue),
        1 => any::<bool>().prop_map(Value::BoolValue),
        2 => prop_oneof![Just(200i64), Just(404), Just(503), Just(14), Just(0), any::<i64>()]
            .prop_map(Value::IntValue),
        1 => (-1000i32..1000).prop_map(|x| Value::DoubleValue(f64::from(x) / 8.0)),
        1 => vec(any::<u8>(), 0..5).prop_map(Value::BytesValue),
    ];
    let nested = leaf.prop_recursive(3, 8, 3, |inner| {
        let any = inner.prop_map(|value| AnyValue { value: Some(value) });
        prop_oneof![
            vec(any.clone(), 0..3).prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            vec(any, 0..3).prop_map(|values| Value::KvlistValue(KeyValueList {
                values: values.into_iter().map(|v| pair("k", v)).collect(),
            })),
        ]
    });
    prop_oneof![
        1 => Just(None),
        1 => Just(Some(AnyValue { value: None })),
        18 => nested.prop_map(|value| Some(AnyValue { value: Some(value) })),
    ]
}

pub const SPAN_KEYS: &[&str] = &[
    "http.request.method",
    "http.method",
    "http.route",
    "url.template",
    "http.response.status_code",
    "http.status_code",
    "rpc.method",
    "rpc.service",
    "rpc.response.status_code",
    "rpc.grpc.status_code",
    "rpc.status_code",
    "db.system.name",
    "db.system",
    "db.namespace",
    "db.name",
    "db.collection.name",
    "db.sql.table",
    "db.operation.name",
    "db.operation",
    "db.query.summary",
    "messaging.destination.name",
    "messaging.destination.template",
    "messaging.destination",
    "messaging.operation.name",
    "messaging.operation.type",
    "messaging.operation",
    "service.peer.name",
    "peer.service",
    "server.address",
    "net.peer.name",
    "error.type",
    "code.function.name",
    "code.function",
    "code.namespace",
    "code.file.path",
    "code.filepath",
    "longpole.wait",
    "thread.id",
    "",
    "x",
    "http.target",
    "url.full",
    "net.peer.port",
];

const RESOURCE_KEYS: &[&str] = &[
    "service.name",
    "service.namespace",
    "service.version",
    "service.instance.id",
    "deployment.environment",
    "deployment.environment.name",
    "telemetry.sdk.language",
    "vcs.ref.head.revision",
    "k8s.pod.name",
    "container.name",
    "container.id",
    "k8s.node.name",
    "host.name",
    "hw.id",
    "hw.type",
    "os.type",
];

fn attributes(keys: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<KeyValue>> {
    vec(
        (prop::sample::select(keys), value()).prop_map(|(key, value)| KeyValue {
            key: key.into(),
            value,
            ..Default::default()
        }),
        0..most,
    )
}

fn resource() -> impl Strategy<Value = Option<Resource>> {
    prop::option::weighted(
        0.9,
        attributes(RESOURCE_KEYS, 6)
            .prop_map(|attributes| Resource { attributes, ..Default::default() }),
    )
}

fn id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        12 => vec(1u8..4, length),
        1 => Just(vec![0; length]),
        1 => vec(any::<u8>(), 0..20),
    ]
}

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![
        30 => (0u64..10_000_000_000).prop_map(|d| T0 + d),
        1 => Just(0),
        1 => Just(u64::MAX),
        1 => Just(1_000),
        1 => (0u64..200_000_000_000_000).prop_map(|d| T0 + d),
    ]
}

fn event() -> impl Strategy<Value = t::span::Event> {
    let keys: &[&str] = &["exception.type", "exception.message", "longpole.query_plan.finding"];
    let names: &[&str] = &["exception", "longpole.query_plan", "log"];
    (time(), prop::sample::select(names), attributes(keys, 3)).prop_map(
        |(time_unix_nano, name, attributes)| t::span::Event {
            time_unix_nano,
            name: name.into(),
            attributes,
            ..Default::default()
        },
    )
}

fn span() -> impl Strategy<Value = t::Span> {
    let ids = (id(16), id(8), prop_oneof![Just(vec![]), id(8)]);
    let head = (words(), words(), -1i32..8, prop_oneof![Just(0u32), Just(0x300), any::<u32>()]);
    let body = (
        attributes(SPAN_KEYS, 6),
        vec(event(), 0..2),
        prop::option::of((-1i32..5).prop_map(|code| t::Status { message: "m".into(), code })),
    );
    let link = t::span::Link { trace_id: vec![1; 16], span_id: vec![2; 8], ..Default::default() };
    (ids, head, (time(), time()), body, any::<bool>()).prop_map(
        move |(ids, head, times, body, l)| t::Span {
            trace_id: ids.0,
            span_id: ids.1,
            parent_span_id: ids.2,
            trace_state: head.0,
            name: head.1,
            kind: head.2,
            flags: head.3,
            start_time_unix_nano: times.0,
            end_time_unix_nano: times.1,
            attributes: body.0,
            events: body.1,
            status: body.2,
            links: if l { vec![link.clone()] } else { vec![] },
            ..Default::default()
        },
    )
}

pub fn traces() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope = vec(span(), 0..6).prop_map(|spans| t::ScopeSpans {
        scope: Some(InstrumentationScope { name: "s".into(), ..Default::default() }),
        spans,
        schema_url: "u".into(),
    });
    let part = (resource(), vec(scope, 0..3)).prop_map(|(resource, scope_spans)| {
        t::ResourceSpans { resource, scope_spans, ..Default::default() }
    });
    vec(part, 0..3).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

fn number() -> impl Strategy<Value = m::NumberDataPoint> {
    let value = prop_oneof![
        1 => Just(None),
        8 => (-100i32..1000)
            .prop_map(|x| Some(m::number_data_point::Value::AsDouble(f64::from(x) / 4.0))),
        8 => (-5i64..1000).prop_map(|x| Some(m::number_data_point::Value::AsInt(x))),
    ];
    (attributes(SPAN_KEYS, 4), time(), time(), value, 0u32..8).prop_map(
        |(attributes, start, time, value, flags)| m::NumberDataPoint {
            attributes,
            start_time_unix_nano: if flags > 4 { 0 } else { start },
            time_unix_nano: time,
            value,
            flags: u32::from(flags == 1),
            ..Default::default()
        },
    )
}

fn histogram() -> impl Strategy<Value = m::HistogramDataPoint> {
    (vec(0u64..50, 0..6), time(), 0u8..8, prop::option::of(0u16..9)).prop_map(
        |(bucket_counts, time, spoil, sum)| {
            let count: u64 = bucket_counts.iter().sum();
            let bounds = bucket_counts.len().saturating_sub(1);
            m::HistogramDataPoint {
                time_unix_nano: time,
                count: count + u64::from(spoil == 1),
                explicit_bounds: (0..bounds)
                    .map(|i| if spoil == 2 { 1.0 } else { i as f64 })
                    .chain((spoil == 3).then_some(99.0))
                    .collect(),
                bucket_counts,
                sum: sum.map(f64::from),
                ..Default::default()
            }
        },
    )
}

fn exponential() -> impl Strategy<Value = m::ExponentialHistogramDataPoint> {
    let side = || (-40i32..40, vec(0u64..5, 0..6));
    (side(), side(), -12i32..22, 0u64..3, time(), 0u8..6).prop_map(
        |(positive, negative, scale, zero_count, time, spoil)| {
            let buckets = |(offset, bucket_counts): (i32, Vec<u64>)| {
                m::exponential_histogram_data_point::Buckets { offset, bucket_counts }
            };
            let sum = |s: &(i32, Vec<u64>)| s.1.iter().sum::<u64>();
            m::ExponentialHistogramDataPoint {
                time_unix_nano: time,
                count: sum(&positive) + sum(&negative) + zero_count + u64::from(spoil == 1),
                positive: Some(buckets(positive)),
                negative: Some(buckets(negative)),
                scale,
                zero_count,
                ..Default::default()
            }
        },
    )
}

fn summary() -> impl Strategy<Value = m::SummaryDataPoint> {
    let quantile = (0u8..12, 0u16..100).prop_map(|(q, v)| m::summary_data_point::ValueAtQuantile {
        quantile: f64::from(q) / 10.0,
        value: f64::from(v),
    });
    (vec(quantile, 0..4), time(), 0u64..9).prop_map(|(quantile_values, time, count)| {
        m::SummaryDataPoint {
            time_unix_nano: time,
            count,
            sum: count as f64,
            quantile_values,
            ..Default::default()
        }
    })
}

fn metric() -> impl Strategy<Value = m::Metric> {
    use m::metric::Data;
    let data = prop_oneof![
        vec(number(), 0..4).prop_map(|data_points| Data::Gauge(m::Gauge { data_points })),
        (vec(number(), 0..4), -1i32..4, any::<bool>()).prop_map(
            |(data_points, aggregation_temporality, is_monotonic)| Data::Sum(m::Sum {
                data_points,
                aggregation_temporality,
                is_monotonic,
            })
        ),
        (vec(histogram(), 0..4), 0i32..3).prop_map(|(data_points, aggregation_temporality)| {
            Data::Histogram(m::Histogram { data_points, aggregation_temporality })
        }),
        (vec(exponential(), 0..4), 0i32..3).prop_map(|(data_points, aggregation_temporality)| {
            Data::ExponentialHistogram(m::ExponentialHistogram {
                data_points,
                aggregation_temporality,
            })
        }),
        vec(summary(), 0..3).prop_map(|data_points| Data::Summary(m::Summary { data_points })),
    ];
    (words(), words(), prop::option::of(data)).prop_map(|(name, unit, data)| m::Metric {
        name,
        unit,
        data,
        ..Default::default()
    })
}

pub fn metrics() -> impl Strategy<Value = ExportMetricsServiceRequest> {
    let part = (resource(), vec(metric(), 0..4)).prop_map(|(resource, metrics)| {
        let scope = m::ScopeMetrics { metrics, ..Default::default() };
        m::ResourceMetrics { resource, scope_metrics: vec![scope], ..Default::default() }
    });
    vec(part, 0..3).prop_map(|resource_metrics| ExportMetricsServiceRequest { resource_metrics })
}
