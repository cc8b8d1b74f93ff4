//! Golden bytes of the wire form, quantiles against hdrhistogram, merging against recording.

use super::*;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};
use proptest::prelude::*;

const ONE: u64 = 1 << 16;

fn sketch(values: &[u64]) -> Sketch {
    let mut s = Sketch::default();
    values.iter().for_each(|&v| s.record(v, ONE));
    s
}

/// Golden bytes of the stored form.
#[test]
fn the_wire_form_is_frozen() {
    let bytes = sketch(&[0, 1, 255, 256, 1_000_000, SKETCH_MAX]).encode();
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(hex, GOLDEN);
}
const GOLDEN: &str = "1c849313000000180000000000000002000000000000000100004e94914f00003ff0000\
    000000000808008808008f903808008808008e517808008cf34808008";

#[test]
fn hostile_wire_forms_are_refused() {
    let good = sketch(&[5, 70_000, 1 << 40]).encode();
    for cut in 1..good.len() {
        assert_eq!(Sketch::decode(&good[..cut]), Err(BadSketch));
    }
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x80;
        let _ = Sketch::decode(&bad); // may be another sketch, must not panic or balloon
    }
    for number in [i64::MIN, -(1 << 40), i64::MAX] {
        let back = Sketch::decode(&wire::payload(&[number, number, 1]));
        assert_eq!(back.is_ok(), number > 0, "{number}");
    }
    let mut long = good;
    long[4..8].fill(0xff);
    assert_eq!(Sketch::decode(&long), Err(BadSketch), "four gigabytes that are not there");
}

