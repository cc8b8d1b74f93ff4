"""Sends an exact number of spans and points with the unmodified OpenTelemetry SDK for Python.

Usage: send.py grpc|http/protobuf ENDPOINT SERVICE
"""

import sys
import time

from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

protocol, endpoint, service = sys.argv[1:]
if protocol == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    spans_to = OTLPSpanExporter(endpoint=endpoint, insecure=True)
    points_to = OTLPMetricExporter(endpoint=endpoint, insecure=True)
else:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    spans_to = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")
    points_to = OTLPMetricExporter(endpoint=f"{endpoint}/v1/metrics")

resource = Resource.create({"service.name": service, "service.version": "1.2.3"})
traces = TracerProvider(resource=resource)
traces.add_span_processor(BatchSpanProcessor(spans_to, max_export_batch_size=100))
tracer = traces.get_tracer("foreign")

# 137 requests on three routes, the first 11 of the first failing; a client call in each.
for route, requests in [("GET /a", 100), ("GET /b", 30), ("POST /c", 7)]:
    for i in range(requests):
        with tracer.start_as_current_span(route, kind=trace.SpanKind.SERVER) as span:
            with tracer.start_as_current_span("SELECT t", kind=trace.SpanKind.CLIENT) as call:
                call.set_attribute("db.system.name", "postgresql")
            if route == "GET /a" and i < 11:
                span.set_status(trace.StatusCode.ERROR, "made to fail")
traces.shutdown()

points = MeterProvider(
    resource=resource,
    metric_readers=[PeriodicExportingMetricReader(points_to, export_interval_millis=600_000)],
)
meter = points.get_meter("foreign")
requests = meter.create_counter("foreign.requests", unit="{request}")
used = meter.create_up_down_counter("foreign.pool.used", unit="{connection}")
cpu = meter.create_gauge("foreign.cpu.utilization", unit="1")
duration = meter.create_histogram("foreign.request.duration", unit="s")
for route, n in [("/a", 100), ("/b", 30), ("/c", 7)]:
    requests.add(n, {"http.route": route})
    for i in range(n):
        duration.record(0.001 * (i + 1), {"http.route": route})
used.add(5, {"pool": "main"})
used.add(-2, {"pool": "main"})
used.add(4, {"pool": "side"})
cpu.set(0.75)
points.shutdown()
