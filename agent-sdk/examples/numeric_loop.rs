//! A loop whose steps take less than a microsecond: a span for each, and what that costs.
//!
//! `cargo run --release -p longpole-sdk --example numeric_loop`. Nothing is allocated and nobody is woken for a
//! step. When steps come faster than they can be sent, the newest are dropped and counted: the loop never waits. To
//! record only some of the epochs: `longpole_sdk::set_rate("epoch", Some(0.1))`.

use longpole_sdk::span;
use std::hint::black_box;
use std::time::{Duration, Instant};

const STEPS: usize = 1_000;

fn step(weights: &mut [f64; 32], rate: f64) -> f64 {
    let loss: f64 = weights.iter().map(|w| (w - 1.0) * (w - 1.0)).sum();
    weights.iter_mut().for_each(|w| *w -= rate * 2.0 * (*w - 1.0));
    black_box(loss)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let guard = longpole_sdk::init("training")?;
    let (mut plain, mut traced) = (Duration::ZERO, Duration::ZERO);
    for epoch in 0..200 {
        let mut weights = [0.5; 32];
        let began = Instant::now();
        for _ in 0..STEPS {
            step(&mut weights, 1e-4);
        }
        plain += began.elapsed();

        let mut weights = [0.5; 32];
        let began = Instant::now();
        let mut over = span!("epoch", epoch = epoch);
        let mut loss = 0.0;
        for at in 0..STEPS {
            let mut span = span!("step", at = at, optimiser = "sgd");
            loss = step(&mut weights, 1e-4);
            span.set("loss", loss);
        }
        over.set("loss", loss);
        drop(over);
        traced += began.elapsed();
        std::thread::sleep(Duration::from_millis(2));
    }
    let each = |time: Duration| time.as_nanos() as f64 / (200 * STEPS) as f64;
    println!("a step: {:.0} ns, with a span {:.0} ns", each(plain), each(traced));
    guard.flush(Duration::from_secs(1));
    println!("{:?} {:?}", longpole_sdk::stats(), longpole_sdk::dropped_by_call_site());
    guard.shutdown(Duration::from_secs(1));
    Ok(())
}
