//! From spans at a door to a signed event at somebody's webhook: a service gets slow, the investigation
//! is routed, and a receiver that answers 500 at first gets it again under the same key.

use longpole_exporters::webhook::{Secret, headers};
use longpole_tests::collector::{Collector, wait_until};
use longpole_tests::http::{Received, receive};
use longpole_tests::spans::{now, request, span};
use std::io::Write;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Receives forever; the first delivery is answered with 500.
fn receiver() -> (std::net::SocketAddr, Arc<Mutex<Vec<Received>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("bound");
    let seen: Arc<Mutex<Vec<Received>>> = Arc::default();
    let told = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let Some(received) = receive(&stream) else { continue };
            let mut seen = told.lock().expect("sound");
            let code = if seen.is_empty() { "500 Later" } else { "204 Fine" };
            seen.push(received);
            let answer =
                format!("HTTP/1.1 {code}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = (&stream).write_all(answer.as_bytes());
        }
    });
    (at, seen)
}

/// A second of a service's requests, of so many milliseconds each.
fn second(collector: &Collector, milliseconds: u64) {
    let began = Instant::now();
    for _ in 0..5 {
        let spans = (0..12).map(|i| {
            let mut s = span("GET /cart");
            s.start_time_unix_nano = now() - milliseconds * 1_000_000 - i * 20_000;
            s
        });
        let body = request("cart", spans.collect());
        let kind = ("content-type", "application/x-protobuf");
        let answer = collector.post("/v1/traces", &[kind], &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        std::thread::sleep(Duration::from_millis(200));
    }
    std::thread::sleep(Duration::from_secs(1).saturating_sub(began.elapsed()));
}

#[test]
fn an_investigation_reaches_its_webhook_signed_and_once_more_after_a_failure() {
    let (at, seen) = receiver();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("longpole.yaml");
    let text = format!("webhooks:\n  - url: http://{at}/hook\n    secrets: [\"{SECRET}\"]\n");
    std::fs::write(&file, text).expect("written");
    let file = file.display().to_string();
    let collector = Collector::start(&["--config", &file, "--window", "1s", "--lateness", "1s"]);
    for _ in 0..14 {
        second(&collector, 10);
    }
    let until = Instant::now() + Duration::from_secs(40);
    while seen.lock().expect("sound").len() < 2 && Instant::now() < until {
        second(&collector, 80);
    }
    let deliveries = seen.lock().expect("sound").clone();
    let [first, second, ..] = deliveries.as_slice() else { panic!("not told in time") };
    let header = |d: &Received, name: &str| d.headers.get(name).cloned().unwrap_or_default();
    for name in ["webhook-id", "idempotency-key"] {
        assert_eq!(header(first, name), header(second, name), "{name} is kept over a retry");
    }
    assert_eq!(header(second, "content-type"), "application/cloudevents+json");
    let stamp = header(second, "webhook-timestamp").parse().expect("seconds");
    let secret = Secret::parse(SECRET).expect("a secret");
    let want = headers(&header(second, "webhook-id"), stamp, &second.body, &[secret]);
    let signature = want.iter().find(|(n, _)| *n == "webhook-signature").map(|(_, v)| v.clone());
    assert_eq!(Some(header(second, "webhook-signature")), signature);
    let said: serde_json::Value = serde_json::from_slice(&second.body).expect("JSON");
    assert_eq!(said["type"], "dev.longpole.investigation.opened.v1");
    let listed = collector.table("/api/v1/investigations");
    assert_eq!(said["subject"], listed["investigations"][0]["id"]);
    assert_eq!(said["data"]["bottlenecks"][0]["service"], "cart");
    wait_until(Duration::from_secs(5), "the delivery is counted", || {
        collector.table("/api/v1/outbox")["targets"][0]["delivered"].as_u64() >= Some(1)
    });
    collector.terminate();
}
