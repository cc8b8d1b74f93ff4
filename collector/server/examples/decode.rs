//! How fast the walk is: spans per CPU-second of decode alone, and of building the same messages with
//! prost and dropping them, in the same run.
//!
//! `cargo run --release -p longpole-collector --example decode -- RECORDING... [--rounds N] [--walk]`
//! (`--walk`: the walk alone, for profilers.)
//! Prints; asserts nothing: machines are noisy.

use longpole_collector::ingest::otlp::{self, DecodeLimits, Signal};
use longpole_collector::ingest::replay::Replay;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use std::time::{Duration, Instant};

/// CPU time of this process, where Linux tells it; else wall time.
fn cpu(since: Instant) -> Duration {
    let ticks = || -> Option<u64> {
        let stat = std::fs::read_to_string("/proc/self/schedstat").ok()?;
        stat.split_ascii_whitespace().next()?.parse().ok()
    };
    ticks().map_or_else(|| since.elapsed(), Duration::from_nanos)
}

fn main() {
    let mut paths = Vec::new();
    let mut rounds = 7;
    let mut alone = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rounds" => rounds = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(rounds),
            "--walk" => alone = true,
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
        .map(|item| item.payload)
        .filter(|p| otlp::signal(p) == Some(Signal::Traces))
        .collect();
    let bytes: usize = payloads.iter().map(Vec::len).sum();
    let limits = DecodeLimits::default();
    let mut spans = 0u64;
    let (mut walk, mut prost) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        walk.push(per_pass(|| {
            spans = 0;
            for payload in &payloads {
                let (batch, _) = otlp::traces(payload, &limits, None).expect("read before");
                spans += batch.spans.len() as u64;
                std::hint::black_box(batch);
            }
        }));
        if alone {
            continue;
        }
        prost.push(per_pass(|| {
            for payload in &payloads {
                let request = ExportTraceServiceRequest::decode(payload.as_slice()).expect("OTLP");
                std::hint::black_box(request);
            }
        }));
    }
    println!(
        "{} messages, {spans} spans, {:.0} bytes a span, median of {rounds} rounds",
        payloads.len(),
        bytes as f64 / spans.max(1) as f64
    );
    let of = |name: &str, times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        let seconds = times.get(times.len() / 2).copied().unwrap_or(f64::NAN);
        let (rate, cost) = (spans as f64 / seconds / 1e6, seconds * 1e9 / spans.max(1) as f64);
        println!("{name:6} {rate:6.2} M spans per CPU-second, {cost:5.0} ns a span");
        seconds
    };
    let walk = of("walk", &mut walk);
    if !alone {
        println!("ratio  {:6.2}", of("prost", &mut prost) / walk);
    }
}

/// CPU seconds of one pass, from as many passes as fill 300 ms: the kernel counts in ticks.
fn per_pass(mut pass: impl FnMut()) -> f64 {
    let start = Instant::now();
    let before = cpu(start);
    let mut passes = 0;
    while start.elapsed() < Duration::from_millis(300) {
        pass();
        passes += 1;
    }
    (cpu(start) - before).as_secs_f64() / f64::from(passes)
}
