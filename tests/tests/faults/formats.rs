//! F14: state that another version wrote. A newer format is refused with what to do, and left as it is; one that says
//! that this reader may read it is read.

use crate::say;
use longpole_tests::binary;
use longpole_tests::collector::{Collector, wait_until};
use longpole_tests::spans::{request, span};
use std::path::{Path, PathBuf};
use std::time::Duration;

const QUICK: [&str; 8] = ["--window", "1s", "--lateness", "1s", "--horizon", "1s", "--shards", "1"];
/// Where a checkpoint and a segment of the journal say their format and the oldest reader.
const FORMAT: usize = 4;

fn start(data: &str) -> Collector {
    Collector::start(&[&["--data", data][..], &QUICK].concat())
}

/// What a start on this folder says, and its exit code.
fn refused(data: &str) -> (Option<i32>, String) {
    let any = "127.0.0.1:0";
    let doors = ["collector", "--data", data, "--grpc", any, "--http", any, "--listen", any];
    let out = binary::run(&[&doors[..], &QUICK].concat());
    (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
}

fn files(data: &Path, checkpoints: bool) -> Vec<PathBuf> {
    let all = std::fs::read_dir(data).expect("a folder").flatten().map(|e| e.path());
    let is_checkpoint =
        |p: &PathBuf| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("checkpoint-"));
    all.filter(|p| p.is_file() && is_checkpoint(p) == checkpoints).collect()
}

/// A checkpoint of another format, whole otherwise.
fn written_by(mut bytes: Vec<u8>, format: u8, oldest_reader: u8) -> Vec<u8> {
    (bytes[FORMAT], bytes[FORMAT + 1]) = (format, oldest_reader);
    let mut sum = flate2::Crc::new();
    sum.update(&bytes[..24]);
    sum.update(&bytes[28..]);
    bytes[24..28].copy_from_slice(&sum.sum().to_le_bytes());
    bytes
}

#[test]
fn state_of_other_versions() {
    let temp = tempfile::tempdir().expect("a folder");
    let data = temp.path().to_str().expect("a path");
    let collector = start(data);
    let headers = [("Content-Type", "application/x-protobuf")];
    let mut sent = 0;
    wait_until(Duration::from_secs(40), "a checkpoint is written", || {
        let body = request("old", (0..20).map(|_| span("op")).collect());
        sent += if collector.post("/v1/traces", &headers, &body).status == 200 { 20 } else { 0 };
        std::thread::sleep(Duration::from_millis(100));
        collector.get("/metrics").text().contains("longpole_checkpoints_total 2")
    });
    collector.terminate();
    let before: Vec<(PathBuf, Vec<u8>)> = files(temp.path(), true)
        .into_iter()
        .map(|p| (p.clone(), std::fs::read(p).expect("read")))
        .collect();
    assert!(!before.is_empty());
    for (path, bytes) in &before {
        std::fs::write(path, written_by(bytes.clone(), 9, 9)).expect("written");
    }
    let (code, told) = refused(data);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("format 9") && told.contains("upgrade"), "{told}");
    for (path, bytes) in &before {
        let there = std::fs::read(path).expect("read");
        assert!(there == written_by(bytes.clone(), 9, 9), "what is not understood is left alone");
        // A later version that says this one may read it.
        std::fs::write(path, written_by(bytes.clone(), 9, 1)).expect("written");
    }
    let collector = start(data);
    wait_until(Duration::from_secs(20), "it is read", || collector.get("/metrics").status == 200);
    assert_eq!(collector.account("spans"), sent);
    collector.terminate();
    say(&format!(
        "F14: a newer format is refused with exit 2 and left as it is; one that may be read is: {sent} spans, 0 lost. \
         There is no older format that is read: that it is refused is a test beside the code"
    ));
}
