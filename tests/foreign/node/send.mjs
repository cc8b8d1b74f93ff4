// Sends an exact number of spans and points with the unmodified OpenTelemetry SDK for JavaScript.
//
// Usage: node send.mjs grpc|http/protobuf|http/json ENDPOINT SERVICE
//
// Packages are looked up from the working directory, where they are installed.
import { createRequire } from "node:module";

const load = createRequire(`${process.cwd()}/`);
const { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = load("@opentelemetry/api");
const { resourceFromAttributes } = load("@opentelemetry/resources");
const traceSdk = load("@opentelemetry/sdk-trace");
const { MeterProvider, PeriodicExportingMetricReader } = load("@opentelemetry/sdk-metrics");

const [protocol, endpoint, service] = process.argv.slice(2);
const kind = { grpc: "grpc", "http/protobuf": "proto", "http/json": "http" }[protocol];
const { OTLPTraceExporter } = load(`@opentelemetry/exporter-trace-otlp-${kind}`);
const { OTLPMetricExporter } = load(`@opentelemetry/exporter-metrics-otlp-${kind}`);
const at = (path) => ({ url: kind === "grpc" ? endpoint : `${endpoint}${path}` });

const resource = resourceFromAttributes({ "service.name": service, "service.version": "1.2.3" });
const exporter = new OTLPTraceExporter(at("/v1/traces"));
const traces = new traceSdk.TracerProvider({
  resource,
  spanProcessors: [new traceSdk.BatchSpanProcessor({ exporter, maxExportBatchSize: 100 })],
});
const tracer = traces.getTracer("foreign");

// 137 requests on three routes, the first 11 of the first failing; a client call in each.
for (const [route, requests] of [["GET /a", 100], ["GET /b", 30], ["POST /c", 7]]) {
  for (let i = 0; i < requests; i++) {
    const span = tracer.startSpan(route, { kind: SpanKind.SERVER }, ROOT_CONTEXT);
    const inside = trace.setSpan(ROOT_CONTEXT, span);
    const attributes = { "db.system.name": "postgresql" };
    tracer.startSpan("SELECT t", { kind: SpanKind.CLIENT, attributes }, inside).end();
    if (route === "GET /a" && i < 11) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: "made to fail" });
    }
    span.end();
  }
}
await traces.shutdown();

const reader = new PeriodicExportingMetricReader({
  exporter: new OTLPMetricExporter(at("/v1/metrics")),
  exportIntervalMillis: 600_000,
});
const points = new MeterProvider({ resource, readers: [reader] });
const meter = points.getMeter("foreign");
const requests = meter.createCounter("foreign.requests", { unit: "{request}" });
const used = meter.createUpDownCounter("foreign.pool.used", { unit: "{connection}" });
const cpu = meter.createGauge("foreign.cpu.utilization", { unit: "1" });
const duration = meter.createHistogram("foreign.request.duration", { unit: "s" });
for (const [route, n] of [["/a", 100], ["/b", 30], ["/c", 7]]) {
  requests.add(n, { "http.route": route });
  for (let i = 0; i < n; i++) duration.record(0.001 * (i + 1), { "http.route": route });
}
used.add(5, { pool: "main" });
used.add(-2, { pool: "main" });
used.add(4, { pool: "side" });
cpu.record(0.75);
await points.shutdown();
