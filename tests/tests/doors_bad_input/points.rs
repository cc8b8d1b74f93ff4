//! Metric points that cannot be: refused one by one. Gauges that are no number: taken, kept out.

use super::{PROTOBUF, collector, even, grows, lives};
use longpole_tests::h2c::{self, METRICS, code};
use longpole_tests::spans::{attribute, now};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
    exponential_histogram_data_point::Buckets, metric::Data, number_data_point::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

fn number(value: f64) -> NumberDataPoint {
    let t = now();
    NumberDataPoint {
        start_time_unix_nano: t - 1_000_000,
        time_unix_nano: t,
        value: Some(Value::AsDouble(value)),
        ..NumberDataPoint::default()
    }
}

fn metric(name: &str, data: Data) -> Metric {
    Metric { name: name.to_owned(), data: Some(data), ..Metric::default() }
}

fn gauge(name: &str, value: f64) -> Metric {
    metric(name, Data::Gauge(Gauge { data_points: vec![number(value)] }))
}

fn counter(point: NumberDataPoint) -> Metric {
    let data_points = vec![point];
    let sum = Sum { data_points, is_monotonic: true, aggregation_temporality: 2 };
    metric("requests", Data::Sum(sum))
}

fn histogram(counts: Vec<u64>, bounds: Vec<f64>, count: u64) -> Metric {
    let point = HistogramDataPoint {
        time_unix_nano: now(),
        start_time_unix_nano: now() - 1_000_000,
        count,
        bucket_counts: counts,
        explicit_bounds: bounds,
        ..HistogramDataPoint::default()
    };
    let data_points = vec![point];
    metric("duration", Data::Histogram(Histogram { data_points, aggregation_temporality: 2 }))
}

fn exponential(scale: i32, offset: i32, counts: Vec<u64>) -> Metric {
    let point = ExponentialHistogramDataPoint {
        time_unix_nano: now(),
        start_time_unix_nano: now() - 1_000_000,
        count: counts.iter().sum(),
        scale,
        positive: Some(Buckets { offset, bucket_counts: counts }),
        ..ExponentialHistogramDataPoint::default()
    };
    let data_points = vec![point];
    let data = ExponentialHistogram { data_points, aggregation_temporality: 2 };
    metric("size", Data::ExponentialHistogram(data))
}

fn request(metrics: Vec<Metric>) -> Vec<u8> {
    let attributes = vec![attribute("service.name", "shop")];
    let resource = Some(Resource { attributes, ..Resource::default() });
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { resource, scope_metrics, ..Default::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}

#[test]
fn bad_points_do_not_take_their_batch_along() {
    let c = collector();
    let ahead = NumberDataPoint { start_time_unix_nano: now() + 1_000_000_000, ..number(1.0) };
    let rows = [
        ("NaN counter", counter(number(f64::NAN))),
        ("infinite counter", counter(number(f64::INFINITY))),
        ("negative counter", counter(number(-1.0))),
        ("start after time", counter(ahead)),
        ("counts and bounds", histogram(vec![1, 2], vec![1.0, 2.0], 3)),
        ("unsorted bounds", histogram(vec![1, 1, 1], vec![2.0, 1.0], 3)),
        ("NaN bound", histogram(vec![1, 1], vec![f64::NAN], 2)),
        ("count is not the sum", histogram(vec![1, 1], vec![1.0], 5)),
        ("10,001 buckets", histogram(vec![0; 10_001], (0..10_000).map(f64::from).collect(), 0)),
        ("scale 21", exponential(21, 0, vec![1])),
        ("scale -11", exponential(-11, 0, vec![1])),
        ("offset overflow", exponential(0, i32::MAX, vec![1, 1])),
        ("no name", gauge("", 1.0)),
    ];
    for (what, bad) in rows {
        let reason = if what == "start after time" { "bad_time" } else { "bad_point" };
        let labels = [("signal", "points"), ("reason", reason)];
        let message = request(vec![gauge("pool.used", 1.0), bad, gauge("cpu.utilization", 0.5)]);
        let partial = |bytes: &[u8]| {
            let said = ExportMetricsServiceResponse::decode(bytes).expect("a response");
            let partial = said.partial_success.unwrap_or_else(|| panic!("{what} was taken"));
            assert_eq!(partial.rejected_data_points, 1, "{what}");
        };
        let answer = grows(&c, "longpole_rejected_items_total", &labels, 1.0, || {
            c.post("/v1/metrics", &[PROTOBUF], &message)
        });
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
        partial(&answer.body);
        let reply = grows(&c, "longpole_rejected_items_total", &labels, 1.0, || {
            h2c::call(c.grpc, METRICS, &message).unwrap_or_else(|e| panic!("{what}: {e}"))
        });
        assert_eq!(reply.code, Some(code::OK), "{what}");
        partial(&reply.body);
        lives(&c, what);
    }
    even(c);
}

#[test]
fn gauges_that_are_no_number_are_kept_out() {
    let c = collector();
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let message = request(vec![gauge("pool.used", value)]);
        let answer = grows(&c, "longpole_not_finite_points_total", &[], 1.0, || {
            c.post("/v1/metrics", &[PROTOBUF], &message)
        });
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{value}");
    }
    lives(&c, "gauges that are no number");
    even(c);
}
