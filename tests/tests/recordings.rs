//! Recordings end to end, through the binary: the committed one, all of the lab's faults, and the real
//! ones where they are at hand.

use longpole_lab::{Fault, Options, Telemetry, record};
use longpole_tests::binary::{json, root, run};
use serde_json::Value;

const RECORDING: &str = "tests/recordings/n-plus-one.otlp.binpb.zst";

#[test]
fn the_committed_recording_is_what_the_lab_makes() {
    let options = Options { requests_per_second: 8.0, ..Options::default() };
    let made = record(Fault::NPlusOne, 1, &options);
    let packed = std::fs::read(root().join(RECORDING)).expect("the recording");
    let kept = zstd::decode_all(packed.as_slice()).expect("zstd");
    assert!(
        kept == made.frames(),
        "longpole lab record --fault n-plus-one --rate 8 --out tests/recordings"
    );
    let labels = std::fs::read_to_string(root().join("tests/recordings/n-plus-one.labels.json"));
    assert_eq!(labels.expect("labels"), made.labels);
}

#[test]
fn the_readmes_first_command_names_the_culprit() {
    let out = run(&["replay", RECORDING]);
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    for said in [
        "verdict: chatty calls at orders",
        "deploy of orders, 1.4.0 -> 1.5.0",
        "SELECT order_",
        "Hand-off to database",
        "0 unexplained",
    ] {
        assert!(text.contains(said), "{said} is missing:\n{text}");
    }
}

#[test]
fn shards_and_repetition_change_no_byte() {
    let one = run(&["replay", "--json", RECORDING]).stdout;
    assert!(one.len() > 10_000);
    for shards in ["1", "2", "8"] {
        assert!(
            run(&["replay", "--json", "--shards", shards, RECORDING]).stdout == one,
            "{shards} shards"
        );
    }
}

#[test]
fn a_verdict_is_retold() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("r.json");
    std::fs::write(&file, run(&["replay", "--json", RECORDING]).stdout).expect("written");
    let shown = file.display().to_string();
    let out = run(&["investigations", "explain", &shown]);
    let text = String::from_utf8_lossy(&out.stdout);
    for said in
        ["test: one-sided CUSUM", "samples, baseline and window", "95 % interval", "uled out"]
    {
        assert!(text.contains(said), "{said} is missing:\n{text}");
    }
    let found = json(&run(&["investigations", "explain", &shown, "--json"]));
    assert_eq!(found["bottlenecks"][0]["kind"], "chatty_calls");
    assert_eq!(found["bottlenecks"][0]["evidence"][0]["pattern"], "n_plus_one");
    assert_eq!(run(&["investigations", "explain", &shown, "nosuch"]).status.code(), Some(2));
}

fn diagnose(file: &str, labels: &Value) -> Value {
    let span = |k: &str| {
        let at = |e: &str| labels[k][e].as_u64().expect("a time");
        format!("{}/{}", at("start_unix_nano"), at("end_unix_nano"))
    };
    let (normal, fault) = (span("normal"), span("fault"));
    json(&run(&["diagnose", file, "--json", "--baseline", &normal, "--window", &fault]))
}

/// The anti-pattern that a fault shows, where it is one.
fn pattern(fault: Fault) -> Option<&'static str> {
    match fault {
        Fault::NPlusOne => Some("n_plus_one"),
        Fault::ColdCache => Some("cold_cache"),
        Fault::Configuration => Some("impatient_caller"),
        Fault::Sequential => Some("sequential_calls"),
        Fault::DuplicateQueries => Some("duplicate_query"),
        Fault::LockConvoy => Some("lock_convoy"),
        Fault::LargePayload => Some("oversized_payload"),
        Fault::RetryStorm => Some("retry_storm"),
        _ => None,
    }
}

/// Anti-patterns that nothing but the fault which has them may show, in whatever is said.
const OWN: [&str; 5] =
    ["sequential_calls", "duplicate_query", "lock_convoy", "oversized_payload", "missing_spans"];

fn patterns(candidate: &Value) -> Vec<&str> {
    let evidence = candidate["evidence"].as_array().into_iter().flatten();
    evidence.filter_map(|e| e["pattern"].as_str()).collect()
}

fn shows(candidate: &Value, pattern: Option<&str>) -> bool {
    pattern.is_none_or(|p| patterns(candidate).contains(&p))
}

/// Whether some candidate shows what only another fault should.
fn strays(said: &Value, pattern: Option<&str>) -> bool {
    let all = said["candidates"].as_array().into_iter().flatten().flat_map(patterns);
    all.into_iter().any(|p| OWN.contains(&p) && pattern != Some(p))
}

/// Runs in which symptoms are louder than the cause: requests that go on no further because their callee failed,
/// traces that a full pool tore apart, a pool that slow queries filled.
#[test]
fn symptoms_are_not_taken_for_causes() {
    let folder = tempfile::tempdir().expect("a folder");
    let runs = [
        (Fault::FailingDependency, 10_018, 38.0),
        (Fault::Pool, 10_010, 22.0),
        (Fault::Pool, 10_013, 28.0),
        (Fault::Lock, 77_003, 28.0),
        (Fault::MissingIndex, 4, 20.0),
        (Fault::MissingIndex, 9, 30.0),
    ];
    for (fault, seed, requests_per_second) in runs {
        let made = record(fault, seed, &Options { requests_per_second, ..Options::default() });
        let file = folder.path().join("case.binpb");
        std::fs::write(&file, made.frames()).expect("written");
        let labels: Value = serde_json::from_str(&made.labels).expect("labels");
        let said = diagnose(&file.display().to_string(), &labels);
        let first = &said["candidates"][0];
        let said = (first["service"].as_str(), first["kind"].as_str());
        assert_eq!(said, (fault.culprit(), Some(fault.kinds()[0])), "{} {seed}", fault.name());
        if fault == Fault::MissingIndex {
            let out = first["ruled_out"].as_array().expect("what was ruled out");
            let pool = out.iter().find(|r| r["kind"] == "queue").expect("the pool");
            let reason = pool["reason"].as_str().unwrap_or_default();
            assert!(reason.contains("follow from queries that take"), "{reason}");
        }
    }
}

