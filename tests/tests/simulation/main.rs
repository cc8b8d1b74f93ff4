//! The whole road in simulation: producers, a network, a log, two collectors. One seed decides the clock, the
//! network and every crash; the code under test is the collector's own (decoder, dedupe, engine, analyst,
//! checkpoint, memory log), in one thread.
//!
//! `LONGPOLE_SIMULATION_SEEDS=50000 cargo test -p longpole-tests --test simulation` runs more of them,
//! `LONGPOLE_SIMULATION_SEED=n` only that one, and says what happened in it.

mod judge;
mod owner;
mod shelf;
mod traffic;
mod world;

use longpole_tests::figures::say;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use world::{Figures, Flaw, World};

/// Seeds in every check of a change.
const SEEDS: u64 = 1_000;
/// Seeds that a broken collector gets to be found out.
const TRIES: u64 = 40;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|n| n.parse().ok())
}

/// Runs seeds on all cores; gives figures and what was found, by seed.
fn run(seeds: std::ops::Range<u64>, flaw: Option<Flaw>) -> (Figures, BTreeMap<u64, Vec<String>>) {
    let next = AtomicU64::new(seeds.start);
    let all = Mutex::new((Figures::default(), BTreeMap::new()));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let one = || World::new(seed, flaw).run();
                    let (figures, wrong) = std::panic::catch_unwind(one)
                        .unwrap_or_else(|_| (Figures::default(), vec!["it panicked".into()]));
                    let mut all = all.lock().expect("no run panics while it holds this");
                    all.0.add(&figures);
                    if !wrong.is_empty() {
                        all.1.insert(seed, wrong);
                    }
                }
            });
        }
    });
    all.into_inner().expect("no run panicked")
}

#[test]
fn whatever_the_seed_the_account_is_even_and_a_restart_says_what_no_restart_says() {
    let seeds = match variable("LONGPOLE_SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("LONGPOLE_SIMULATION_SEEDS").unwrap_or(SEEDS),
    };
    let (began, many) = (Instant::now(), seeds.end - seeds.start);
    let (figures, wrong) = run(seeds, None);
    say(&format!("simulation: {many} seeds in {:.0?}: {figures}", began.elapsed()));
    for (seed, wrong) in wrong.iter().take(5) {
        say(&format!("seed {seed}: {}", wrong.join("\n  ")));
    }
    if let Some((seed, _)) = wrong.first_key_value() {
        panic!("{} seeds failed; again with LONGPOLE_SIMULATION_SEED={seed}", wrong.len());
    }
    if many >= SEEDS {
        figures.all_kinds();
    }
}

/// A judge that cannot find fault is none: collectors that are broken in one way each.
#[test]
fn every_flaw_is_found() {
    for flaw in Flaw::ALL {
        let (_, wrong) = run(0..TRIES, Some(flaw));
        let first = wrong.values().next().map_or("nothing", |w| w[0].as_str());
        let first: String = first.chars().take(160).collect();
        say(&format!("{flaw:?}: found in {} of {TRIES} seeds, first: {first}", wrong.len()));
        assert!(!wrong.is_empty(), "{flaw:?} was not found");
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in [3, 77] {
        let (a, b) = (World::new(seed, None).run(), World::new(seed, None).run());
        assert_eq!(a, b);
    }
}
