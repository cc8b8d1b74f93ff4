//! F9: wall clocks that jump (libfaketime): of a running collector, an hour ahead, back, an hour behind, back across a
//! window; and of a machine between two lives of one with a journal. Half of the load comes from the same machine, whose
//! times jump along, half from another one.

use crate::say;
use longpole_tests::collector::{Collector, wait_until};
use longpole_tests::exposition::sum;
use longpole_tests::process::signal;
use longpole_tests::spans::{request, some};
use opentelemetry_proto::tonic::trace::v1::Span;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3_600;
/// Where the clock stands beside the true one, seconds, one after the other.
const JUMPS: [i64; 7] = [0, HOUR, 0, -HOUR, 0, 7, -5];
const STAYS: Duration = Duration::from_secs(4);
const QUICK: [&str; 8] = ["--window", "1s", "--lateness", "1s", "--horizon", "2s", "--shards", "2"];

/// A clock that a collector can be started under.
struct Clock {
    library: String,
    folder: tempfile::TempDir,
}

impl Clock {
    /// `None` where the library, as Debian installs it, is not there.
    fn new() -> Option<Self> {
        let found = std::fs::read_dir("/usr/lib").ok()?.flatten().find_map(|folder| {
            let file = folder.path().join("faketime/libfaketimeMT.so.1");
            file.exists().then_some(file)
        });
        let required = std::env::var("LONGPOLE_REQUIRE_FAKETIME").as_deref() == Ok("1");
        assert!(found.is_some() || !required, "libfaketime is required and not there");
        let Some(library) = found else {
            say(
                "\n!! SKIPPED: F9 with a real process: libfaketime is not installed (Debian: faketime)",
            );
            return None;
        };
        let clock =
            Self { library: text(&library), folder: tempfile::tempdir().expect("a folder") };
        clock.set(0);
        Some(clock)
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("clock")
    }

    /// Moves it to so many seconds beside the true time; by rename, since half a number is another one.
    fn set(&self, by: i64) {
        let draft = self.folder.path().join("draft");
        std::fs::write(&draft, format!("{by:+}\n")).expect("written");
        std::fs::rename(&draft, self.file()).expect("renamed");
    }

    fn start(&self, more: &[&str]) -> Collector {
        let environment = [
            ("LD_PRELOAD", self.library.clone()),
            ("FAKETIME_TIMESTAMP_FILE", text(&self.file())),
            ("FAKETIME_NO_CACHE", "1".into()),
            // A system's monotonic clock does not jump, either.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            ("DONT_FAKE_MONOTONIC", "1".into()),
        ];
        Collector::start_under(&environment, &[&QUICK[..], more].concat())
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("a path").to_owned()
}

fn moved(spans: Vec<Span>, by: i64) -> Vec<Span> {
    let shift = |t: u64| t.saturating_add_signed(by * SECOND);
    let one = |s: Span| Span {
        start_time_unix_nano: shift(s.start_time_unix_nano),
        end_time_unix_nano: shift(s.end_time_unix_nano),
        ..s
    };
    spans.into_iter().map(one).collect()
}

/// Sends for a while, from a machine whose clock is off and from another one; gives the spans.
fn load(collector: &Collector, by: i64, stays: Duration) -> u64 {
    let headers = [("Content-Type", "application/x-protobuf")];
    let (began, mut sent, mut calls) = (Instant::now(), 0, 0.0);
    while began.elapsed() < stays {
        for (service, by) in [("here", by), ("elsewhere", 0)] {
            let body = request(service, moved(some(50), by));
            let answer = collector.post("/v1/traces", &headers, &body);
            assert_eq!(answer.status, 200, "{by:+} s: {}", answer.text());
            sent += 50;
        }
        let now = collector.sum("traces_span_metrics_calls_total", &[]);
        assert!(now >= calls, "a counter went back: {now} after {calls}");
        calls = now;
        // The pace of the load.
        std::thread::sleep(Duration::from_millis(50));
    }
    sent
}

/// Each span counted once and none refused, nothing found that is not there; gives what became of them.
fn judge(collector: &Collector, sent: u64) -> String {
    wait_until(Duration::from_secs(10), "all are counted", || collector.account("spans") == sent);
    let text = collector.metrics();
    let recorded = |place: &str| {
        sum(&text, "longpole_recorded_items_total", &[("signal", "spans"), ("in", place)])
    };
    let [window, skewed, late] = ["window", "skewed", "late"].map(recorded);
    let calls = sum(&text, "traces_span_metrics_calls_total", &[]);
    assert_eq!((calls as u64, (window + skewed + late) as u64), (sent, sent), "each once");
    assert_eq!(collector.table("/api/v1/investigations")["total"], 0, "nothing happened");
    format!(
        "{sent} spans, each once: {window} in their window, {skewed} at their arrival, {late} late; 0 findings"
    )
}

#[test]
fn the_clock_of_a_running_collector_jumps() {
    let Some(clock) = Clock::new() else { return };
    let collector = clock.start(&[]);
    let (began, mut sent, mut windows) = (Instant::now(), 0, 0.0);
    for by in JUMPS {
        clock.set(by);
        sent += load(&collector, by, STAYS);
        let now = collector.sum("longpole_windows_closed_total", &[]);
        assert!(now >= windows + 2.0, "{by:+} s: log time stands at {now} windows");
        windows = now;
    }
    let seconds = began.elapsed().as_secs_f64();
    assert!(windows <= seconds + 2.0, "{windows} windows of a second in {seconds} seconds");
    let fate = judge(&collector, sent);
    say(&format!(
        "F9: the clock at {JUMPS:?} s: {fate}; {windows} windows of 1 s in {seconds:.0} s"
    ));
    // That it jumped at all: its log has the wall's time.
    clock.set(HOUR);
    signal(collector.pid(), "-TERM");
    wait_until(Duration::from_secs(10), "it says that it ends", || {
        minute(&collector, "draining").is_some()
    });
    let [first, last] = ["collecting", "draining"].map(|m| minute(&collector, m).expect("a time"));
    let ahead = (last + 1_440 - first) % 1_440;
    assert!((59..75).contains(&ahead), "the clock did not move: {first} and {last}");
    collector.told_to_end();
}

/// The minute of the day at which it said something that begins so.
fn minute(collector: &Collector, message: &str) -> Option<u32> {
    let lines = collector.log();
    let lines = lines.iter().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok());
    let said =
        |v: &serde_json::Value| v["message"].as_str().is_some_and(|m| m.starts_with(message));
    let line = lines.into_iter().find(said)?;
    let (hours, rest) = line["timestamp"].as_str()?.split_once('T')?.1.split_once(':')?;
    Some(hours.parse::<u32>().ok()? * 60 + rest.get(..2)?.parse::<u32>().ok()?)
}

#[test]
fn a_journal_goes_on_under_another_clock() {
    let Some(clock) = Clock::new() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let data = text(folder.path());
    let (mut sent, lives) = (0, [0, HOUR, 0, -HOUR, 0]);
    for by in lives {
        clock.set(by);
        let collector = clock.start(&["--data", &data]);
        let ready = || collector.is_ready();
        wait_until(Duration::from_secs(30), "it is ready", ready);
        judge(&collector, sent);
        sent += load(&collector, by, STAYS / 2);
        // Killed.
    }
    clock.set(0);
    let collector = clock.start(&["--data", &data]);
    wait_until(Duration::from_secs(30), "it is ready", || collector.is_ready());
    let fate = judge(&collector, sent);
    say(&format!("F9: lives with a journal under clocks at {lives:?} s, each killed: {fate}"));
    collector.terminate();
}
