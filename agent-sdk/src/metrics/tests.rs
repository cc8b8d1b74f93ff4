//! Instruments as a receiver sees them: sums over threads, the cap, buckets, exemplars.

use super::*;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data, number_data_point::Value};
use prost::Message;

fn read(name: &str) -> Metric {
    let (bytes, items) = encode::request(registry(), &[("service.name".into(), "t".into())]);
    let request = ExportMetricsServiceRequest::decode(bytes.as_slice()).expect("OTLP");
    let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
    assert_eq!(metrics.len(), items as usize);
    metrics.iter().find(|m| m.name == name).expect("registered").clone()
}

fn sums(metric: Metric) -> Vec<(Vec<(String, String)>, i64)> {
    let Some(Data::Sum(sum)) = metric.data else { panic!("a sum") };
    let text = |v: &Option<opentelemetry_proto::tonic::common::v1::AnyValue>| format!("{v:?}");
    sum.data_points
        .into_iter()
        .map(|p| {
            let Some(Value::AsInt(value)) = p.value else { panic!("a whole number") };
            (p.attributes.into_iter().map(|a| (a.key, text(&a.value))).collect(), value)
        })
        .collect()
}

#[test]
fn threads_that_come_and_go_add_up() {
    let counter = Counter::new("t.threads", "{x}");
    let bound = counter.bind(&[("a", "1")]);
    for _ in 0..5 {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (counter, bound) = (counter.clone(), bound.clone());
                std::thread::spawn(move || {
                    for _ in 0..1000 {
                        bound.add(1);
                        counter.add(2, &[("b", "1"), ("a", "1")]);
                        counter.add(2, &[("a", "1"), ("b", "1")]);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().expect("well"));
    }
    let sums = sums(read("t.threads"));
    let values: Vec<i64> = sums.iter().map(|(_, v)| *v).collect();
    assert_eq!(values, [20_000, 80_000], "{sums:?}");
    let mut cells = 0;
    bound.0.each(|_| cells += 1);
    assert!(cells <= 4, "ended threads leave their cells to others: {cells}");
}

#[test]
fn up_and_down_over_threads() {
    let depth = UpDownCounter::new("t.depth", "{x}");
    let bound = depth.bind(&[]);
    bound.add(5);
    let other = bound.clone();
    std::thread::spawn(move || other.add(-7)).join().expect("well");
    assert_eq!(sums(read("t.depth")), [(Vec::new(), -2)]);
}

#[test]
fn labels_beyond_the_cap_share_one_series() {
    let counter = Counter::new("t.many", "{x}");
    for i in 0..2_500 {
        counter.add(1, &[("user", &i.to_string())]);
    }
    let sums = sums(read("t.many"));
    assert_eq!(sums.len(), 2_001);
    let overflow = sums.iter().find(|(l, _)| l[0].0 == "otel.metric.overflow").expect("there");
    assert_eq!(overflow.1, 500);
}

#[test]
fn distributions_have_their_buckets_and_extremes() {
    let explicit = Histogram::with_bounds("t.explicit", "s", &[2.0, 1.0, f64::NAN]);
    let exponential = Histogram::exponential("t.exponential", "s");
    for value in [0.5, 1.0, 1.5, 9.0, -1.0, f64::NAN, f64::INFINITY] {
        explicit.record(value, &[]);
        exponential.bind(&[]).record(value);
    }
    exponential.record(0.0, &[]);
    let Some(Data::Histogram(h)) = read("t.explicit").data else { panic!("a histogram") };
    let p = &h.data_points[0];
    assert_eq!((p.bucket_counts.as_slice(), p.count), (&[2, 1, 1][..], 4), "bounds belong below");
    assert_eq!((p.sum, p.min, p.max), (Some(12.0), Some(0.5), Some(9.0)));
    let Some(Data::ExponentialHistogram(h)) = read("t.exponential").data else { panic!("one") };
    let p = &h.data_points[0];
    assert_eq!((p.count, p.zero_count, p.scale), (5, 1, 3));
    let counts = &p.positive.as_ref().expect("buckets").bucket_counts;
    assert_eq!(counts.iter().sum::<u64>(), 4);
}

#[test]
fn gauges_and_callbacks() {
    let gauge = Gauge::new("t.gauge", "1");
    gauge.set(1.0, &[]);
    gauge.set(2.5, &[]);
    gauge.set(f64::NAN, &[]);
    let value = |m: Metric| {
        let Some(Data::Gauge(g)) = m.data else { panic!("a gauge") };
        g.data_points.iter().map(|p| p.value.expect("one")).collect::<Vec<Value>>()
    };
    assert_eq!(value(read("t.gauge")), [Value::AsDouble(2.5)]);
    observe("t.asked", "1", &[("a", "b")], || 7.0);
    observe("t.asked", "1", &[], || panic!("on purpose"));
    observe_many("t.asked", "1", |tell| {
        tell(8.0, &[("a", "c")]);
        tell(f64::NAN, &[]);
    });
    assert_eq!(value(read("t.asked")), [Value::AsDouble(7.0), Value::AsDouble(8.0)]);
}

#[test]
fn the_same_instrument_is_found_again() {
    Counter::new("t.twice", "{x}").add(1, &[]);
    Counter::new("t.twice", "{x}").add(1, &[]);
    assert_eq!(sums(read("t.twice")), [(Vec::new(), 2)]);
}

#[test]
fn exemplars_name_the_trace_they_were_recorded_in() {
    set_filter(Filter::AlwaysOn);
    let histogram = Histogram::new("t.exemplar", "s");
    histogram.record(0.2, &[]);
    histogram.record(0.2, &[]);
    set_filter(Filter::TraceBased);
    let Some(Data::Histogram(h)) = read("t.exemplar").data else { panic!("a histogram") };
    assert_eq!(h.data_points[0].exemplars.len(), 1, "one a bucket and reading");
    let Some(Data::Histogram(h)) = read("t.exemplar").data else { panic!("a histogram") };
    assert!(h.data_points[0].exemplars.is_empty());
}
