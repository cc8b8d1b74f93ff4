//! Names that want to be lines of the scrape: a strict reader finds no fault and no sample that the
//! collector did not mean.

use super::{PROTOBUF, collector, even, grows, lives, post};
use longpole_tests::collector::wait_until;
use longpole_tests::exposition;
use longpole_tests::spans::{attribute, request, span};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data,
    number_data_point::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use std::collections::BTreeSet;
use std::time::Duration;

const HOSTILE: [&str; 14] = [
    "x\"} 1\nevil 1",
    "x\\\"} 1\nevil 1",
    "x\\",
    "x\\n",
    "\n# TYPE evil counter\nevil 1\n",
    "\r\nevil 1",
    "\u{85}evil 1\u{2028}evil 2",
    "\0",
    "\u{1b}[2J\u{7}",
    "{evil=\"1\"} 1",
    "<script>alert(1)</script>",
    "# EOF",
    "\u{202e}live",
    "",
];

fn gauges(name: &str) -> Vec<u8> {
    let attributes = vec![attribute("service.name", name), attribute("service.instance.id", name)];
    let resource = Some(Resource { attributes, ..Resource::default() });
    let point = NumberDataPoint {
        time_unix_nano: longpole_tests::spans::now(),
        attributes: vec![attribute(&format!("key{name}"), name)],
        value: Some(Value::AsDouble(0.5)),
        ..NumberDataPoint::default()
    };
    let data = Some(Data::Gauge(Gauge { data_points: vec![point] }));
    let metric = Metric {
        name: format!("cpu.utilization {name}"),
        unit: name.into(),
        data,
        ..Metric::default()
    };
    let scope_metrics = vec![ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { resource, scope_metrics, ..Default::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}

#[test]
fn hostile_names_stay_names() {
    let c = collector();
    for name in HOSTILE {
        let mut client = span(name);
        client.kind = 3;
        client.attributes =
            vec![attribute("db.system.name", name), attribute("peer.service", name)];
        assert_eq!(post(&c, &request(name, vec![span(name), client])).status, 200);
        assert_eq!(c.post("/v1/metrics", &[PROTOBUF], &gauges(name)).status, 200);
    }
    let spans = 2.0 * HOSTILE.len() as f64;
    wait_until(Duration::from_secs(10), "spans and gauges are in the scrape", || {
        let text = c.metrics();
        exposition::sum(&text, "traces_span_metrics_calls_total", &[]) == spans
            && text.contains("longpole_resource_utilization{")
    });
    let text = c.metrics();
    let samples = exposition::read(&text).unwrap_or_else(|faults| panic!("{}", faults.join("\n")));
    let names: BTreeSet<&str> = samples.iter().map(|s| s.name.as_str()).collect();
    let ours = |n: &&str| ["traces_", "longpole_", "process_"].iter().any(|p| n.starts_with(p));
    assert!(names.iter().all(ours), "{names:?}");
    assert!(names.iter().all(|n| !n.contains("evil")), "{names:?}");
    let labels: BTreeSet<&str> =
        samples.iter().flat_map(|s| s.labels.keys().map(String::as_str)).collect();
    assert!(!labels.contains("evil") && labels.len() < 30, "{labels:?}");
    assert!(!text.contains(['\r', '\0', '\u{1b}', '\u{202e}', '\u{85}', '\u{2028}']));
    // The tables tell of them, too, as one document each.
    for path in ["services", "red", "use", "investigations"] {
        let shown = c.get(&format!("/api/v1/{path}")).text();
        let body = shown.strip_suffix('\n').unwrap_or(&shown);
        assert!(!body.chars().any(char::is_control), "{path}: {body}");
        let _: serde_json::Value = serde_json::from_str(body).expect("JSON");
    }
    // One event, one line.
    for line in c.log() {
        let _: serde_json::Value =
            serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
    }
    let fine = grows(&c, "longpole_received_items_total", &[("signal", "spans")], 1.0, || {
        post(&c, &request("shop", vec![span("after")]))
    });
    assert_eq!(fine.status, 200);
    lives(&c, "hostile names");
    even(c);
}
