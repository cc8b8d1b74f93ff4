//! The real recordings, read through the replay door. Skipped loudly where they are not there.

use longpole_collector::ingest::otlp::{DecodeLimits, json};
use longpole_collector::ingest::replay::Replay;
use longpole_model::signal::{Batch, SpanCategory, SpanKind};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn shared() -> Option<PathBuf> {
    let named = std::env::var_os("LONGPOLE_SHARED").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let found = named.or(Some(beside)).map(|p| p.join("data/rca-dev")).filter(|p| p.is_dir());
    if found.is_none() {
        eprintln!("SKIPPED: no recordings; set LONGPOLE_SHARED to the folder that holds data/");
    }
    found
}

fn cases(root: &Path) -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = std::fs::read_dir(root)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_dir())
        .collect();
    cases.sort();
    cases
}

#[test]
fn every_recording_is_read_whole() {
    let Some(root) = shared() else { return };
    let mut operations = BTreeMap::new();
    let (mut spans, mut points) = (0, 0);
    for case in cases(&root) {
        let mut replay = Replay::open(&[&case]).unwrap();
        let mut latest = vec![0; replay.files().len()];
        let mut last = 0;
        for item in replay.by_ref() {
            let r = &item.rejections;
            assert_eq!(r.spans.total() + r.points.total() + r.unnamed, 0, "{case:?} {r:?}");
            spans += item.batch.spans.len();
            points += item.batch.points.len();
            check(&item.batch);
            let time = item.batch.latest().map_or(0, |t| t.0);
            latest[item.file] = latest[item.file].max(time);
            assert!(latest[item.file] >= last, "{case:?}: files are not merged by time");
            last = latest[item.file];
            for o in &item.batch.operations {
                let named = (o.kind, o.category, o.name.clone(), o.peer.clone());
                *operations.entry(named).or_insert(0) += 1;
            }
        }
        let (read, total) = replay.progress();
        assert_eq!(Some(read), total);
        assert_eq!(replay.requests().total(), 0, "{:?}", replay.notes());
    }
    assert!(spans > 500_000 && points > 100_000, "{spans} spans, {points} points");
    assert!(operations.keys().any(|o| o.0 == SpanKind::Client && o.1 == SpanCategory::Store));
    println!("{spans} spans, {points} points, {} operations", operations.len());
}

fn check(batch: &Batch) {
    for span in &batch.spans {
        assert!((span.operation as usize) < batch.operations.len());
        assert!(span.end >= span.start);
    }
    for point in &batch.points {
        assert!((point.series as usize) < batch.series.len());
    }
    let distinct: BTreeSet<_> = batch.operations.iter().collect();
    assert_eq!(distinct.len(), batch.operations.len());
    let distinct: BTreeSet<_> = batch.series.iter().collect();
    assert_eq!(distinct.len(), batch.series.len());
}

/// What a batch says, without where its bytes lie.
fn said(mut batch: Batch) -> Batch {
    for span in &mut batch.spans {
        span.offset = 0;
    }
    batch
}

#[test]
fn json_and_protobuf_say_the_same() {
    let Some(root) = shared() else { return };
    let mut pairs = 0;
    for case in cases(&root) {
        for signal in ["traces", "metrics"] {
            let [binary, text] =
                ["binpb.zst", "jsonl.gz"].map(|e| case.join(format!("{signal}.otlp.{e}")));
            if !(binary.exists() && text.exists()) {
                continue;
            }
            pairs += 1;
            let [mut binary, mut text] = [binary, text].map(|p| Replay::open(&[p]).unwrap());
            loop {
                let (a, b) = (binary.next(), text.next());
                assert_eq!(a.is_some(), b.is_some(), "{case:?} {signal}");
                let (Some(a), Some(b)) = (a, b) else { break };
                assert_eq!(a.rejections, b.rejections);
                assert!(said(a.batch) == said(b.batch), "{case:?} {signal}");
            }
        }
    }
    assert!(pairs >= 5, "{pairs}");
}

#[test]
fn a_folder_takes_recordings_only_and_each_once() {
    let Some(root) = shared() else { return };
    let replay = Replay::open(&[root.join("nezha-tt-0130-1229")]).unwrap();
    let names: Vec<_> = replay
        .files()
        .iter()
        .map(|f| f.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["metrics.otlp.binpb.zst", "traces.otlp.binpb.zst"]);
    let (notes, more) = replay.notes();
    assert_eq!((notes.len(), more), (2, 0), "{notes:?}");
    assert!(notes.iter().all(|n| n.text.contains("left out") && n.reason.is_none()));
    // labels.json named by hand is no recording, and that is said.
    let mut replay = Replay::open(&[root.join("nezha-tt-0130-1229/labels.json")]).unwrap();
    assert!(replay.next().is_none());
    assert!(replay.requests().total() >= 1);
    let said = replay.notes().0[0].to_string();
    assert!(said.contains("labels.json, line 1: skipped: not OTLP"), "{said}");
    let _ = json::any(b"{}", &DecodeLimits::default(), None).unwrap_err();
}
