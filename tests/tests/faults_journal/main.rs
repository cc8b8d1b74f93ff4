//! Faults of a collector with a journal: killed under load, told to stop under load, its disk full. An
//! oracle hands out batches, remembers each acknowledgement, and judges the account at the end.
//!
//! Each test prints its figure. What a crash may do to single bytes is tried beside the code; here are real
//! processes.

mod cost;
mod oracle;

use longpole_tests::collector::{Collector, wait_until};
use longpole_tests::exposition::sum;
use longpole_tests::figures::say;
use longpole_tests::spans::{request, span};
use oracle::{Dice, Oracle, Stop};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Kills; a long run says more with LONGPOLE_KILLS.
const KILLS: u64 = 20;
const SENDERS: u64 = 4;

const QUICK: [&str; 8] = ["--window", "1s", "--lateness", "1s", "--horizon", "1s", "--shards", "2"];

fn start(data: &str, more: &[&str]) -> Collector {
    let mut arguments = vec!["--data", data];
    arguments.extend(QUICK);
    arguments.extend(more);
    Collector::start(&arguments)
}

/// Waits until it takes requests; meanwhile no scrape may see less than there was.
fn serving(collector: &Collector) {
    wait_until(Duration::from_secs(30), "the journal is read again", || {
        let (ready, scrape) = (collector.get("/readyz").status, collector.get("/metrics").status);
        assert!(ready == 200 || ready == 503);
        ready == 200 && scrape == 200
    });
}

/// Kills of a test that does so many unless told otherwise.
fn kills(unless_told: u64) -> u64 {
    std::env::var("LONGPOLE_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(unless_told)
}

/// Kills a collector again and again, each life not before it has written so many checkpoints; gives back those that
/// all have written.
fn killed(what: &str, kills: u64, at_least: u64, more: &[&str]) -> u64 {
    let temp = tempfile::tempdir().expect("a folder");
    let data = temp.path().to_str().expect("a path");
    let (oracle, mut dice) = (Oracle::new(), Dice(0xdead_5eed));
    let mut restarts = Vec::new();
    let (mut counted, mut checkpoints) = (0, 0);
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let oracle = &oracle;
            scope.spawn(move || oracle.send(sender));
        }
        // A claim that fails must not leave senders that go on for ever.
        let _stop = Stop(&oracle);
        for kill in 0..=kills {
            let began = Instant::now();
            let collector = start(data, more);
            serving(&collector);
            restarts.push(began.elapsed());
            let text = collector.metrics();
            let calls = sum(&text, "traces_span_metrics_calls_total", &[]) as u64;
            assert!(calls >= counted, "a counter went back: {calls} after {counted}");
            oracle.at(Some(collector.http));
            if kill == kills {
                oracle.stop.store(true, Ordering::Relaxed);
                wait_until(Duration::from_secs(30), "the last batches are acknowledged", || {
                    let of = |n: &AtomicU64| n.load(Ordering::Relaxed);
                    of(&oracle.spans) == of(&oracle.acknowledged)
                });
                let (spans, duplicate) = oracle.judge(&collector);
                restarts.sort();
                let (median, worst) = (restarts[restarts.len() / 2], restarts[restarts.len() - 1]);
                say(&format!(
                    "F1{what}: {kills} kills, {spans} spans acknowledged: 0 lost, 0 twice; {duplicate} came \
                     again and were known, {} requests unsure, {checkpoints} checkpoints; restart to \
                     serving {median:?}, worst {worst:?}",
                    oracle.again.load(Ordering::Relaxed)
                ));
                collector.terminate();
                return;
            }
            std::thread::sleep(Duration::from_millis(300 + dice.below(2_500)));
            let mut written = 0;
            wait_until(Duration::from_secs(30), "checkpoints are written", || {
                let text = collector.metrics();
                counted = sum(&text, "traces_span_metrics_calls_total", &[]) as u64;
                written = sum(&text, "longpole_checkpoints_total", &[]) as u64;
                written >= at_least
            });
            checkpoints += written;
            std::thread::sleep(Duration::from_millis(dice.below(40)));
            oracle.at(None);
            // SIGKILL.
            drop(collector);
        }
    });
    checkpoints
}

#[test]
fn killed_under_load_nothing_acknowledged_is_lost_or_counted_twice() {
    let checkpoints = killed("", kills(KILLS), 0, &[]);
    assert!(kills(KILLS) < 15 || checkpoints > 0, "no checkpoint was ever written");
}

/// A journal that is always nearly full: checkpoints carry what is open, and nothing before them is kept.
#[test]
fn killed_with_a_small_journal_nothing_acknowledged_is_lost_or_counted_twice() {
    let small = Small::new("1MiB");
    // How often it is full is the machine's; each life has to meet it once.
    killed(", journal of 1 MiB", kills(KILLS / 2), 1, &small.arguments());
}

