//! Rings drop the newest when they are full, are read whole, and go from thread to thread.

use super::*;

/// Records whose words all follow from the first one.
fn fill(place: &[AtomicU64], seed: u64) {
    let length = place.len() as u64;
    place[0].store(length | seed << 16, Ordering::Relaxed);
    for (i, word) in place.iter().enumerate().skip(1) {
        word.store(expected(seed, i), Ordering::Relaxed);
    }
}

fn expected(seed: u64, i: usize) -> u64 {
    crate::id::span((seed << 8 | i as u64) | 1) ^ seed
}

fn seed_of(record: &[AtomicU64]) -> u64 {
    let word = |i: usize| record[i].load(Ordering::Relaxed);
    let seed = word(0) >> 16;
    for i in 1..record.len() {
        assert_eq!(word(i), expected(seed, i), "word {i} of record {seed}");
    }
    seed
}

fn ring(words: usize) -> (&'static Ring, Writer) {
    let ring: &'static Ring = Box::leak(Box::new(Ring::new(words)));
    let writer = Writer::new();
    writer.take(ring);
    (ring, writer)
}

#[test]
fn a_full_ring_drops_the_newest_and_counts_it() {
    let (ring, writer) = ring(64);
    for seed in 0..10 {
        writer.write(10, 7, |place| fill(place, seed));
    }
    assert_eq!((ring.created(), ring.dropped()), (10, 4));
    assert_eq!((ring.dropped_at(7), ring.dropped_at(8)), (4, 0));
    let mut seen = Vec::new();
    ring.read(|record| {
        seen.push(seed_of(record));
        true
    });
    assert_eq!(seen, [0, 1, 2, 3, 4, 5]);
    assert_eq!(ring.waiting(), 0);
    writer.write(10, u32::MAX, |place| fill(place, 10));
    seen.clear();
    ring.read(|record| {
        seen.push(seed_of(record));
        true
    });
    assert_eq!(seen, [10], "there is room again, at the front");
}

#[test]
fn reading_may_stop_between_two_records() {
    let (ring, writer) = ring(64);
    for seed in 0..3 {
        writer.write(5, 0, |place| fill(place, seed));
    }
    let mut seen = Vec::new();
    for _ in 0..3 {
        ring.read(|record| {
            seen.push(seed_of(record));
            false
        });
    }
    assert_eq!(seen, [0, 1, 2]);
}

#[test]
fn a_ring_goes_from_thread_to_thread() {
    let (ring, writer) = ring(64);
    writer.write(5, 0, |place| fill(place, 1));
    let given = writer.release().expect("it has one");
    given.leave();
    assert!(!ring.is_free(), "not all is read");
    ring.read(|_| true);
    assert!(ring.is_free());
    let next = Writer::new();
    given.come();
    assert!(!ring.is_free(), "it is taken");
    next.take(given);
    next.write(5, 0, |place| fill(place, 2));
    let mut seen = Vec::new();
    ring.read(|record| {
        seen.push(seed_of(record));
        true
    });
    assert_eq!((seen, ring.created()), (vec![2], 2));
}

/// Two threads at full speed: every record is whole, in order, and accounted for.
#[test]
fn records_arrive_whole_whatever_the_pace() {
    let records = if cfg!(miri) { 2_000 } else { 300_000 };
    let ring: &'static Ring = Box::leak(Box::new(Ring::new(1 << 10)));
    let writing = std::thread::spawn(move || {
        let writer = Writer::new();
        writer.take(ring);
        for seed in 1..=records {
            let length = 1 + (crate::id::span(2 * seed + 1) % 40) as usize;
            writer.write(length, 0, |place| fill(place, seed));
            // Now and then the reader gets ahead.
            if seed % 64 == 0 && seed % 4096 < 2048 {
                std::thread::yield_now();
            }
        }
        writer.release().expect("its ring").leave();
    });
    let (mut last, mut read) = (0, 0);
    let mut pass = || {
        ring.read(|record| {
            let seed = seed_of(record);
            assert!(seed > last, "{seed} after {last}");
            (last, read) = (seed, read + 1);
            read % 7 != 0
        });
    };
    while !ring.is_free() {
        pass();
    }
    writing.join().expect("the writer lives");
    assert_eq!(ring.created(), records);
    assert_eq!(read + ring.dropped(), records);
    assert!(read > 0);
}
