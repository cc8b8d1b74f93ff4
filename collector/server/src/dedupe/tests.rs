//! Sequence windows against a plain list of everything that came; gaps; bounds; fingerprints.

use super::*;
use longpole_model::signal::{SpanId, SpanRecord, Timestamp, TraceId};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn batch(sequence: u64) -> Producer {
    Producer { id: [7; 16], shard: 3, sequence }
}

fn listed(dedupe: &Dedupe) -> Vec<(u64, u64)> {
    dedupe.gaps().map(|g| (g.first, g.last)).collect()
}

/// What is said with everything remembered: the definition.
#[derive(Default)]
struct Plain {
    came: BTreeSet<u64>,
}

impl Plain {
    fn see(&mut self, sequence: u64) -> Verdict {
        let highest = self.came.last().copied().unwrap_or(sequence);
        if sequence + WINDOW <= highest {
            return Verdict::Stale;
        }
        if self.came.insert(sequence) { Verdict::Fresh } else { Verdict::Duplicate }
    }

    /// Sequences between the first that came and the window's low end that never came.
    fn missing(&self) -> u64 {
        let (Some(first), Some(last)) = (self.came.first(), self.came.last()) else { return 0 };
        let low = last.saturating_sub(WINDOW - 1);
        let came = self.came.range(first..&low.max(*first)).count() as u64;
        low.saturating_sub(*first) - came
    }
}

/// Steps of a producer: mostly ahead, some back, some far.
fn steps() -> impl Strategy<Value = Vec<i64>> {
    let step = prop_oneof![
        20 => 1i64..3,
        8 => -40i64..40,
        2 => -70_000i64..70_000,
        1 => 0i64..300_000,
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn verdicts_and_gaps_are_those_of_a_full_memory(from in 1u64..200_000, steps in steps()) {
        let (mut dedupe, mut plain) = (Dedupe::default(), Plain::default());
        let mut at = from;
        for step in steps {
            at = at.saturating_add_signed(step).max(from);
            prop_assert_eq!(dedupe.see(batch(at)), plain.see(at), "at {}", at);
            let back = at.saturating_sub(3).max(from);
            prop_assert_eq!(dedupe.see(batch(back)), plain.see(back), "back at {}", back);
        }
        prop_assert_eq!(dedupe.counted().missing, plain.missing());
        let (first, last) = (plain.came.first().copied(), plain.came.last().copied());
        let span = last.unwrap_or(0) - first.unwrap_or(0) + u64::from(first.is_some());
        let missing = dedupe.counted().missing + dedupe.awaited();
        prop_assert_eq!(span, plain.came.len() as u64 + missing);
    }

    #[test]
    fn no_sequence_panics(sequences in prop::collection::vec(any::<u64>(), 1..40)) {
        let mut dedupe = Dedupe::new(4, Before::Nothing);
        for s in sequences {
            dedupe.see(batch(s));
            dedupe.see(batch(u64::MAX - s));
        }
    }
}

#[test]
fn a_gap_is_named_when_it_leaves_the_window() {
    let mut dedupe = Dedupe::default();
    for s in (1..=100).filter(|s| !(40..=44).contains(s) && *s != 60) {
        assert_eq!(dedupe.see(batch(s)), Verdict::Fresh);
    }
    assert_eq!((dedupe.awaited(), dedupe.counted().missing), (6, 0));
    assert_eq!(dedupe.see(batch(60)), Verdict::Fresh, "a hole may still be filled");
    for s in 101..=WINDOW + 50 {
        dedupe.see(batch(s));
    }
    assert_eq!((dedupe.awaited(), dedupe.counted().missing), (0, 5));
    assert_eq!(listed(&dedupe), [(40, 44)]);
    assert_eq!(dedupe.see(batch(42)), Verdict::Stale);
    assert_eq!(dedupe.counted().stale, 1);
}

#[test]
fn who_begins_here_is_missed_from_the_first() {
    let mut dedupe = Dedupe::new(8, Before::Nothing);
    assert_eq!(dedupe.see(batch(5)), Verdict::Fresh);
    assert_eq!(dedupe.awaited(), 4);
    assert_eq!(dedupe.see(batch(2)), Verdict::Fresh);
    assert_eq!(dedupe.see(batch(2)), Verdict::Duplicate);
    let other = Producer { id: [8; 16], shard: 0, sequence: WINDOW + 10 };
    assert_eq!(dedupe.see(other), Verdict::Fresh);
    assert_eq!(listed(&dedupe), [(1, 10)], "outside of the window at once");
}

#[test]
fn the_least_used_window_makes_room_and_its_holes_are_named() {
    let mut dedupe = Dedupe::new(2, Before::Unknown);
    let of = |id: u8, sequence| Producer { id: [id; 16], shard: u32::MAX, sequence };
    for (id, sequence) in [(1, 1), (1, 4), (2, 1), (1, 5), (3, 1)] {
        assert_eq!(dedupe.see(of(id, sequence)), Verdict::Fresh);
    }
    assert_eq!((dedupe.windows(), dedupe.counted().forgotten), (2, 1));
    assert_eq!(dedupe.see(of(1, 4)), Verdict::Duplicate, "the other one was forgotten");
    assert_eq!(dedupe.see(of(2, 1)), Verdict::Fresh);
    assert_eq!(dedupe.counted().forgotten, 2);
    dedupe.see(of(4, 1));
    assert_eq!(listed(&dedupe), [(2, 3)]);
}

#[test]
fn a_resent_request_is_known_by_what_it_holds() {
    let span = |n: u64| SpanRecord {
        trace: TraceId([(n % 250) as u8 + 1; 16]),
        span: SpanId((n + 1).to_le_bytes()),
        ..SpanRecord::default()
    };
    let print = |from: u64| {
        let mut spans: Vec<SpanRecord> = (from..from + 20).map(span).collect();
        let there = Fingerprint::of(&spans);
        spans.reverse();
        assert_eq!(Fingerprint::of(&spans), there, "in whatever order");
        there.expect("spans")
    };
    assert_eq!(Fingerprint::of(&[]), None);
    let mut seen = Fingerprints::new(100);
    for n in 0..100 {
        assert_eq!(seen.see(print(n), Timestamp(n)), Verdict::Fresh);
        assert_eq!(seen.see(print(n / 2), Timestamp(n)), Verdict::Duplicate);
    }
    assert_eq!((seen.duplicates(), seen.reach(Timestamp(120))), (100, Some(120)));
    assert_eq!(seen.see(print(500), Timestamp(500)), Verdict::Fresh);
    assert_eq!(seen.see(print(0), Timestamp(501)), Verdict::Fresh, "out of reach");
    let stored = postcard::to_stdvec(&seen).expect("a stored form");
    let mut back: Fingerprints = postcard::from_bytes(&stored).expect("own form");
    assert_eq!(back, seen);
    assert_eq!(back.see(print(0), Timestamp(502)), Verdict::Duplicate);
}
