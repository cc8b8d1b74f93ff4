//! What strangers may hand to the walk: cut, flipped, inflated. It answers or refuses; it never
//! panics, and what it builds stays in proportion.
//!
//! `fuzz` is the target of every engine. `LONGPOLE_FUZZ_CASES=1000000 cargo test --release -p
//! longpole-collector --test otlp campaign -- --nocapture` runs a long campaign from a seed
//! (`LONGPOLE_FUZZ_SEED`) and prints it.

use crate::common::{T0, metrics, traces};
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
        otlp::traces(data, &limits, Some(NOW)),
        otlp::metrics(data, &limits, Some(NOW)),
        otlp::logs(data, &limits),
        otlp::Decoder::new(&limits).decode(data, None, None),
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
        // Every byte of what is small, and a few hundred places of what is not.
        let step = (seed.len() / 4_000).max(1);
        for cut in (0..seed.len()).step_by(step) {
            fuzz(&seed[..cut]);
        }
    }
}

/// `body` as field `number` of a message.
fn wrap(number: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut n = body.len();
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
    out.extend_from_slice(body);
    out
}

/// A request of one metric.
fn metric(name: &[u8], data: u8, points: &[u8]) -> Vec<u8> {
    let metric = [wrap(1, name), wrap(data, points)].concat();
    wrap(1, &wrap(2, &wrap(2, &metric)))
}

/// A time as field `number`.
fn at(number: u8, time: u64) -> Vec<u8> {
    [&[number << 3 | 1][..], &time.to_le_bytes()].concat()
}

fn refusal(request: Vec<u8>) -> Reason {
    let limits = DecodeLimits::default();
    otlp::metrics(&request, &limits, Some(NOW)).expect_err("too much").reason
}

#[test]
fn two_million_empty_spans_are_refused_before_anything_is_built() {
    // Each is two bytes: field 2 of a scope, of length 0.
    let request = wrap(1, &wrap(2, &[0x12, 0x00].repeat(2_000_000)));
    let refused =
        otlp::traces(&request, &DecodeLimits::default(), Some(NOW)).expect_err("too many");
    assert_eq!(refused.reason, Reason::TooManyItems);
}

#[test]
fn more_names_than_may_be_kept_are_learned_anew() {
    let request = |names: std::ops::Range<u32>| {
        let span = |n: u32| {
            let ids = [wrap(1, &[7; 16]), wrap(2, &[7; 8])].concat();
            let times = [at(7, T0), at(8, T0 + 1)].concat();
            wrap(2, &[ids, wrap(5, format!("GET /orders/{n}").as_bytes()), times].concat())
        };
        wrap(1, &wrap(2, &names.map(span).collect::<Vec<_>>().concat()))
    };
    let limits = DecodeLimits { names: 256 << 10, ..DecodeLimits::default() };
    let mut decoder = otlp::Decoder::new(&limits);
    let mut forgot = Vec::new();
    for names in [0..600, 0..600, 600..1_200, 0..600, 0..2_000, 0..10] {
        let request = request(names);
        let said = decoder.decode(&request, None, Some(NOW)).expect("taken");
        assert_eq!(said, otlp::traces(&request, &limits, Some(NOW)).expect("taken"));
        forgot.push(decoder.forgot());
    }
    assert_eq!(forgot, [false, false, true, false, true, false]);
}

#[test]
fn a_name_of_megabytes_is_not_read_again_for_each_point() {
    let point = wrap(1, &[at(3, T0), at(4, 1f64.to_bits())].concat());
    let request = metric(&vec![b'n'; 16 << 20], 5, &point.repeat(100_000));
    let began = Instant::now();
    let (batch, _) = otlp::metrics(&request, &DecodeLimits::default(), Some(NOW)).expect("taken");
    assert_eq!((batch.points.len(), batch.series.len()), (100_000, 1));
    assert_eq!(batch.series[0].name.len(), DecodeLimits::default().text);
    // Read again each time, it would take minutes.
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
}

#[test]
fn series_do_not_outgrow_their_request() {
    // A long name stands once on the wire and once in each series.
    let mut points = Vec::new();
    for i in 0..100_000u32 {
        let value = wrap(2, &wrap(1, &i.to_be_bytes().map(|b| b'a' + b % 16)));
        let attribute = wrap(7, &[wrap(1, format!("k{i}").as_bytes()), value].concat());
        points.extend(wrap(1, &[at(3, T0), at(4, 1f64.to_bits()), attribute].concat()));
    }
    assert_eq!(refusal(metric(&[b'n'; 4_096], 5, &points)), Reason::TooLarge);

    // The attributes of a summary are repeated for each quantile.
    let text = wrap(2, &wrap(1, &[b'v'; 4_000]));
    let attributes: Vec<u8> = (0..100)
        .flat_map(|i| wrap(7, &[wrap(1, format!("k{i}").as_bytes()), text.clone()].concat()))
        .collect();
    let quantiles = |n: u32| -> Vec<u8> {
        let one = |i: u32| at(1, (f64::from(i) / 1e6).to_bits());
        (0..n).flat_map(|i| wrap(6, &one(i))).collect()
    };
    let summary = [at(3, T0), attributes, quantiles(128)].concat();
    let other = |i: u8| wrap(7, &[wrap(1, b"other"), wrap(2, &wrap(1, &[b'a' + i]))].concat());
    let different: Vec<u8> =
        (0..4).flat_map(|i| wrap(1, &[summary.clone(), other(i)].concat())).collect();
    assert_eq!(refusal(metric(b"s", 11, &different)), Reason::TooLarge);
    // Of one and the same series nothing is built, but each point is read for each quantile.
    assert_eq!(refusal(metric(b"s", 11, &wrap(1, &summary).repeat(30))), Reason::TooLarge);

    // Beyond that many, a summary is refused alone.
    let many = metric(b"s", 11, &wrap(1, &[at(3, T0), quantiles(129)].concat()));
    let (batch, said) = otlp::metrics(&many, &DecodeLimits::default(), Some(NOW)).expect("taken");
    assert_eq!((batch.points.len(), said.points.total()), (0, 1));

    // A bucket of one byte becomes sixteen.
    let counts = wrap(8, &wrap(2, &[1; 10_000]));
    let point = [at(3, T0), at(4, 10_000), vec![6 << 3, 20], counts].concat();
    let exponential = [wrap(1, &point).repeat(1_000), vec![2 << 3, 2]].concat();
    assert_eq!(refusal(metric(b"e", 10, &exponential)), Reason::TooLarge);
}

#[test]
fn numbers_in_json_do_not_grow_beyond_the_cap() {
    let lists = [
        r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[{"bucketCounts":["#,
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"#,
    ];
    let limits = DecodeLimits { bytes: 1 << 20, ..DecodeLimits::default() };
    let zeros = [lists[0], &"0,".repeat(500_000)].concat();
    let names = [lists[1], &"1e308,\"name\":".repeat(50_000)].concat();
    for text in [zeros, names] {
        let refused = json::any(text.as_bytes(), &limits, Some(NOW)).expect_err("too much");
        assert_eq!(refused.reason, Reason::TooLarge, "{refused}");
    }
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
