//! Secrets that a foreign SDK sends: in no file of the collector, in no stream, and said by no voice.

use longpole_proto::road;
use longpole_tests::collector::Collector;
use longpole_tests::spans::{attribute, request, span};
use longpole_tests::streams::Redis;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use std::path::Path;

/// Texts with a secret, and the secret in each. `#` makes those of one place unlike those of another.
const KINDS: [(&str, &str); 6] = [
    ("dial postgres://app:hunter2-#@db/shop", "hunter2-#"),
    ("mail to eve.#@corp.example failed", "eve.#@corp"),
    ("paid with 411111111111111# today", "41111111111111"),
    ("sent Authorization: Bearer abc.#.defghijklmnop", "abc.#.defghij"),
    ("cookie eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx#In0.c2lnbmF0dXJl", "eyJzdWIiOiIx#"),
    ("key AKIAIOSFODNN7EXAMPL#", "AKIAIOSFODNN7EXAMPL#"),
];
/// Places of a span that hold text.
const PLACES: usize = 5;
/// Fourteen digits before it make a card's number (Luhn) with 1 alone: that is the place there.
const CARD: &str = "1";

fn planted() -> impl Iterator<Item = (usize, String, String)> {
    (0..PLACES).flat_map(|place| {
        KINDS.into_iter().map(move |(text, secret)| {
            let letter = ["A", "B", "C", "D", "E"][place];
            let mark = if text.contains("411111") { CARD } else { letter };
            (place, text.replace('#', mark), secret.replace('#', mark))
        })
    })
}

fn spans() -> Vec<Span> {
    let of = |(place, text, _): (usize, String, String)| {
        let mut plain = span("GET /pay");
        match place {
            0 => plain.name = text,
            1 => plain.attributes.push(attribute("note", &text)),
            2 => plain.status = Some(Status { message: text, code: 2 }),
            3 => plain.events.push(Event { name: text, ..Event::default() }),
            _ => {
                let attributes =
                    vec![attribute("exception.type", &text), attribute("exception.message", &text)];
                let name = "exception".to_owned();
                plain.events.push(Event { name, attributes, ..Event::default() });
            }
        }
        plain
    };
    planted().map(of).collect()
}

/// Secrets that stand in `bytes`.
fn found_in(bytes: &[u8]) -> Vec<String> {
    let stands = |secret: &String| bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
    planted().map(|(_, _, secret)| secret).filter(stands).collect()
}

fn files(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path() {
            path if path.is_dir() => all.extend(files(&path)),
            path => all.extend(std::fs::read(path).unwrap_or_default()),
        }
    }
    all
}

/// Sends all of them, one a request, and reads what every voice says.
fn told(collector: &Collector) -> Vec<u8> {
    let soon = std::time::Duration::from_secs(20);
    longpole_tests::collector::wait_until(soon, "it is ready", || collector.is_ready());
    for one in spans() {
        // Found as it is sent, or the test would show nothing.
        let body = request("shop", vec![one]);
        assert!(!found_in(&body).is_empty());
        let answer =
            collector.post("/v1/traces", &[("Content-Type", "application/x-protobuf")], &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let all = planted().count() as f64;
    longpole_tests::collector::wait_until(soon, "all counted", || {
        collector.sum("traces_span_metrics_calls_total", &[("service_name", "shop")]) == all
    });
    let mut said = collector.metrics().into_bytes();
    for path in ["/api/v1/red", "/api/v1/services", "/api/v1/investigations", "/api/v1/outbox"] {
        said.extend(collector.get(path).body);
    }
    said.extend(collector.log().join("\n").into_bytes());
    said
}

#[test]
fn no_secret_is_in_the_journal_or_said() {
    let temp = tempfile::tempdir().expect("a folder");
    let data = temp.path().to_str().expect("a name");
    let collector = Collector::start(&["--data", data]);
    assert_eq!(found_in(&told(&collector)), Vec::<String>::new(), "said");
    assert_eq!(found_in(&files(temp.path())), Vec::<String>::new(), "in the journal");
    collector.terminate();
    let kept = files(temp.path());
    let masked = b"dial postgres://*************@db/shop";
    assert!(kept.windows(masked.len()).any(|w| w == masked), "what is no secret is there");
    assert_eq!(found_in(&kept), Vec::<String>::new(), "in the checkpoint");
}

#[test]
fn no_secret_is_said_without_a_journal() {
    let collector = Collector::start(&[]);
    assert_eq!(found_in(&told(&collector)), Vec::<String>::new());
}

#[test]
fn no_secret_is_in_a_stream() {
    let Some(redis) = Redis::start(&["--appendonly", "yes"]) else { return };
    let collector = Collector::start(&["--redis", &redis.url()]);
    assert_eq!(found_in(&told(&collector)), Vec::<String>::new(), "said");
    let entries: u64 = (0..4).map(|n| redis.ask::<u64>(&["XLEN", &road::stream_key(n)])).sum();
    assert_eq!(entries, planted().count() as u64);
    assert_eq!(found_in(&files(redis.folder())), Vec::<String>::new(), "in the file of Redis");
}
