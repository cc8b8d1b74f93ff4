//! How fast the walk is: spans per CPU-second of decode alone, and of building the same messages with
//! prost and dropping them, in the same run.
//!
//! `cargo run --release -p longpole-collector --example decode -- RECORDING... [--rounds N]`
//! Prints; asserts nothing: machines are noisy.

use longpole_collector::ingest::otlp::{self, DecodeLimits, Signal};
use longpole_collector::ingest::replay::Replay;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use std::time::{Duration, Instant};

/// CPU time of this process: user and system ticks, where Linux tells them; else wall time.
fn cpu(since: Instant) -> Duration {
    let ticks = || -> Option<u64> {
        let stat = std::fs::read_to_string("/proc/self/schedstat").ok()?;
        stat.split_ascii_whitespace().next()?.parse().ok()
    };
    ticks().map_or_else(|| since.elapsed(), Duration::from_nanos)
}

fn main() {
    let mut paths = Vec::new();
    let mut rounds = 10;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rounds" => rounds = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(rounds),
            _ => paths.push(argument),
        }
    }
    let replay = match Replay::open(&paths) {
        Ok(replay) => replay,
        Err(e) => {
            eprintln!("{e}");
            std::process::exit(2);
        }
    };
    let payloads: Vec<Vec<u8>> = replay
        .map(|item| item.batch.payload)
        .filter(|p| otlp::signal(p) == Some(Signal::Traces))
        .collect();
    let bytes: usize = payloads.iter().map(Vec::len).sum();
    let limits = DecodeLimits::default();
    let start = Instant::now();
    let (mut spans, mut walk, mut copy, mut prost) = (0u64, Vec::new(), Duration::ZERO, Vec::new());
    for _ in 0..rounds {
        // The walk owns its payload; the copies are made outside the clock.
        let owned = payloads.clone();
        let t = cpu(start);
        let mut seen = 0u64;
        for payload in owned {
            let (batch, _) = otlp::traces(payload, &limits, None).expect("was decoded before");
            seen += batch.spans.len() as u64;
            std::hint::black_box(batch);
        }
        walk.push(cpu(start) - t);
        spans = seen;
        let owned = payloads.clone();
        let t = cpu(start);
        drop(std::hint::black_box(owned));
        copy += cpu(start) - t;
        let t = cpu(start);
        for payload in &payloads {
            let request = ExportTraceServiceRequest::decode(payload.as_slice()).expect("is OTLP");
            std::hint::black_box(request);
        }
        prost.push(cpu(start) - t);
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times.get(times.len() / 2).copied().unwrap_or_default().as_secs_f64()
    };
    let (walk, prost) = (median(&mut walk), median(&mut prost));
    println!(
        "{} messages, {spans} spans, {:.0} bytes a span, median of {rounds} rounds",
        payloads.len(),
        bytes as f64 / spans.max(1) as f64
    );
    let rate = |seconds: f64| spans as f64 / seconds / 1e6;
    let cost = |seconds: f64| seconds * 1e9 / spans.max(1) as f64;
    println!("walk   {:6.2} M spans per CPU-second, {:5.0} ns a span", rate(walk), cost(walk));
    println!("prost  {:6.2} M spans per CPU-second, {:5.0} ns a span", rate(prost), cost(prost));
    println!("ratio  {:6.2}", prost / walk);
}
