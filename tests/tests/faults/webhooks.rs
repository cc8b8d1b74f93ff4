//! F16: a webhook's target that is down, answers 500, is slow, or says 200 and resets. Every event arrives at least once,
//! under one key, in the order of its investigation.

use crate::say;
use longpole_tests::collector::{Collector, wait_until};
use longpole_tests::http::{Received, receive};
use longpole_tests::spans::{now, request, span};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// One try as it came: key, subject, kind, whether it was told that it was taken.
#[derive(Clone, Debug)]
struct Try {
    key: String,
    subject: String,
    kind: String,
    taken: bool,
}

/// What the target does with the next tries; then it takes them.
const MOODS: [&str; 4] = ["500", "reset", "200 reset", "slow"];
/// Tries that the first event alone needs.
const LEAST: usize = 3;

fn meet(stream: &TcpStream, tries: &Mutex<Vec<Try>>) -> Option<()> {
    let Received { headers, body } = receive(stream)?;
    let said: serde_json::Value = serde_json::from_slice(&body).ok()?;
    let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
    let mood = {
        let mut tries = tries.lock().expect("sound");
        let mood = MOODS.get(tries.len()).copied().unwrap_or("204");
        let key = headers.get("idempotency-key")?.clone();
        let taken = matches!(mood, "204" | "200 reset" | "slow");
        tries.push(Try { key, subject: text("subject"), kind: text("type"), taken });
        mood
    };
    let mut stream = stream;
    let answer: &[u8] = match mood {
        "500" => b"HTTP/1.1 500 Later\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        "reset" => return None,
        // A body that is announced and never comes.
        "200 reset" => b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\n",
        _ => b"HTTP/1.1 204 Fine\r\nconnection: close\r\n\r\n",
    };
    if mood == "slow" {
        std::thread::sleep(Duration::from_secs(3));
    }
    stream.write_all(answer).ok()
}

fn target(at: SocketAddr) -> Arc<Mutex<Vec<Try>>> {
    let listener = TcpListener::bind(at).expect("the port is free again");
    let tries: Arc<Mutex<Vec<Try>>> = Arc::default();
    let told = Arc::clone(&tries);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // One that broke off is tried again by the other side.
            let _ = meet(&stream, &told);
        }
    });
    tries
}

/// A second of two services' requests, of so many milliseconds each.
fn second(collector: &Collector, milliseconds: u64) {
    for _ in 0..5 {
        for service in ["cart", "search"] {
            let spans = (0..12).map(|i| {
                let mut s = span(&format!("GET /{service}"));
                s.start_time_unix_nano = now() - milliseconds * 1_000_000 - i * 20_000;
                s
            });
            let kind = ("content-type", "application/x-protobuf");
            let body = request(service, spans.collect());
            assert_eq!(collector.post("/v1/traces", &[kind], &body).status, 200);
        }
        std::thread::sleep(Duration::from_millis(195));
    }
}

#[test]
fn a_target_that_fails_in_every_way() {
    let at = longpole_tests::addresses::lasting_address();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("longpole.yaml");
    std::fs::write(&file, format!("webhooks:\n  - url: http://{at}/hook\n")).expect("written");
    let file = file.display().to_string();
    let collector = Collector::start(&["--config", &file, "--window", "1s", "--lateness", "1s"]);
    for _ in 0..14 {
        second(&collector, 10);
    }
    let of = |name: &str| collector.table("/api/v1/outbox")["targets"][0][name].as_u64();
    let until = Instant::now() + Duration::from_secs(40);
    // Nobody listens: connections are refused.
    while of("failures") < Some(1) && Instant::now() < until {
        second(&collector, 80);
    }
    let tries = target(at);
    let back = Instant::now();
    wait_until(Duration::from_secs(60), "all that was accepted is delivered", || {
        let settled = of("delivered") == of("accepted") && of("waiting") == Some(0);
        settled && tries.lock().expect("sound").len() >= LEAST || {
            second(&collector, 80);
            false
        }
    });
    let tries = tries.lock().expect("sound").clone();
    let mut by_key: BTreeMap<&str, Vec<&Try>> = BTreeMap::new();
    tries.iter().for_each(|t| by_key.entry(&t.key).or_default().push(t));
    for (key, of) in &by_key {
        assert!(of.iter().any(|t| t.taken), "{key} never arrived");
        assert!(of.iter().all(|t| (&t.subject, &t.kind) == (&of[0].subject, &of[0].kind)));
    }
    // Of each investigation the opening arrives before anything else is tried.
    let mut opened: BTreeMap<&str, bool> = BTreeMap::new();
    for t in &tries {
        let known = opened.entry(&t.subject).or_default();
        assert!(*known || t.kind.contains("opened"), "{t:?} before its investigation was opened");
        *known |= t.taken && t.kind.contains("opened");
    }
    say(&format!(
        "F16: a target that is down, says 500, resets, says 200 and resets, is slow: {} events in {} tries, each \
         at least once, under one key, in order (goal); {} failures before, delivered {:?} after it was up. Dead \
         letters after 24 h are tried with a made-up clock beside the code",
        by_key.len(),
        tries.len(),
        of("failures").unwrap_or_default(),
        back.elapsed()
    ));
    assert_eq!(of("dead"), Some(0));
    collector.terminate();
}
