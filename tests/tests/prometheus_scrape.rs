//! A real Prometheus scrapes a live collector: it takes every line, and its quantiles over our
//! buckets are those of the durations that were sent.

use longpole_tests::collector::{Collector, wait_until};
use longpole_tests::exposition;
use longpole_tests::foreign::{in_path, there};
use longpole_tests::http::call;
use longpole_tests::spans::{now, request, span};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::Value;
use std::io::Write;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const REQUIRED: &str = "LONGPOLE_REQUIRE_PROMETHEUS";

struct Prometheus {
    child: Child,
    at: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    fn start(target: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("prometheus.yml");
        let text = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 900ms }}\n\
             scrape_configs:\n  - job_name: longpole\n    static_configs:\n      - targets: ['{target}']\n"
        );
        std::fs::write(&config, text).expect("written");
        // It does not tell which port it got.
        let free = longpole_tests::addresses::lasting_address();
        let flag = |name: &str, value: &dyn std::fmt::Display| format!("--{name}={value}");
        let log = std::fs::File::create(folder.path().join("log")).expect("a file");
        let child = Command::new(in_path("prometheus"))
            .arg(flag("config.file", &config.display()))
            .arg(flag("storage.tsdb.path", &folder.path().join("data").display()))
            .arg(flag("web.listen-address", &free))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("prometheus starts");
        let prometheus = Self { child, at: free, _folder: folder };
        wait_until(Duration::from_secs(20), "Prometheus is ready", || {
            call(free, "GET", "/-/ready", &[], b"").is_ok_and(|a| a.status == 200)
        });
        prometheus
    }

    fn get(&self, path: &str) -> Value {
        let answer = call(self.at, "GET", path, &[], b"").expect("Prometheus answers");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        serde_json::from_slice(&answer.body).expect("JSON")
    }

    /// The one value of an expression; `None` when it has none or is no number.
    fn value(&self, expression: &str) -> Option<f64> {
        let escaped: String = expression.bytes().map(|b| format!("%{b:02x}")).collect();
        let said = self.get(&format!("/api/v1/query?query={escaped}"));
        let result = said["data"]["result"].as_array().cloned().unwrap_or_default();
        assert!(result.len() <= 1, "{expression}: {said}");
        let value = result.first()?["value"][1].as_str()?.parse::<f64>().ok()?;
        value.is_finite().then_some(value)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ninety spans of 20 ms and ten of 300 ms.
fn hundred() -> Vec<u8> {
    let of = |milliseconds: u64| {
        let end = now();
        let start_time_unix_nano = end - milliseconds * 1_000_000;
        Span { start_time_unix_nano, end_time_unix_nano: end, ..span("GET /q") }
    };
    request("shop", (0..100).map(|i| of(if i % 10 == 0 { 300 } else { 20 })).collect())
}

fn send(collector: &Collector) {
    let headers = [("Content-Type", "application/x-protobuf")];
    let answer = collector.post("/v1/traces", &headers, &hundred());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn prometheus_reads_what_was_sent() {
    if !there("Prometheus", &in_path("prometheus"), REQUIRED) {
        return;
    }
    let collector = Collector::start(&["--window", "1s", "--lateness", "1s"]);
    send(&collector);
    let prometheus = Prometheus::start(collector.listen);
    let calls = "sum(traces_span_metrics_calls_total{span_name=\"GET /q\"})";
    wait_until(Duration::from_secs(20), "the first hundred are scraped", || {
        prometheus.value(calls) == Some(100.0)
    });
    // A rate is the gain between scrapes: send until there are some.
    let quantile = |q: &str| {
        let rate = "rate(traces_span_metrics_duration_seconds_bucket{span_name=\"GET /q\"}[20s])";
        prometheus.value(&format!("histogram_quantile({q}, sum by (le) ({rate}))"))
    };
    let mut sent = 100.0;
    let began = Instant::now();
    while quantile("0.95").is_none() || began.elapsed() < Duration::from_secs(3) {
        assert!(began.elapsed() < Duration::from_secs(20), "no rate");
        send(&collector);
        sent += 100.0;
        std::thread::sleep(Duration::from_millis(200)); // the pace of the load
    }
    wait_until(Duration::from_secs(5), "all are scraped", || prometheus.value(calls) == Some(sent));
    let (p50, p95) = (quantile("0.5").expect("a value"), quantile("0.95").expect("a value"));
    assert!(p50 > 0.01 && p50 <= 0.05, "p50 {p50}");
    assert!(p95 > 0.2 && p95 <= 0.4, "p95 {p95}");

    assert_eq!(prometheus.value("min_over_time(up[1m])"), Some(1.0));
    let lines = prometheus.value("scrape_samples_scraped").expect("a value");
    assert!(lines > 50.0, "{lines}");
    assert_eq!(prometheus.value("scrape_samples_post_metric_relabeling"), Some(lines));
    let target = prometheus.get("/api/v1/targets").pointer("/data/activeTargets/0").cloned();
    let target = target.expect("a target");
    assert_eq!((&target["health"], &target["lastError"]), (&"up".into(), &"".into()), "{target}");
    let own = call(prometheus.at, "GET", "/metrics", &[], b"").expect("its own scrape").text();
    for trouble in ["duplicate_timestamp", "out_of_bounds", "out_of_order"] {
        let name = format!("prometheus_target_scrapes_sample_{trouble}_total");
        let line = own.lines().find_map(|l| l.strip_prefix(&name)).map(str::trim);
        assert_eq!(line, Some("0"), "{name}");
    }
    collector.terminate();
}

#[test]
fn promtool_has_nothing_to_say() {
    if !there("Prometheus", &in_path("promtool"), REQUIRED) {
        return;
    }
    let collector = Collector::start(&["--window", "1s", "--lateness", "1s"]);
    send(&collector);
    wait_until(Duration::from_secs(10), "a window closed", || {
        collector.sum("traces_span_metrics_calls_total", &[]) == 100.0
            && collector.sum("longpole_windows_closed_total", &[]) > 2.0
    });
    let text = collector.metrics();
    exposition::read(&text).unwrap_or_else(|faults| panic!("{}", faults.join("\n")));
    let mut promtool = Command::new(in_path("promtool"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    promtool.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
    let out = promtool.wait_with_output().expect("an end");
    let said = [out.stdout, out.stderr].map(|t| String::from_utf8_lossy(&t).into_owned()).concat();
    assert!(out.status.success() && said.is_empty(), "{said}");
}
