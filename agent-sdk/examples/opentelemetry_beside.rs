//! A program that uses the `opentelemetry` API, with two exporters side by side: `opentelemetry-otlp` and Longpole's
//! bridge, which knows the other roads (Redis Streams, a spill on disk).
//!
//! `cargo run -p longpole-sdk --features bridge --example opentelemetry_beside`. The first sends by gRPC to
//! `http://localhost:4317`, the second wherever `OTEL_EXPORTER_OTLP_*` and `LONGPOLE_*` say.

use longpole_sdk::bridge::{Bridge, set_propagator};
use opentelemetry::KeyValue;
use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bridge = Bridge::start(|name| std::env::var(name).ok())?;
    let otlp = SpanExporter::builder()
        .with_tonic()
        .with_endpoint("http://localhost:4317")
        .with_timeout(Duration::from_secs(2))
        .build()?;
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("beside").build())
        .with_batch_exporter(otlp)
        .with_batch_exporter(bridge.spans())
        .build();
    set_propagator();
    let tracer = provider.tracer("example");
    tracer.in_span("order", |cx| {
        cx.span().set_attribute(KeyValue::new("order.id", 17));
        tracer.in_span("pay", |_| std::thread::sleep(Duration::from_millis(3)));
    });
    // Its batches are made by threads of their own; an exporter that nobody answers says so by an error.
    let flushed = tokio::task::spawn_blocking(move || provider.force_flush()).await?;
    println!("both exporters: {flushed:?}");
    bridge.flush(Duration::from_secs(2));
    println!("the bridge: {:?}", bridge.delivery());
    Ok(())
}
