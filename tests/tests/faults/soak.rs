//! F18: the usual load for a long time: memory, descriptors and threads stay where they are. Some seconds in every check,
//! where nothing can be said of a slope yet; an hour with `LONGPOLE_SOAK_MINUTES=60`.

use crate::overload::{Load, SENDERS, send};
use crate::say;
use longpole_tests::collector::{Collector, wait_until};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_secs(15);
/// From here on a slope says something: what windows and names take is filled up by then.
const LONG: Duration = Duration::from_secs(20 * 60);
/// MiB in ten minutes.
const SLOPE: f64 = 1.0;
/// Descriptors and threads that come and go with connections and with work beside the network's threads.
const SOME: u64 = 12;

/// What a process holds.
#[derive(Clone, Copy)]
struct Sample {
    seconds: f64,
    mib: f64,
    descriptors: u64,
    threads: u64,
}

fn sample(pid: u32, since: Instant) -> Sample {
    let count = |what: &str| {
        std::fs::read_dir(format!("/proc/{pid}/{what}")).expect("the process lives").count() as u64
    };
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process lives");
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).expect("VmRSS");
    let kib: f64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number");
    Sample {
        seconds: since.elapsed().as_secs_f64(),
        mib: kib / 1024.0,
        descriptors: count("fd"),
        threads: count("task"),
    }
}

/// The least squares slope, MiB in ten minutes.
fn slope(samples: &[Sample]) -> f64 {
    let n = samples.len() as f64;
    let mean = |of: fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|s| s.seconds), mean(|s| s.mib));
    let both = samples.iter().map(|s| (s.seconds - x) * (s.mib - y)).sum::<f64>();
    let square = samples.iter().map(|s| (s.seconds - x).powi(2)).sum::<f64>();
    both / square * 600.0
}

#[test]
fn the_usual_load_for_long() {
    let minutes = std::env::var("LONGPOLE_SOAK_MINUTES").ok().and_then(|n| n.parse::<u64>().ok());
    let lasts = minutes.map_or(SHORT, |m| Duration::from_secs(m * 60));
    // Little memory, so that history is full before the second half.
    let collector = Collector::start(&["--memory", "128MiB", "--window", "2s", "--lateness", "2s"]);
    let (load, mut samples) = (Load::default(), Vec::new());
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (to, load) = (collector.http, &load);
            scope.spawn(move || send(to, load, sender));
        }
        let began = Instant::now();
        while began.elapsed() < lasts {
            std::thread::sleep((lasts / 60).min(Duration::from_secs(5)));
            assert!(!collector.metrics().is_empty());
            samples.push(sample(collector.pid(), began));
        }
        load.stop.store(true, Ordering::Relaxed);
    });
    let acknowledged = load.acknowledged.load(Ordering::Relaxed);
    wait_until(Duration::from_secs(5), "all are counted", || {
        collector.account("spans") == acknowledged
    });
    let (first, second) = samples.split_at(samples.len() / 2);
    let most =
        |of: fn(&Sample) -> u64, samples: &[Sample]| samples.iter().map(of).max().unwrap_or(0);
    let rise = slope(second);
    let [descriptors, threads] = [|s: &Sample| s.descriptors, |s: &Sample| s.threads]
        .map(|of: fn(&Sample) -> u64| (most(of, first), most(of, second)));
    say(&format!(
        "F18: {lasts:?} of the usual load: {acknowledged} spans, each counted; {:.1} MiB at the end, {rise:.2} MiB in ten \
         minutes over the second half (goal {SLOPE}, asked from {LONG:?} on); descriptors {descriptors:?}, threads \
         {threads:?} at most in each half",
        samples[samples.len() - 1].mib
    ));
    assert!(descriptors.1 <= descriptors.0 + SOME && threads.1 <= threads.0 + SOME);
    assert!(lasts < LONG || rise < SLOPE, "{rise} MiB in ten minutes");
    collector.terminate();
}
