//! The recorder beside others: `cargo bench -p longpole-sdk [-- quick | gate]`.
//!
//! Time is processor time of the instrumented thread, in bursts that take turns, medians of many; only ratios mean
//! something. `gate` counts instructions, allocations and system calls only, and fails when a goal is missed; with
//! `--features off` also when anything is left of a span.

#[path = "spans/cases.rs"]
mod cases;
#[path = "spans/clocks.rs"]
mod clocks;
#[path = "spans/counts.rs"]
mod counts;
#[path = "spans/load.rs"]
mod load;
#[path = "spans/setup.rs"]
mod setup;

use cases::{SPANS, UNSAMPLED};
use setup::Setup;
use std::collections::BTreeMap;
use std::time::Duration;

/// Traces of a burst: what fits into a ring with room to spare.
const BURST: usize = 100;

fn main() {
    setup::sink();
    if counts::counted() {
        return;
    }
    let asked = |word: &str| std::env::args().any(|a| a == word);
    let mut goals = Goals::default();
    let setup = Setup::new(true);
    counted(&mut goals);
    if asked("gate") {
        let met = goals.print();
        drop(setup);
        std::process::exit(i32::from(!met));
    }
    let rounds = if asked("quick") { 60 } else { 400 };
    timed(&setup, rounds, &mut goals);
    load::overload(&setup, &mut goals);
    load::two_threads(&mut goals);
    load::steady(rounds, &mut goals);
    goals.print();
}

/// What came out, beside what was asked for.
#[derive(Default)]
pub struct Goals(Vec<(String, f64, f64, f64)>);

impl Goals {
    /// A row: what, the figure, must, stretch (both "at most").
    pub fn row(&mut self, what: &str, figure: f64, must: f64, stretch: f64) {
        self.0.push((what.to_owned(), figure, must, stretch));
    }

    /// Whether every must is met.
    fn print(&self) -> bool {
        println!("\n{:<58} {:>8} {:>6} {:>8}", "goal", "figure", "must", "stretch");
        let mut met = true;
        for (what, figure, must, stretch) in &self.0 {
            let word = match () {
                () if figure <= stretch => "stretch",
                () if figure <= must => "met",
                () => "MISSED",
            };
            met &= figure <= must;
            println!("{what:<58} {figure:>8.3} {must:>6.2} {stretch:>8.2}  {word}");
        }
        met
    }
}

fn counted(goals: &mut Goals) {
    println!("counted: instructions a span (system calls in all) [allocations a span]");
    let counts: BTreeMap<&str, counts::Count> = counts::COUNTED
        .iter()
        .filter_map(|(name, _, spans)| Some((*name, counts::count(name, *spans, &["--bench"])?)))
        .collect();
    if counts.is_empty() {
        println!(
            "!! valgrind is not there or does not run: instructions and system calls NOT counted"
        );
    }
    for (name, count) in &counts {
        println!("  {name:<24} {:>8.1} ({})", count.instructions, count.calls);
    }
    let ratio = |own: &str| {
        let theirs = counts.get("fastrace_static")?;
        Some(counts.get(own)?.instructions / theirs.instructions)
    };
    // Static: literals of the program. Texts that are known at run time only are copied, which fastrace does not.
    if let (Some(fixed), Some(copied)) = (ratio("longpole_literal"), ratio("longpole_static")) {
        goals.row("7 instructions, 4 static attributes, x fastrace", fixed, 0.40, 0.25);
        goals.row("  (the same as texts of run time)", copied, 1.0, 0.40);
    }
    if !counts.is_empty() {
        let own = counts.iter().filter(|(n, _)| n.starts_with("longpole"));
        goals.row("8 system calls", own.map(|(_, c)| c.calls).sum(), 0.0, 0.0);
    }
    if cfg!(feature = "off") {
        let own = counts.iter().filter(|(n, _)| n.starts_with("longpole"));
        let most = own.map(|(_, c)| c.instructions).fold(f64::NAN, f64::max);
        // Of 220 spans and more the loop around them is left, or not even that.
        goals.row("turned off at compile time: instructions a span", most, 0.1, 0.1);
    }
    let mut own = 0.0;
    for (name, run, spans) in counts::COUNTED {
        let each = counts::allocations(run, spans);
        println!("  {name:<24} [{each:.3}]");
        own += if name.starts_with("longpole") { each } else { 0.0 };
    }
    goals.row("8 allocations", own, 0.0, 0.0);
}