/// What is beyond what the form can hold is not lost with all the rest.
#[test]
fn absurd_weights_are_cut() {
    let mut s = sketch(&[7]);
    s.record(9, u64::MAX);
    let back = Sketch::decode(&s.encode()).expect("own bytes");
    assert_eq!(back.buckets(), [(7, ONE), (9, i64::MAX as u64)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn buckets_hold_their_values(v in 0..=SKETCH_MAX) {
        let id = bucket_of(v);
        prop_assert!(bucket_low(id) <= v && v <= bucket_high(id));
        prop_assert!((bucket_high(id) - bucket_low(id)) as f64 <= 0.01 * v as f64);
        if id > 0 {
            prop_assert_eq!(bucket_high(id - 1) + 1, bucket_low(id));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn quantiles_are_hdrhistograms(
        values in prop::collection::vec((0..46u32, 0..1000u64), 1..200),
        q in 0.0..=1.0f64,
    ) {
        let values: Vec<u64> = values.iter().map(|(p, x)| (1u64 << p) + x).collect();
        let mut h = sketch(&[]).to_hdr();
        values.iter().for_each(|&v| h.saturating_record(v));
        prop_assert_eq!(sketch(&values).quantile(q), h.value_at_quantile(q).min(SKETCH_MAX));
    }

    #[test]
    fn the_wire_form_is_hdrhistograms(
        rows in prop::collection::vec((0..46u32, 0..1000u64, prop_oneof![
            Just(ONE), 1..5 * ONE, Just(ONE << 40),
        ]), 1..200),
    ) {
        let mut s = Sketch::default();
        rows.iter().for_each(|&(p, x, w)| s.record((1u64 << p) + x, w));
        let mut theirs = Vec::new();
        V2Serializer::new().serialize(&s.to_hdr(), &mut theirs).expect("a payload");
        prop_assert_eq!(s.encode(), theirs);
    }

    /// Whatever numbers stand behind the header, and wherever they are cut off.
    #[test]
    fn reading_is_hdrhistograms(
        numbers in prop::collection::vec(prop_oneof![
            4 => 0..300i64, 4 => -200..0i64, 2 => -5_300..-4_900i64, 1 => -i64::MAX..i64::MAX,
        ], 0..40),
        lost in prop_oneof![3 => Just(0usize), 1 => 0..12usize],
    ) {
        let mut bytes = wire::payload(&numbers);
        let whole = bytes.len();
        bytes.truncate((whole - lost.min(whole)).max(40));
        let counts = (bytes.len() - 40) as u32;
        bytes[4..8].copy_from_slice(&counts.to_be_bytes());
        let ours = Sketch::decode(&bytes);
        let theirs = Deserializer::new().deserialize::<u64, _>(&mut bytes.as_slice());
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => {
                let rows = theirs.iter_recorded();
                let rows = rows.map(|v| (bucket_of(v.value_iterated_to()), v.count_at_value()));
                prop_assert_eq!(ours.buckets(), rows.collect::<Vec<_>>());
            }
            (Err(_), Err(_)) => {}
            // Its array goes on for a little behind 24 h.
            (Err(_), Ok(theirs)) => prop_assert!(theirs.max() > bucket_high(bucket_of(SKETCH_MAX))),
            (Ok(ours), Err(e)) => prop_assert!(false, "{ours:?}, {e}"),
        }
    }

    #[test]
    fn weights_of_any_size_add_up(
        rows in prop::collection::vec((0..300u64, prop_oneof![
            Just(ONE), 1..5 * ONE, Just(ONE << 40), Just(u64::MAX / 4),
        ]), 1..300),
    ) {
        let (mut fast, mut plain) = (Sketch::default(), std::collections::BTreeMap::new());
        for &(v, w) in &rows {
            fast.record(v * v * 1_000, w);
            let n: &mut u64 = plain.entry(bucket_of(v * v * 1_000)).or_default();
            *n = n.saturating_add(w);
        }
        prop_assert_eq!(fast.buckets(), plain.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn merging_is_recording(
        a in prop::collection::vec(0..SKETCH_MAX, 0..150),
        b in prop::collection::vec(0..SKETCH_MAX, 0..150),
    ) {
        let mut merged = sketch(&a);
        merged.merge(&sketch(&b));
        let mut all = b.clone();
        all.extend(&a);
        prop_assert_eq!(&merged, &sketch(&all));
        prop_assert_eq!(Sketch::decode(&merged.encode()), Ok(merged));
    }

    /// Few, many, great, parts of spans: all forms, and all pairs of them.
    #[test]
    fn forms_do_not_show(
        lists in prop::collection::vec((1..200u64, prop::collection::vec((0..1_000u64, prop_oneof![
            Just(ONE), Just(ONE), Just(200 * ONE), Just(70_000 * ONE), Just(600_000 * ONE), 1..3 * ONE,
        ]), 0..150)), 2..9),
    ) {
        let mut plain = std::collections::BTreeMap::new();
        let mut sketches = Vec::new();
        for (most, rows) in &lists {
            let mut sketch = Sketch::default();
            for (v, w) in rows {
                let (v, w) = (v % most * 7_000, w / (most % 2 + 1));
                sketch.record(v, w);
                if w > 0 {
                    *plain.entry(bucket_of(v)).or_insert(0u64) += w;
                }
            }
            prop_assert_eq!(Sketch::decode(&sketch.encode()), Ok(sketch.clone()));
            sketches.push(sketch);
        }
        let (first, others) = sketches.split_first().expect("two at least");
        let want: Vec<(u16, u64)> = plain.into_iter().collect();
        let (mut merged, mut absorbed) = (first.clone(), first.clone());
        others.iter().for_each(|b| merged.merge(b));
        prop_assert_eq!(merged.buckets(), want.clone());
        others.iter().for_each(|b| absorbed.absorb(b.clone()));
        prop_assert_eq!(absorbed.buckets(), want.clone());
        prop_assert_eq!(&absorbed, &merged);
        // The second time in the same room: nothing may have been left in it.
        let mut gather = Gather::default();
        for _ in 0..2 {
            let mut joined = first.clone();
            joined.join(others.to_vec().iter_mut(), &mut gather);
            prop_assert_eq!(joined.buckets(), want.clone());
            prop_assert_eq!(&joined, &merged);
        }
    }
}
