//! A real `longpole collector` as a child process on free ports: started, asked, watched, stopped.
//!
//! How bytes travel is [`crate::http`]; what a scrape says is [`crate::exposition`].

use crate::binary::longpole;
use crate::exposition;
use crate::http::{Answer, call};
use crate::process::signal;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A collector under test. Dropping it ends the process and fails the test if it had panicked.
pub struct Collector {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    /// OTLP/gRPC.
    pub grpc: SocketAddr,
    /// OTLP/HTTP.
    pub http: SocketAddr,
    /// Scrape, API, health.
    pub listen: SocketAddr,
}

impl Collector {
    /// Starts one and waits until it says where it listens.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", arguments)
    }

    /// As [`start`](Self::start), with variables of its own in the environment.
    pub fn start_under(environment: &[(&str, String)], arguments: &[&str]) -> Self {
        Self::begin("127.0.0.1:0", environment, arguments)
    }

    /// As [`start`](Self::start), with OTLP/HTTP where senders already look for it.
    pub fn start_at(http: &str, arguments: &[&str]) -> Self {
        Self::begin(http, &[], arguments)
    }

    fn begin(http: &str, environment: &[(&str, String)], arguments: &[&str]) -> Self {
        let any = "127.0.0.1:0";
        let mut child = longpole()
            .args(["collector", "--grpc", any, "--http", http, "--listen", any])
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("longpole does not start");
        let log = Arc::new(Mutex::new(Vec::new()));
        let from = BufReader::new(child.stderr.take().expect("a pipe"));
        let to = Arc::clone(&log);
        // It must never wait for a reader of its log.
        std::thread::spawn(move || {
            for line in from.lines().map_while(Result::ok) {
                to.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        let unset = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut collector = Self { child, log, grpc: unset, http: unset, listen: unset };
        let mut said = serde_json::Value::Null;
        wait_until(Duration::from_secs(10), "the collector says where it listens", || {
            let lines = collector.log();
            let told = lines.iter().filter_map(|l| serde_json::from_str(l).ok());
            told.filter(|v: &serde_json::Value| v["grpc"].is_string()).for_each(|v| said = v);
            !said.is_null() || collector.child.try_wait().is_ok_and(|ended| ended.is_some())
        });
        let at = |port: &str| said[port].as_str().and_then(|a| a.parse().ok());
        let (Some(grpc), Some(http), Some(listen)) = (at("grpc"), at("http"), at("listen")) else {
            panic!("no addresses: {:?}", collector.log());
        };
        (collector.grpc, collector.http, collector.listen) = (grpc, http, listen);
        collector
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lines of its log so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// GET on the web port.
    pub fn get(&self, path: &str) -> Answer {
        call(self.listen, "GET", path, &[], b"").unwrap_or_else(|e| panic!("GET {path}: {e}"))
    }

    /// Whether it takes requests: with a journal it listens before it has looked into it.
    pub fn is_ready(&self) -> bool {
        self.get("/readyz").status == 200
    }

    /// POST on the OTLP/HTTP port.
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        call(self.http, "POST", path, headers, body)
            .unwrap_or_else(|e| panic!("POST {path}: {e}; log: {:?}", self.log()))
    }

    /// Asks services for something; gives the status and what was said.
    pub fn order(&self, wish: &serde_json::Value) -> (u16, serde_json::Value) {
        let body = wish.to_string();
        let answer = call(self.listen, "POST", "/api/v1/control", &[], body.as_bytes());
        let answer = answer.expect("an answer");
        (answer.status, serde_json::from_slice(&answer.body).expect("JSON"))
    }

    /// A table of the API.
    pub fn table(&self, path: &str) -> serde_json::Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        serde_json::from_slice(&answer.body).expect("JSON")
    }

    /// The scrape.
    pub fn metrics(&self) -> String {
        let answer = self.get("/metrics");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text()
    }

    /// Sum over the samples of one name whose labels match.
    pub fn sum(&self, metric: &str, labels: &[(&str, &str)]) -> f64 {
        exposition::sum(&self.metrics(), metric, labels)
    }

    /// `received = recorded + rejected + duplicate + dropped` of a signal; gives `received`.
    pub fn account(&self, signal: &str) -> u64 {
        let text = self.metrics();
        let of = |term: &str| {
            let name = format!("longpole_{term}_items_total");
            exposition::sum(&text, &name, &[("signal", signal)])
        };
        let explained = of("recorded") + of("rejected") + of("duplicate") + of("dropped");
        assert_eq!(of("received"), explained, "the account of {signal} is not even:\n{text}");
        of("received") as u64
    }

    /// Peak resident memory in KiB.
    pub fn peak_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("the process lives");
        let line = status.lines().find(|l| l.starts_with("VmHWM:")).expect("VmHWM");
        line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number")
    }

    /// How it ended, once it has.
    pub fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().expect("a child")
    }

    /// SIGKILL, and its end: after it its ports are free.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM; it must end well within ten seconds.
    pub fn terminate(self) {
        signal(self.pid(), "-TERM");
        self.told_to_end();
    }

    /// What follows a SIGTERM, sent once: a second one would have it end at once, with 130.
    pub fn told_to_end(mut self) {
        let mut ended = None;
        wait_until(Duration::from_secs(10), "the collector ends after SIGTERM", || {
            ended = self.child.try_wait().expect("a child");
            ended.is_some()
        });
        assert_eq!(ended.and_then(|e| e.code()), Some(0), "{:?}", self.log());
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.kill();
        let log = self.log();
        let panicked = log.iter().any(|l| l.contains("panicked"));
        assert!(!panicked || std::thread::panicking(), "the collector panicked: {log:?}");
    }
}

/// Polls until it holds; fails the test when it does not hold in time.
pub fn wait_until(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