fn timed(setup: &Setup, rounds: usize, goals: &mut Goals) {
    type Case<'a> = (&'a str, Box<dyn Fn() + 'a>, usize);
    let under = |layer: &tracing::Dispatch, run: fn(usize)| {
        let layer = layer.clone();
        move || tracing::dispatcher::with_default(&layer, || run(BURST))
    };
    let plain = |run: fn(usize)| move || run(BURST);
    let cases: Vec<Case<'_>> = vec![
        ("longpole bare", Box::new(plain(cases::longpole_bare)), SPANS),
        ("fastrace bare", Box::new(plain(cases::fastrace_bare)), SPANS),
        ("longpole static", Box::new(plain(cases::longpole_static)), SPANS),
        ("longpole literal", Box::new(plain(cases::longpole_literal)), SPANS),
        ("fastrace static", Box::new(plain(cases::fastrace_static)), SPANS),
        ("otel static", Box::new(plain(cases::otel_static)), SPANS),
        ("longpole layer static", Box::new(under(&setup.own_layer, cases::tracing_static)), SPANS),
        ("tracing-otel static", Box::new(under(&setup.otel_layer, cases::tracing_static)), SPANS),
        ("longpole mixed", Box::new(plain(cases::longpole_mixed)), SPANS),
        ("fastrace mixed", Box::new(plain(cases::fastrace_mixed)), SPANS),
        ("longpole root", Box::new(plain(cases::longpole_root)), 1),
        ("fastrace root", Box::new(plain(cases::fastrace_root)), 1),
        ("longpole unsampled", Box::new(plain(cases::longpole_unsampled)), UNSAMPLED),
        ("fastrace unsampled", Box::new(plain(cases::fastrace_unsampled)), UNSAMPLED),
    ];
    let mut seen: Vec<Vec<f64>> = vec![Vec::new(); cases.len()];
    for round in 0..rounds {
        for turn in 0..cases.len() {
            let at = (turn + round) % cases.len();
            let (_, run, spans) = &cases[at];
            std::thread::sleep(Duration::from_millis(6));
            let before = clocks::thread();
            run();
            seen[at].push((clocks::thread() - before) / (BURST * spans) as f64);
        }
    }
    println!("\nprocessor nanoseconds a span, median of {rounds} bursts");
    let mut medians = BTreeMap::new();
    for ((name, ..), values) in cases.iter().zip(&mut seen) {
        let median = clocks::median(values);
        println!("  {name:<24} {median:>8.1}");
        medians.insert(*name, median);
    }
    let ratio = |own: &str, other: &str| medians[own] / medians[other];
    goals.row(
        "1 4 static attributes, x fastrace",
        ratio("longpole static", "fastrace static"),
        0.55,
        0.40,
    );
    goals.row("1 the same as literals", ratio("longpole literal", "fastrace static"), 0.55, 0.40);
    goals.row("2 no attributes, x fastrace", ratio("longpole bare", "fastrace bare"), 0.65, 0.50);
    goals.row(
        "3 mixed attributes, x fastrace",
        ratio("longpole mixed", "fastrace mixed"),
        0.30,
        0.20,
    );
    goals.row(
        "4 4 static attributes, x otel in_span",
        ratio("longpole static", "otel static"),
        0.18,
        0.13,
    );
    let theirs = "tracing-otel static";
    goals.row(
        "4 4 static attributes, x tracing-otel",
        ratio("longpole static", theirs),
        0.05,
        0.035,
    );
    goals.row(
        "  (our tracing layer, x tracing-otel)",
        ratio("longpole layer static", theirs),
        1.0,
        0.5,
    );
    goals.row("5 root alone, x fastrace", ratio("longpole root", "fastrace root"), 0.45, 0.30);
    let own = ratio("longpole unsampled", "fastrace unsampled");
    goals.row("6 unsampled trace, x fastrace", own, 0.50, 0.25);
}