#[test]
fn the_labs_faults_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut wrong = Vec::new();
    for seed in 1..=2 {
        // Load alone is left out: its recordings are several times as long as the others.
        for fault in Fault::ALL.into_iter().filter(|f| *f != Fault::Load) {
            let made = record(fault, seed, &Options::default());
            let file = folder.path().join("case.binpb");
            std::fs::write(&file, made.frames()).expect("written");
            let labels: Value = serde_json::from_str(&made.labels).expect("labels");
            let said = diagnose(&file.display().to_string(), &labels);
            let first = &said["candidates"][0];
            let right = match fault.culprit() {
                None => first.is_null(),
                Some(culprit) => {
                    first["service"] == culprit
                        && fault.kinds().iter().any(|k| first["kind"] == *k)
                        && first["specialist"].as_str().is_some_and(|s| !s.is_empty())
                        && shows(first, pattern(fault))
                }
            };
            if !right || strays(&said, pattern(fault)) {
                wrong.push(format!(
                    "{} seed {seed}: {} {}",
                    fault.name(),
                    first["service"],
                    first["kind"]
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The verdict on a recording whose telemetry has something wrong.
fn diagnosed(fault: Fault, telemetry: Telemetry) -> Value {
    let made = record(fault, 3, &Options { telemetry, ..Options::default() });
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("case.binpb");
    std::fs::write(&file, made.frames()).expect("written");
    let labels: Value = serde_json::from_str(&made.labels).expect("labels");
    diagnose(&file.display().to_string(), &labels)
}

#[test]
fn clocks_that_differ_change_no_verdict_and_no_share() {
    let (right, skewed) =
        (Telemetry::default(), Telemetry { clock_skew_ms: 400.0, ..Telemetry::default() });
    for fault in [Fault::Network, Fault::SlowDatabase, Fault::DownstreamLatency] {
        let (a, b) = (diagnosed(fault, right), diagnosed(fault, skewed));
        assert_eq!(a["accounting"]["traces"]["clock_shifts"], 0);
        assert!(
            b["accounting"]["traces"]["clock_shifts"].as_u64() > Some(5_000),
            "{}",
            b["accounting"]
        );
        for what in ["service", "kind"] {
            assert_eq!(a["candidates"][0][what], b["candidates"][0][what], "{}", fault.name());
            assert_eq!(a["candidates"][0]["site"], b["candidates"][0]["site"], "{}", fault.name());
        }
        let top = |said: &Value| {
            let first = &said["attributions"][0]["sites"][0];
            (first["site"].clone(), first["share"].as_f64().expect("a share"))
        };
        let ((site, share), (moved, other)) = (top(&a), top(&b));
        assert_eq!(site, moved, "{}", fault.name());
        assert!((share - other).abs() < 0.05, "{}: {share} and {other}", fault.name());
    }
}

#[test]
fn spans_that_are_lost_or_late_are_no_fault_of_the_shop() {
    let lost = Telemetry { lost: 0.5, ..Telemetry::default() };
    let late = Telemetry { late_seconds: 9, ..Telemetry::default() };
    for telemetry in [lost, late] {
        let said = diagnosed(Fault::None, telemetry);
        assert_eq!(said["candidates"], serde_json::json!([]), "{telemetry:?}");
        // What is wrong with the shop is seen all the same.
        let said = diagnosed(Fault::Cpu, telemetry);
        assert_eq!(said["candidates"][0]["service"], "catalog", "{telemetry:?}");
    }
}

#[test]
fn the_lab_is_judged_told_and_blind() {
    for blind in [false, true] {
        let mut words =
            vec!["lab", "run", "--fault", "network", "--runs", "2", "--seed", "500", "--json"];
        words.extend(blind.then_some("--blind"));
        let said = json(&run(&words));
        assert_eq!(said["faults"][0]["culprit_right"], 1.0, "{}", said["runs"]);
        assert_eq!(said["faults"][0]["kind_right"], 1.0, "{}", said["runs"]);
        assert!(said["brier"].as_f64().is_some_and(|b| b < 0.1), "{}", said["brier"]);
        let verdicts = said["reliability"].as_array().into_iter().flatten();
        assert_eq!(verdicts.filter_map(|b| b["verdicts"].as_u64()).sum::<u64>(), 2);
    }
}

#[test]
fn real_recordings_balance_their_accounts() {
    let data = root().join("../shared/data/rca-dev");
    if !data.is_dir() {
        eprintln!("SKIPPED: no recordings of real faults beside this checkout");
        return;
    }
    let mut seen = 0;
    for case in std::fs::read_dir(data).expect("cases").flatten().filter(|c| c.path().is_dir()) {
        let said = json(&run(&["replay", "--json", &case.path().display().to_string()]));
        for signal in ["spans", "points"] {
            assert_eq!(said["accounting"][signal]["unexplained"], 0, "{:?}", case.path());
        }
        seen += 1;
    }
    assert!(seen >= 28, "{seen} cases");
}
