//! What strangers may hand to the walk: cut, flipped, inflated. It answers or refuses; it never
//! panics, and what it builds stays in proportion.
//!
//! `fuzz` is the target of every engine. `LONGPOLE_FUZZ_CASES=1000000 cargo test --release -p
//! longpole-collector --test otlp_hostile campaign -- --nocapture` runs a long campaign from a seed
//! (`LONGPOLE_FUZZ_SEED`) and prints it.

mod common;

use common::{T0, metrics, traces};
use longpole_collector::ingest::otlp::{self, DecodeLimits, json};
use longpole_model::signal::{Batch, Reason, Rejections, Timestamp};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use prost::Message;
use std::time::Instant;

const NOW: Timestamp = Timestamp(T0 + 60_000_000_000);

/// Every way in, with the same bytes.
fn fuzz(data: &[u8]) {
    let limits = DecodeLimits::default();
    let mut outcomes = vec![
        otlp::traces(data.to_vec(), &limits, Some(NOW)),
        otlp::metrics(data.to_vec(), &limits, Some(NOW)),
        otlp::logs(data.to_vec(), &limits),
        otlp::any(data.to_vec(), &limits, None),
    ];
    outcomes.push(json::any(data, &limits, Some(NOW)));
    for outcome in outcomes {
        match outcome {
            Ok((batch, rejections)) => sound(&batch, &rejections, data.len()),
            Err(refusal) => assert!(!refusal.message.is_empty()),
        }
    }
}

/// Indices lie inside, sizes in proportion to the bytes.
fn sound(batch: &Batch, rejections: &Rejections, bytes: usize) {
    for span in &batch.spans {
        assert!((span.operation as usize) < batch.operations.len());
        assert!(span.end >= span.start && !span.trace.is_zero() && !span.span.is_zero());
    }
    assert!(batch.operations.iter().all(|o| (o.resource as usize) < batch.resources.len()));
    for a in &batch.attributes {
        assert!((a.text as usize) < batch.texts.len() && (a.span as usize) < batch.spans.len());
    }
    assert!(batch.points.iter().all(|p| (p.series as usize) < batch.series.len()));
    assert!(batch.series.iter().all(|s| (s.resource as usize) < batch.resources.len()));
    let items = batch.spans.len() as u64 + rejections.spans.total();
    assert!(items <= bytes as u64, "a span takes at least a byte");
}

/// A few requests that reach every part of the walk.
fn corpus() -> Vec<Vec<u8>> {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]),
    );
    let mut out = Vec::new();
    for _ in 0..12 {
        let spans = traces().new_tree(&mut runner).expect("a request").current();
        let points = metrics().new_tree(&mut runner).expect("a request").current();
        out.push(serde_json::to_vec(&spans).expect("JSON"));
        out.push(serde_json::to_vec(&points).expect("JSON"));
        out.push(spans.encode_to_vec());
        out.push(points.encode_to_vec());
    }
    out
}

#[test]
fn every_cut_is_answered() {
    for seed in corpus() {
        let step = (seed.len() / 400).max(1);
        for cut in (0..seed.len()).step_by(step) {
            fuzz(&seed[..cut]);
        }
    }
}

#[test]
fn two_million_empty_spans_are_refused_before_anything_is_built() {
    // Each is two bytes: field 2 of a scope, of length 0.
    let spans = [0x12, 0x00].repeat(2_000_000);
    let wrap = |field: u8, body: &[u8]| {
        let mut out = vec![field << 3 | 2];
        let mut n = body.len();
        while n >= 0x80 {
            out.push(n as u8 | 0x80);
            n >>= 7;
        }
        out.push(n as u8);
        out.extend_from_slice(body);
        out
    };
    let request = wrap(1, &wrap(2, &spans));
    let refused = otlp::traces(request, &DecodeLimits::default(), Some(NOW)).expect_err("too many");
    assert_eq!(refused.reason, Reason::TooManyItems);
}

/// Changes a few places: bits, bytes, lengths, pieces moved about.
fn mutate(data: &mut Vec<u8>, next: &mut impl FnMut() -> u64) {
    for _ in 0..=next() % 4 {
        if data.is_empty() {
            data.push(next() as u8);
        }
        let at = next() as usize % data.len();
        match next() % 6 {
            0 => data[at] ^= 1 << (next() % 8),
            1 => data[at] = next() as u8,
            2 => data[at] = [0, 0x7f, 0x80, 0xff][next() as usize % 4],
            3 => data.truncate(at),
            4 => {
                let length = next() as usize % 16;
                let piece: Vec<u8> = data.iter().skip(at).take(length).copied().collect();
                let to = next() as usize % data.len();
                data.splice(to..to, piece);
            }
            _ => {
                data.remove(at);
            }
        }
    }
}

#[test]
fn campaign() {
    let set = |name: &str, default: u64| {
        std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
    };
    let (cases, seed) = (set("LONGPOLE_FUZZ_CASES", 6_000), set("LONGPOLE_FUZZ_SEED", 1));
    let corpus = corpus();
    let mut state = seed;
    // SplitMix64 (Steele, Lea, Flood 2014).
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let began = Instant::now();
    for _ in 0..cases {
        let mut data = corpus[next() as usize % corpus.len()].clone();
        mutate(&mut data, &mut next);
        fuzz(&data);
    }
    println!("{cases} cases from seed {seed} in {:.1} s", began.elapsed().as_secs_f64());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn noise_is_answered(data in prop::collection::vec(any::<u8>(), 0..300)) {
        fuzz(&data);
    }
}
