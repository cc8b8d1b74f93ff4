//! F15: ten times the load. Memory holds, scrapes are answered, rate counts are whole, and it is over when the load
//! is.

use crate::{say, seconds};
use longpole_tests::collector::{Collector, wait_until};
use longpole_tests::exposition::sum;
use longpole_tests::http::{connect, parse};
use longpole_tests::load::catalog::Catalog;
use longpole_tests::load::dice::Dice;
use longpole_tests::load::template::Template;
use longpole_tests::load::traces::request;
use longpole_tests::spans::now;
use prost::Message;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const SPANS: usize = 437;
pub const SENDERS: u64 = 8;
/// Spans a second of the load that is called usual.
const USUAL: u64 = 10_000;
/// The cap, KiB.
const CAP: u64 = 512 << 10;

/// What senders share.
#[derive(Default)]
pub struct Load {
    pub stop: AtomicBool,
    /// Requests go as fast as they are answered; otherwise at the usual rate.
    flood: AtomicBool,
    sent: AtomicU64,
    pub acknowledged: AtomicU64,
    refused: AtomicU64,
}

/// Sends and reads one answer; its status.
fn exchange(stream: &mut TcpStream, bytes: &[u8]) -> u16 {
    stream.write_all(bytes).expect("the collector reads");
    let (mut read, mut part) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(answer) = parse(&read) {
            return answer.status;
        }
        let n = stream.read(&mut part).expect("the collector answers");
        assert!(n > 0, "closed before the answer");
        read.extend_from_slice(&part[..n]);
    }
}

/// Sends until told to stop.
pub fn send(to: SocketAddr, load: &Load, sender: u64) {
    let (catalog, mut dice) = (Catalog::new(500), Dice::new(sender + 1));
    let forms: Vec<Template> = (0..8)
        .map(|_| {
            let form = request(&catalog, SPANS, &mut dice).encode_to_vec();
            let head = format!(
                "POST /v1/traces HTTP/1.1\r\nHost: c\r\nContent-Type: application/x-protobuf\r\n\
                 Content-Length: {}\r\n\r\n",
                form.len()
            );
            Template::new(head.as_bytes(), &form).expect("own form")
        })
        .collect();
    let mut copies: Vec<Vec<u8>> = forms.iter().map(|f| f.bytes().to_vec()).collect();
    let mut stream = connect(to).expect("a connection");
    let pause = Duration::from_secs_f64(SPANS as f64 * SENDERS as f64 / USUAL as f64);
    let mut serial = (sender + 1) << 32;
    while !load.stop.load(Ordering::Relaxed) {
        serial += 1;
        let i = (serial % 8) as usize;
        forms[i].renew(&mut copies[i], serial, now());
        load.sent.fetch_add(SPANS as u64, Ordering::Relaxed);
        match exchange(&mut stream, &copies[i]) {
            200 => load.acknowledged.fetch_add(SPANS as u64, Ordering::Relaxed),
            503 => load.refused.fetch_add(SPANS as u64, Ordering::Relaxed),
            other => panic!("status {other}"),
        };
        if !load.flood.load(Ordering::Relaxed) {
            std::thread::sleep(pause);
        }
    }
}

fn step(collector: &Collector) -> u64 {
    collector.sum("longpole_shedding_step", &[]) as u64
}

#[test]
fn ten_times_the_load() {
    let arguments = ["--memory", "512MiB", "--window", "2s", "--lateness", "2s"];
    let collector = Collector::start(&arguments);
    let load = Load::default();
    let (mut scrapes, mut steps) = (Vec::new(), [0; 5]);
    let (flood, mut rate) = (seconds(20, 60), 0.0);
    let mut back = Duration::ZERO;
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (to, load) = (collector.http, &load);
            scope.spawn(move || send(to, load, sender));
        }
        std::thread::sleep(Duration::from_secs(4));
        assert_eq!(step(&collector), 0, "the usual load is no pressure");
        let before = load.sent.load(Ordering::Relaxed);
        load.flood.store(true, Ordering::Relaxed);
        let began = Instant::now();
        while began.elapsed() < flood {
            let asked = Instant::now();
            steps[step(&collector) as usize] += 1;
            scrapes.push(asked.elapsed());
            assert_eq!(collector.get("/healthz").status, 200);
            std::thread::sleep(Duration::from_millis(250));
        }
        rate = (load.sent.load(Ordering::Relaxed) - before) as f64 / began.elapsed().as_secs_f64();
        load.flood.store(false, Ordering::Relaxed);
        let ended = Instant::now();
        wait_until(Duration::from_secs(30), "back to normal", || {
            let ready = collector.is_ready();
            ready && step(&collector) == 0 && collector.sum("longpole_queue_bytes", &[]) < 1e6
        });
        back = ended.elapsed();
        load.stop.store(true, Ordering::Relaxed);
    });
    std::thread::sleep(Duration::from_millis(300));
    scrapes.sort();
    let (acknowledged, refused) =
        (load.acknowledged.load(Ordering::Relaxed), load.refused.load(Ordering::Relaxed));
    let received = collector.account("spans");
    let text = collector.metrics();
    let calls = sum(&text, "traces_span_metrics_calls_total", &[]);
    let shed = |what: &str| sum(&text, "longpole_shed_items_total", &[("what", what)]);
    let peak = collector.peak_kib();
    say(&format!(
        "F15: {:.1} times {USUAL} spans/s for {flood:?}: peak {} MiB (cap 512), scrape p99 {:?} (goal 1 s), \
         back to normal after {back:.1?} (goal 30 s); {acknowledged} spans acknowledged, {refused} told to \
         come back, calls counted {calls} (off by {:.3} %, goal 1 %); given up: {} plain spans, {} requests' \
         bytes, {} exemplars, {} failed or slow; scrapes by step {steps:?}",
        rate / USUAL as f64,
        peak >> 10,
        scrapes[scrapes.len() * 99 / 100],
        (calls - acknowledged as f64).abs() / acknowledged as f64 * 100.0,
        shed("plain_spans"),
        sum(&text, "longpole_shed_requests_total", &[]),
        shed("exemplars"),
        shed("precious_spans"),
    ));
    assert_eq!(received, acknowledged, "what was acknowledged is counted, and nothing else");
    assert!((calls - acknowledged as f64).abs() <= acknowledged as f64 * 0.01);
    assert!(peak <= CAP, "{peak} KiB");
    collector.terminate();
}
