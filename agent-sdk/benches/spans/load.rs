//! Under load: more spans than anybody could take, two threads, and a steady rate with its slowest spans.

use super::cases::{self, SPANS};
use super::setup::Setup;
use super::{Goals, clocks};
use fastrace::local::LocalSpan;
use longpole_sdk::span;
use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::time::{Duration, Instant};

type Run = fn(usize);

/// Bursts with pauses: processor nanoseconds a span when nothing is full.
fn unloaded(run: Run, bursts: usize) -> f64 {
    let mut seen = Vec::new();
    for _ in 0..bursts {
        std::thread::sleep(Duration::from_millis(6));
        let before = clocks::thread();
        run(100);
        seen.push((clocks::thread() - before) / (100 * SPANS) as f64);
    }
    clocks::median(&mut seen)
}

/// No pauses: processor nanoseconds a span of the thread, and of the process.
fn loaded(run: Run, time: Duration) -> (f64, f64, u64) {
    let (began, thread, process) = (Instant::now(), clocks::thread(), clocks::process());
    let mut spans = 0;
    while began.elapsed() < time {
        run(100);
        spans += (100 * SPANS) as u64;
    }
    let each = |now: f64, before: f64| (now - before) / spans as f64;
    (each(clocks::thread(), thread), each(clocks::process(), process), spans)
}

/// As fast as one thread can.
pub fn overload(setup: &Setup, goals: &mut Goals) {
    let time = Duration::from_secs(2);
    assert!(setup.guard.flush(Duration::from_secs(20)), "what came before is sent");
    let before = longpole_sdk::stats();
    let calm = unloaded(cases::longpole_static, 100);
    let (own, own_process, spans) = loaded(cases::longpole_static, time);
    let (theirs, their_process, _) = loaded(cases::fastrace_static, time);
    assert!(setup.guard.flush(Duration::from_secs(30)), "all is sent");
    let after = longpole_sdk::stats();
    let dropped = after.dropped() - before.dropped();
    println!(
        "\noverload, {spans} spans: {own:.1} ns of the thread a span, {own_process:.1} of the process"
    );
    println!(
        "  fastrace, no encoding: {theirs:.1} of the thread, {their_process:.1} of the process"
    );
    println!(
        "  created {} = sent {} + dropped {dropped} ({:?})",
        after.created - before.created,
        after.sent - before.sent,
        longpole_sdk::dropped_by_call_site(),
    );
    let off = after.created.abs_diff(after.sent + after.dropped() + after.queued) + after.queued;
    goals.row("11 overload, thread, x own unloaded", own / calm, 1.3, 1.15);
    goals.row("11 spans unaccounted for", off as f64, 0.0, 0.0);
    goals.row(
        "12 overload, process with OTLP, x fastrace without",
        own_process / their_process,
        0.6,
        0.4,
    );
}

/// Two threads beside one.
pub fn two_threads(goals: &mut Goals) {
    let one = unloaded(cases::longpole_static, 200);
    let threads: Vec<_> =
        (0..2).map(|_| std::thread::spawn(|| unloaded(cases::longpole_static, 200))).collect();
    let both: Vec<f64> = threads.into_iter().map(|t| t.join().expect("it ends")).collect();
    println!("\none thread {one:.1} ns a span, two {both:.1?}");
    goals.row("10 two threads, x one", both.iter().sum::<f64>() / 2.0 / one, 1.15, 1.05);
}

/// 110,000 spans a second; gives the time that 999 of 1,000 children stay below, nanoseconds.
fn slowest(spans: usize, child: impl Fn()) -> f64 {
    let mut seen = Vec::with_capacity(spans);
    let began = Instant::now();
    for i in 0..spans {
        let at = began + Duration::from_nanos(9_091 * i as u64);
        while Instant::now() < at {
            std::hint::spin_loop();
        }
        let start = Instant::now();
        child();
        seen.push(start.elapsed().as_nanos() as u32);
    }
    seen.sort_unstable();
    f64::from(seen[seen.len() * 999 / 1_000])
}

/// A steady rate, a second at a time, in turns.
pub fn steady(rounds: usize, goals: &mut Goals) {
    let texts = black_box(["GET", "/cart/{id}", "shop.example", "1.1"]);
    let (mut empty, mut own, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..(rounds / 50).max(2) {
        empty.push(slowest(110_000, || ()));
        let (here, count) = (RefCell::new(Some(span!("root"))), Cell::new(0));
        own.push(slowest(110_000, || {
            count.set(count.get() + 1);
            if count.get() % 11 == 0 {
                *here.borrow_mut() = None;
                *here.borrow_mut() = Some(span!("root"));
                return;
            }
            let [method, route, host, version] = texts;
            let _child =
                span!("child", method = method, route = route, host = host, version = version);
        }));
        drop(here);
        // A root for every ten: its collector keeps a trace until its root ends.
        let fresh = || {
            let root = fastrace::Span::root("root", fastrace::prelude::SpanContext::random());
            (root.set_local_parent(), root)
        };
        let (here, count) = (RefCell::new(Some(fresh())), Cell::new(0));
        theirs.push(slowest(110_000, || {
            count.set(count.get() + 1);
            if count.get() % 11 == 0 {
                *here.borrow_mut() = None;
                *here.borrow_mut() = Some(fresh());
                return;
            }
            let [method, route, host, version] = texts;
            let _child = LocalSpan::enter_with_local_parent("child").with_properties(|| {
                [("method", method), ("route", route), ("host", host), ("version", version)]
            });
        }));
    }
    let [empty, own, theirs] = [&mut empty, &mut own, &mut theirs].map(|v| clocks::median(v));
    println!(
        "\np99.9 at 110,000 spans a second: empty {empty} ns, longpole {own} ns, fastrace {theirs} ns"
    );
    goals.row("9 child p99.9, x fastrace", own / theirs, 0.50, 0.30);
}
