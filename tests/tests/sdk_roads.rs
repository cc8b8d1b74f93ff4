//! The SDK's roads into a real collector, by gRPC and by HTTP: every span arrives once, and a collector
//! that is gone for a while gets what was kept on disk.

use longpole_sdk::bridge::Bridge;
use longpole_tests::collector::{Collector, wait_until};
use opentelemetry::trace::{Tracer, TracerProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::time::Duration;

fn provider(bridge: &Bridge) -> SdkTracerProvider {
    SdkTracerProvider::builder()
        .with_batch_exporter(bridge.spans())
        .with_resource(Resource::builder().with_service_name("shop").build())
        .build()
}

fn work(provider: &SdkTracerProvider, spans: usize) {
    let tracer = provider.tracer("test");
    for _ in 0..spans {
        tracer.in_span("GET /q", |_| {});
    }
}

#[test]
fn a_real_collector_takes_both_protocols() {
    let collector = Collector::start(&["--window", "1s", "--lateness", "1s"]);
    let mut sent = 0.0;
    for (protocol, at, gzip) in [
        ("grpc", collector.grpc, "none"),
        ("grpc", collector.grpc, "gzip"),
        ("http/protobuf", collector.http, "gzip"),
    ] {
        let bridge = Bridge::start(|name| match name {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(format!("http://{at}")),
            "OTEL_EXPORTER_OTLP_PROTOCOL" => Some(protocol.to_owned()),
            "OTEL_EXPORTER_OTLP_COMPRESSION" => Some(gzip.to_owned()),
            _ => None,
        });
        let bridge = bridge.expect("a thread");
        let provider = provider(&bridge);
        work(&provider, 100);
        provider.force_flush().expect("handed over");
        assert!(bridge.flush(Duration::from_secs(10)), "{protocol} {gzip}");
        let d = bridge.delivery();
        assert_eq!((d.offered, d.delivered, d.dropped()), (100, 100, 0), "{protocol} {gzip}");
        sent += 100.0;
        wait_until(Duration::from_secs(10), "they are counted", || {
            collector.sum("longpole_spans_received_total", &[]) == sent
        });
    }
    collector.terminate();
}

#[test]
fn a_collector_that_was_away_gets_what_was_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = longpole_tests::addresses::lasting_address();
    let bridge = Bridge::start(|name| match name {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(format!("http://{at}")),
        "LONGPOLE_SPILL_DIR" => Some(folder.path().display().to_string()),
        _ => None,
    });
    let bridge = bridge.expect("a thread");
    let provider = provider(&bridge);
    work(&provider, 300);
    wait_until(Duration::from_secs(20), "all is on disk", || {
        let _ = provider.force_flush();
        bridge.flush(Duration::from_millis(100));
        bridge.delivery().on_disk == 300
    });
    let collector = Collector::start_at(&at.to_string(), &["--window", "1s", "--lateness", "1s"]);
    wait_until(Duration::from_secs(40), "all is delivered", || {
        bridge.flush(Duration::from_millis(100));
        bridge.delivery().delivered == 300
    });
    wait_until(Duration::from_secs(10), "they are counted", || {
        collector.sum("longpole_spans_received_total", &[]) == 300.0
    });
    let d = bridge.delivery();
    assert_eq!((d.dropped(), d.on_disk, d.on_the_way()), (0, 0, 0));
    collector.terminate();
}