/// A setting that bounds the journal.
struct Small {
    _folder: tempfile::TempDir,
    config: String,
}

impl Small {
    fn new(bytes: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("longpole.yaml");
        std::fs::write(&config, format!("journal:\n  max_bytes: {bytes}\n")).expect("written");
        Self { config: config.to_str().expect("a path").to_owned(), _folder: folder }
    }

    fn arguments(&self) -> [&str; 2] {
        ["--config", &self.config]
    }
}

#[test]
fn told_to_stop_under_load_it_ends_in_order_and_goes_on() {
    let temp = tempfile::tempdir().expect("a folder");
    let data = temp.path().to_str().expect("a path");
    let oracle = Oracle::new();
    let mut worst = Duration::ZERO;
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let oracle = &oracle;
            scope.spawn(move || oracle.send(sender));
        }
        let _stop = Stop(&oracle);
        for life in 0..4u64 {
            let collector = start(data, &[]);
            serving(&collector);
            oracle.at(Some(collector.http));
            if life == 3 {
                oracle.stop.store(true, Ordering::Relaxed);
                wait_until(Duration::from_secs(30), "the last batches are acknowledged", || {
                    let of = |n: &AtomicU64| n.load(Ordering::Relaxed);
                    of(&oracle.spans) == of(&oracle.acknowledged)
                });
                let (spans, _) = oracle.judge(&collector);
                say(&format!("F17: 3 stops under load, {spans} spans: 0 lost; slowest {worst:?}"));
                collector.terminate();
                return;
            }
            std::thread::sleep(Duration::from_millis(1_500));
            let began = Instant::now();
            collector.terminate();
            worst = worst.max(began.elapsed());
            oracle.at(None);
        }
    });
    assert!(worst < Duration::from_secs(10));
}

/// With windows and horizon as they are unless somebody says: neither may be waited for.
#[test]
fn a_full_journal_takes_nothing_and_recovers() {
    let temp = tempfile::tempdir().expect("a folder");
    let data = temp.path().to_str().expect("a path");
    let small = Small::new("1MiB");
    let start = || Collector::start(&[&["--data", data][..], &small.arguments()].concat());
    let collector = start();
    serving(&collector);
    let headers = [("Content-Type", "application/x-protobuf")];
    let mut acknowledged = 0;
    let refused = loop {
        let body = request("faulty", (0..100).map(|_| span("op")).collect());
        let answer = collector.post("/v1/traces", &headers, &body);
        if answer.status != 200 {
            break answer;
        }
        acknowledged += 100;
        assert!(acknowledged < 1_000_000, "the cap does not hold");
    };
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.header("Retry-After"), Some("1"));
    let ready = collector.get("/readyz");
    assert_eq!(ready.status, 503, "{}", ready.text());
    assert!(ready.text().contains("journal.max_bytes"), "{}", ready.text());
    // A scrape is shared for a moment.
    wait_until(Duration::from_secs(5), "what was taken is counted, and nothing else", || {
        collector.account("spans") == acknowledged
    });
    let began = Instant::now();
    let mut send = || {
        let body = request("faulty", (0..100).map(|_| span("op")).collect());
        let taken = collector.post("/v1/traces", &headers, &body).status == 200;
        acknowledged += if taken { 100 } else { 0 };
        taken
    };
    wait_until(Duration::from_secs(60), "requests are taken again", || {
        send() && collector.is_ready()
    });
    let (first, mut taken, mut worst) = (began.elapsed(), 0u64, Duration::ZERO);
    // Senders that do not slow down: it is full again and again.
    let (began, mut last) = (Instant::now(), Instant::now());
    while began.elapsed() < Duration::from_secs(10) {
        if send() {
            (taken, worst, last) = (taken + 1, worst.max(last.elapsed()), Instant::now());
        } else {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    say(&format!(
        "F7: full at 1 MiB, taken again after {first:?} (goal 10 s); then {taken} requests in 10 s of as many as \
         go, at most {worst:?} apart"
    ));
    assert!(first.max(worst) <= Duration::from_secs(10));
    wait_until(Duration::from_secs(5), "what was taken is counted, and nothing else", || {
        collector.account("spans") == acknowledged
    });
    drop(collector);
    let collector = start();
    serving(&collector);
    assert_eq!(collector.account("spans"), acknowledged, "after a kill");
    collector.terminate();
}

#[test]
fn one_folder_one_collector() {
    let temp = tempfile::tempdir().expect("a folder");
    let data = temp.path().to_str().expect("a path");
    let first = start(data, &[]);
    let second = longpole_tests::binary::run(&[
        "collector",
        "--data",
        data,
        "--grpc",
        "127.0.0.1:0",
        "--http",
        "127.0.0.1:0",
        "--listen",
        "127.0.0.1:0",
    ]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(2), "{said}");
    assert!(said.contains("in use by another process"), "{said}");
    first.terminate();
}
