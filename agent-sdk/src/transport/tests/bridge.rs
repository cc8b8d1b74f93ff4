//! The `opentelemetry` API over our transports: spans and metrics arrive, contexts travel.

use super::collector::{Collector, Mood};
use super::*;
use crate::bridge::{Bridge, set_propagator};
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;

#[test]
fn spans_of_the_other_api_arrive_once() {
    let collector = Collector::start(Mood::Well);
    let at = collector.at;
    let bridge = Bridge::start(|name| {
        (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| format!("http://{at}"))
    });
    let bridge = bridge.expect("a thread");
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(bridge.spans())
        .with_resource(Resource::builder().with_service_name("other").build())
        .build();
    let tracer = provider.tracer("test");
    set_propagator();
    let mut headers = std::collections::HashMap::<String, String>::new();
    for _ in 0..40 {
        tracer.in_span("outer", |context| {
            tracer.in_span("inner", |_| {});
            opentelemetry::global::get_text_map_propagator(|p| {
                p.inject_context(&context, &mut headers);
            });
            let id = context.span().span_context().trace_id().to_string();
            assert!(headers["traceparent"].contains(&id));
        });
    }
    provider.force_flush().expect("handed over");
    assert!(bridge.flush(SOON));
    assert_eq!(collector.numbers().len(), 80);
    let meters = opentelemetry_sdk::metrics::SdkMeterProvider::builder()
        .with_periodic_exporter(bridge.metrics())
        .build();
    meters.meter("test").u64_counter("jobs").build().add(3, &[]);
    meters.force_flush().expect("handed over");
    provider.shutdown().expect("down");
    let d = bridge.delivery();
    settled(&d);
    assert_eq!((d.offered, d.delivered, d.dropped()), (80, 80, 0));
}
