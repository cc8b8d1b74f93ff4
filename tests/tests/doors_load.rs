//! The account under load: senders in parallel, some of whose connections are cut in the middle of a
//! request. What was acknowledged is there, what was cut is there once or not at all, and every span
//! that was received is recorded, rejected, duplicate or dropped.

use longpole_tests::collector::{Collector, wait_until};
use longpole_tests::exposition::sum;
use longpole_tests::http::{connect, parse, request as http_request};
use longpole_tests::spans::{request, span};
use opentelemetry_proto::tonic::trace::v1::Span;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

const SENDERS: u64 = 4;
const REQUESTS: u64 = 1_500;

/// A small generator, so that a failing run can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    }
}

/// What one sender knows of its spans.
#[derive(Default, Debug, Clone, Copy)]
struct Sent {
    acknowledged: u64,
    /// Of them, refused one by one.
    bad: u64,
    /// Sent whole, then cut before the answer: the collector may or may not have them.
    unsure: u64,
    /// Cut before the end: the collector must not have them.
    cut: u64,
}

fn sender(at: SocketAddr, seed: u64) -> Sent {
    let (mut dice, mut sent) = (Dice(seed), Sent::default());
    for _ in 0..REQUESTS {
        let n = 1 + dice.below(200);
        let bad = dice.below(4).min(n);
        let name = format!("op{}", dice.below(20));
        let spans = (0..n).map(|i| {
            let good = span(&name);
            if i < bad { Span { span_id: vec![], ..good } } else { good }
        });
        let body = request("load", spans.collect());
        let headers = [("Content-Type", "application/x-protobuf")];
        let bytes = http_request(at, "POST", "/v1/traces", &headers, &body);
        let mut stream = connect(at).expect("a connection");
        match dice.below(10) {
            0 => {
                let some = dice.below(bytes.len() as u64) as usize;
                let _ = stream.write_all(&bytes[..some]);
                let _ = stream.shutdown(Shutdown::Both);
                sent.cut += n;
            }
            1 => {
                let _ = stream.write_all(&bytes);
                let _ = stream.shutdown(Shutdown::Both);
                sent.unsure += n;
            }
            _ => {
                stream.write_all(&bytes).expect("written");
                let mut said = Vec::new();
                stream.read_to_end(&mut said).expect("an answer");
                let answer = parse(&said).expect("HTTP");
                assert_eq!(answer.status, 200, "{}", answer.text());
                sent.acknowledged += n;
                sent.bad += bad;
            }
        }
    }
    sent
}

fn load(shards: &str, seed: u64) {
    let collector =
        Collector::start(&["--window", "500ms", "--lateness", "500ms", "--shards", shards]);
    let began = Instant::now();
    let all: Vec<Sent> = std::thread::scope(|scope| {
        let at = collector.http;
        let senders = (0..SENDERS).map(|i| scope.spawn(move || sender(at, seed + i * 7919)));
        let senders: Vec<_> = senders.collect();
        senders.into_iter().map(|s| s.join().expect("a sender")).collect()
    });
    let took = began.elapsed();
    let total = |of: fn(&Sent) -> u64| all.iter().map(of).sum::<u64>();
    let (acknowledged, unsure) = (total(|s| s.acknowledged), total(|s| s.unsure));
    let (bad, cut) = (total(|s| s.bad), total(|s| s.cut));
    assert!(unsure > 0 && cut > 0 && bad > 0, "{all:?}");
    // Connections that were cut may still be read: wait until nothing moves.
    let mut last = (u64::MAX, Instant::now());
    wait_until(Duration::from_secs(20), "everything is counted", || {
        let text = collector.metrics();
        let received = sum(&text, "longpole_received_items_total", &[]) as u64;
        if received != last.0 {
            last = (received, Instant::now());
        }
        let idle = sum(&text, "longpole_connections", &[("port", "http")]) == 0.0
            && sum(&text, "longpole_queue_bytes", &[]) == 0.0;
        idle && last.1.elapsed() > Duration::from_millis(300)
    });
    let received = collector.account("spans");
    let seen = format!("seed {seed}: received {received}, {all:?}");
    assert!(received >= acknowledged, "acknowledged spans are missing; {seen}");
    assert!(received <= acknowledged + unsure, "spans out of nowhere; {seen}");
    let text = collector.metrics();
    let spans = |metric: &str| sum(&text, metric, &[("signal", "spans")]) as u64;
    let rejected = spans("longpole_rejected_items_total");
    assert!(rejected >= bad, "{rejected} of {bad} bad ones; {seen}");
    let calls = sum(&text, "traces_span_metrics_calls_total", &[]) as u64;
    assert_eq!(calls, spans("longpole_recorded_items_total"), "{seen}");
    assert_eq!(sum(&text, "longpole_spans_received_total", &[]) as u64, received - rejected);
    let line = format!(
        "{shards} shards: {acknowledged} spans acknowledged in {took:?}, {} of {unsure} unsure \
         arrived, {cut} cut did not\n",
        received - acknowledged
    );
    let _ = std::io::stderr().write_all(line.as_bytes());
    // The last windows close without a new span.
    wait_until(Duration::from_secs(10), "the tables hold what the scrape does", || {
        let red = collector.table("/api/v1/red");
        let rows = red["red"].as_array().cloned().unwrap_or_default();
        let in_tables: u64 = rows.iter().filter_map(|r| r["spans"].as_u64()).sum();
        let late = sum(&text, "longpole_recorded_items_total", &[("in", "late")]) as u64;
        in_tables + late >= calls && in_tables <= calls
    });
    assert_eq!(collector.account("spans"), received);
    collector.terminate();
}

#[test]
fn one_shard() {
    load("1", 0x5eed);
}

#[test]
fn three_shards() {
    load("3", 0xbead);
}
