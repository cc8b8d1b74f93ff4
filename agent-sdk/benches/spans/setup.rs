//! The SDKs under measure, each with somewhere to send that costs this process nothing: a process of its own for
//! us, exporters that drop for the others.

use opentelemetry::trace::TracerProvider;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tracing_subscriber::layer::SubscriberExt;

/// Set in the process that only takes requests.
const SINK: &str = "LONGPOLE_BENCH_SINK";

/// Becomes the sink, when this process is it.
pub fn sink() {
    if std::env::var_os(SINK).is_none() {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    println!("{}", listener.local_addr().expect("bound"));
    for peer in listener.incoming().flatten() {
        std::thread::spawn(move || {
            let mut from = BufReader::new(peer.try_clone().expect("a handle"));
            let mut to = peer;
            loop {
                let (mut line, mut length) = (String::new(), 0);
                loop {
                    line.clear();
                    if from.read_line(&mut line).unwrap_or(0) == 0 {
                        return;
                    }
                    let lower = line.to_ascii_lowercase();
                    if let Some(value) = lower.strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap_or(0);
                    }
                    if line.trim().is_empty() {
                        break;
                    }
                }
                let mut body = vec![0; length];
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                if from.read_exact(&mut body).is_err() || to.write_all(answer).is_err() {
                    return;
                }
            }
        });
    }
}

struct Drops;

impl fastrace::collector::Reporter for Drops {
    fn report(&mut self, spans: Vec<fastrace::collector::SpanRecord>) {
        drop(spans);
    }
}

#[derive(Debug)]
struct Nowhere;

impl opentelemetry_sdk::trace::SpanExporter for Nowhere {
    async fn export(
        &self,
        batch: Vec<opentelemetry_sdk::trace::SpanData>,
    ) -> opentelemetry_sdk::error::OTelSdkResult {
        drop(batch);
        Ok(())
    }
}

/// All of them, running.
pub struct Setup {
    pub guard: longpole_sdk::Guard,
    pub otel_layer: tracing::Dispatch,
    pub own_layer: tracing::Dispatch,
    sink: Option<Child>,
}

impl Setup {
    /// `sends`: with a sink; without one nobody listens and batches wait.
    pub fn new(sends: bool) -> Self {
        let mut sink = sends.then(|| {
            Command::new(std::env::current_exe().expect("a path"))
                .env(SINK, "1")
                .stdout(Stdio::piped())
                .spawn()
                .expect("a sink")
        });
        let mut at = String::from("127.0.0.1:1");
        if let Some(out) = sink.as_mut().and_then(|s| s.stdout.take()) {
            at.clear();
            BufReader::new(out).read_line(&mut at).expect("it says where");
        }
        let guard = longpole_sdk::Builder::new("bench")
            .endpoint(&format!("http://{}", at.trim()))
            .schedule_delay(Duration::from_millis(50))
            .quiet(true)
            .env(|name| (name == "OTEL_METRICS_EXPORTER").then(|| "none".to_owned()))
            .init()
            .expect("starts");
        let config = fastrace::collector::Config::default();
        fastrace::set_reporter(Drops, config.report_interval(Duration::from_millis(10)));
        let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder()
            .with_batch_exporter(Nowhere)
            .build();
        let tracer = provider.tracer("bench");
        opentelemetry::global::set_tracer_provider(provider);
        let otel = tracing_opentelemetry::layer().with_tracer(tracer);
        let otel_layer = tracing_subscriber::registry().with(otel);
        let own_layer = tracing_subscriber::registry().with(longpole_sdk::layer());
        Self { guard, otel_layer: otel_layer.into(), own_layer: own_layer.into(), sink }
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        if let Some(mut sink) = self.sink.take() {
            // It may be gone already.
            let _ = sink.kill();
            let _ = sink.wait();
        }
    }
}
