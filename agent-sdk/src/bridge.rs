//! For programs that use the `opentelemetry` API: exporters that hand their spans and metrics to the
//! transports of this SDK (Redis Streams, OTLP, disk), and the global propagator. `opentelemetry-otlp`
//! stays usable beside them.
//!
//! ```no_run
//! # #[cfg(feature = "bridge")] {
//! use longpole_sdk::bridge::{Bridge, set_propagator};
//! let bridge = Bridge::start(|name| std::env::var(name).ok()).expect("a thread");
//! let traces = opentelemetry_sdk::trace::SdkTracerProvider::builder()
//!     .with_batch_exporter(bridge.spans())
//!     .build();
//! let metrics = opentelemetry_sdk::metrics::SdkMeterProvider::builder()
//!     .with_periodic_exporter(bridge.metrics())
//!     .build();
//! set_propagator();
//! # let _ = (traces, metrics); }
//! ```

use crate::env::Env;
use crate::transport::settings::{Chosen, settings};
use crate::transport::{Delivery, Encoded, Signal, Transport};
use bytes::BytesMut;
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use prost::Message;
use std::time::Duration;

/// A flush waits so long where the caller names no time.
const FLUSH: Duration = Duration::from_secs(5);

/// A transport of its own for one program's providers.
#[derive(Clone, Debug)]
pub struct Bridge(Transport);

impl Bridge {
    /// Starts the transport's thread, from the same variables as the SDK itself (`OTEL_EXPORTER_OTLP_*`,
    /// `LONGPOLE_*`), read through `env`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(env: impl Fn(&str) -> Option<String>) -> std::io::Result<Self> {
        Transport::start(settings(&Chosen::default(), &Env(&env))).map(Self)
    }

    /// An exporter for a tracer provider.
    pub fn spans(&self) -> Spans {
        let resource = ResourceAttributesWithSchema::default();
        Spans { transport: self.0.clone(), resource }
    }

    /// An exporter for a meter provider.
    pub fn metrics(&self) -> Metrics {
        Metrics { transport: self.0.clone() }
    }

    /// Sends what the providers have handed over; true when it was delivered, given up or put on disk by
    /// the deadline. A provider's own flush only hands over.
    pub fn flush(&self, deadline: Duration) -> bool {
        self.0.flush(deadline)
    }

    /// What became of the spans.
    pub fn delivery(&self) -> Delivery {
        self.0.delivery()
    }
}

/// Makes W3C trace context and baggage the global propagator of the `opentelemetry` API.
pub fn set_propagator() {
    opentelemetry::global::set_text_map_propagator(TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ]));
}

/// Hands spans to the transport.
#[derive(Debug)]
pub struct Spans {
    transport: Transport,
    resource: ResourceAttributesWithSchema,
}

impl SpanExporter for Spans {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let items = batch.len() as u32;
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let payload = encoded(&ExportTraceServiceRequest { resource_spans });
        offer(&self.transport, Encoded { signal: Signal::Traces, payload, items })
    }

    fn force_flush(&self) -> OTelSdkResult {
        flush(&self.transport, FLUSH)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        // Flushed, not stopped: the meter provider may still have something to say.
        flush(&self.transport, timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

/// Hands metrics to the transport.
#[derive(Debug)]
pub struct Metrics {
    transport: Transport,
}

impl PushMetricExporter for Metrics {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let request = ExportMetricsServiceRequest::from(metrics);
        let scopes = request.resource_metrics.iter().flat_map(|r| &r.scope_metrics);
        let items = scopes.map(|s| s.metrics.len() as u32).sum();
        let payload = encoded(&request);
        offer(&self.transport, Encoded { signal: Signal::Metrics, payload, items })
    }

    fn force_flush(&self) -> OTelSdkResult {
        flush(&self.transport, FLUSH)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        flush(&self.transport, timeout)
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

fn encoded(request: &impl Message) -> BytesMut {
    let mut out = BytesMut::with_capacity(request.encoded_len());
    // It has the room that it says it takes.
    let _ = request.encode(&mut out);
    out
}

fn offer(transport: &Transport, encoded: Encoded) -> OTelSdkResult {
    transport.offer(encoded).map_err(|back| {
        let items = back.items;
        OTelSdkError::InternalFailure(format!("no room for {items} more; they are dropped"))
    })
}

fn flush(transport: &Transport, limit: Duration) -> OTelSdkResult {
    match transport.flush(limit) {
        true => Ok(()),
        false => Err(OTelSdkError::Timeout(limit)),
    }
}
