//! Readings of the shop's machines as OTLP metrics, under the names of the semantic conventions and of
//! the Collector's receivers.

use crate::meter::MEMORY;
use crate::record::{READ_EVERY, SECOND, resource, text, version};
use crate::shop::{POOL, SERVICES, Shop};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
    metric::Data, number_data_point::Value as Number,
};
use prost::Message;

/// Everything that is read at `t`; `start` is when the processes began.
pub(crate) fn metrics(shop: &mut Shop, t: u64, start: u64) -> Vec<u8> {
    let mut request = ExportMetricsServiceRequest::default();
    let (fault, from) = (shop.fault, shop.from);
    for (i, (service, ..)) in SERVICES.into_iter().enumerate() {
        let r = shop.meter.read(i, READ_EVERY as f64);
        let seconds = |ns: u64| ns as f64 / SECOND as f64;
        let limit = shop.cores(i, t);
        let mut all = vec![
            gauge("container.cpu.usage", "{cpu}", t, r.cores, &[]),
            gauge("k8s.pod.cpu_limit_utilization", "1", t, r.cores / limit, &[]),
            gauge("container.memory.working_set", "By", t, r.memory, &[]),
            gauge("k8s.pod.memory_limit_utilization", "1", t, r.memory / MEMORY.1, &[]),
            gauge("container.memory.oom_kills", "1", t, r.kills as f64, &[]),
            total(
                "container.cpu.throttling_data.throttled_time",
                "ns",
                (start, t),
                r.throttled_ns as f64,
            ),
            total("system.disk.operation_time", "s", (start, t), seconds(r.disk.0)),
            total("system.disk.operations", "{operation}", (start, t), r.disk.1 as f64),
            total("system.network.packet.dropped", "{packet}", (start, t), r.dropped as f64),
        ];
        if let Some(wait) = r.wait_p99 {
            let pool = [("db.client.connection.pool.name", service)];
            let used = [pool[0], ("db.client.connection.state", "used")];
            all.push(gauge("db.client.connection.count", "{connection}", t, r.pool as f64, &used));
            all.push(gauge("db.client.connection.max", "{connection}", t, POOL as f64, &pool));
            all.push(gauge("db.client.connection.wait_time.p99", "s", t, seconds(wait), &pool));
        }
        request.resource_metrics.push(ResourceMetrics {
            resource: resource(service, version(service, t, fault, from)),
            scope_metrics: vec![ScopeMetrics { metrics: all, ..ScopeMetrics::default() }],
            ..ResourceMetrics::default()
        });
    }
    request.encode_to_vec()
}

fn gauge(name: &str, unit: &str, t: u64, value: f64, attributes: &[(&str, &str)]) -> Metric {
    let points = vec![point((0, t), value, attributes)];
    metric(name, unit, Data::Gauge(Gauge { data_points: points }))
}

/// A sum since the start that only grows.
fn total(name: &str, unit: &str, covers: (u64, u64), value: f64) -> Metric {
    let sum = Sum {
        data_points: vec![point(covers, value, &[])],
        aggregation_temporality: AggregationTemporality::Cumulative.into(),
        is_monotonic: true,
    };
    metric(name, unit, Data::Sum(sum))
}

fn metric(name: &str, unit: &str, data: Data) -> Metric {
    Metric { name: name.to_owned(), unit: unit.to_owned(), data: Some(data), ..Metric::default() }
}

fn point((start, t): (u64, u64), value: f64, attributes: &[(&str, &str)]) -> NumberDataPoint {
    NumberDataPoint {
        start_time_unix_nano: start,
        time_unix_nano: t,
        value: Some(Number::AsDouble(value)),
        attributes: attributes.iter().map(|(k, v)| text(k, v)).collect(),
        ..NumberDataPoint::default()
    }
}
