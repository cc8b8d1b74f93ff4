//! Recording a metric beside prometheus and opentelemetry: rows 13 to 15 of the goals, ratios in one run.
//!
//! `cargo bench -p longpole-sdk --bench metrics`. Rounds of all contenders take turns, so that a noisy
//! machine is noisy for all; the median of the rounds is told, and its ratio to the anchor.

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::{ManualReader, SdkMeterProvider};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: usize = 41;
const EACH: u32 = 200_000;

/// The case that only draws a value.
const DRAWING: &str = "(drawing the value)";

/// A contender: its name, and one recording.
type Case<'a> = (&'a str, Box<dyn FnMut() + 'a>);

/// Nanoseconds of one recording, the median of all rounds, by case.
fn measure(cases: &mut [Case<'_>]) -> Vec<f64> {
    let mut times = vec![Vec::with_capacity(ROUNDS); cases.len()];
    for _ in 0..ROUNDS {
        for (case, times) in cases.iter_mut().zip(&mut times) {
            let began = Instant::now();
            for _ in 0..EACH {
                (case.1)();
            }
            times.push(began.elapsed().as_secs_f64() * 1e9 / f64::from(EACH));
        }
    }
    times
        .into_iter()
        .map(|mut t| {
            t.sort_by(f64::total_cmp);
            t[t.len() / 2]
        })
        .collect()
}

fn row(name: &str, goal: f64, mut cases: Vec<Case<'_>>) {
    let empty = measure(&mut [(
        "empty",
        Box::new(|| {
            black_box(0u64);
        }),
    )])[0];
    let times = measure(&mut cases);
    // What the bench itself does is nobody's: an empty call, or drawing the value that all of them record.
    let drawing = cases.iter().position(|(case, _)| *case == DRAWING);
    let own = drawing.map_or(empty, |at| times[at]);
    let ours = times[0] - own;
    println!("{name} (must {goal} x; without the bench's own {own:.2} ns)");
    for ((case, _), time) in cases.iter().zip(&times) {
        let net = time - own;
        println!("  {case:<24} {net:>7.2} ns   ours / it {:.2}", ours / net);
    }
}

fn main() {
    let reader = ManualReader::builder().build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    let meter = provider.meter("bench");
    let labels = [("method", "GET"), ("route", "/cart/{id}"), ("status", "200")];
    let pairs = labels.map(|(k, v)| KeyValue::new(k, v));
    let names = labels.map(|(k, _)| k);
    let values = labels.map(|(_, v)| v);

    let ours = longpole_sdk::Counter::new("bench.requests", "{request}");
    let bound = ours.bind(&labels);
    let opts = prometheus::Opts::new("requests", "help");
    let vec = prometheus::IntCounterVec::new(opts, &names).expect("a vector");
    let handle = vec.with_label_values(&values);
    let otel = meter.u64_counter("requests").build();
    let otel_bound = otel.bind(&pairs);
    row(
        "13 counter, 3 labels, bound",
        0.5,
        vec![
            ("longpole", Box::new(|| bound.add(black_box(1)))),
            ("prometheus handle", Box::new(|| handle.inc_by(black_box(1)))),
            ("opentelemetry bound", Box::new(|| otel_bound.add(black_box(1)))),
        ],
    );

    let histogram = longpole_sdk::Histogram::new("bench.duration", "s").bind(&labels);
    let growing = longpole_sdk::Histogram::exponential("bench.growing", "s").bind(&labels);
    let otel_histogram = meter.f64_histogram("duration").build().bind(&pairs);
    let prometheus = prometheus::Histogram::with_opts(prometheus::HistogramOpts::new("d", "help"));
    let prometheus = prometheus.expect("a histogram");
    let mut at = 0u32;
    // Values that do not let the branch predictor learn the bucket.
    let mut next = || {
        at = at.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        black_box(f64::from(at >> 8) * 6e-7)
    };
    let value = std::cell::RefCell::new(&mut next);
    let draw = || (value.borrow_mut())();
    row(
        "14 histogram, bound",
        0.5,
        vec![
            ("longpole", Box::new(|| histogram.record(draw()))),
            ("longpole exponential", Box::new(|| growing.record(draw()))),
            ("opentelemetry bound", Box::new(|| otel_histogram.record(draw()))),
            ("prometheus handle", Box::new(|| prometheus.observe(draw()))),
            (
                DRAWING,
                Box::new(|| {
                    black_box(draw());
                }),
            ),
        ],
    );

    row(
        "15 counter, 3 dynamic labels",
        1.0,
        vec![
            ("longpole", Box::new(|| ours.add(1, black_box(&labels)))),
            ("prometheus vec", Box::new(|| vec.with_label_values(black_box(&values)).inc())),
            ("opentelemetry", Box::new(|| otel.add(1, black_box(&pairs)))),
        ],
    );
}
