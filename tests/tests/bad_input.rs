//! What strangers may hand to the replay door, through the binary: a clear answer, the rest still
//! read, bounded memory, and never a panic.

use longpole_tests::binary::{json, longpole, run};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use std::io::Write;
use std::process::Stdio;

const BASE: u64 = 1_700_000_000_000_000_000;

fn span(id: u64) -> Span {
    Span {
        trace_id: id.max(1).to_be_bytes().repeat(2),
        span_id: id.max(1).to_be_bytes().to_vec(),
        name: format!("op{}", id % 3),
        kind: 2,
        start_time_unix_nano: BASE + id,
        end_time_unix_nano: BASE + id + 1_000_000,
        ..Span::default()
    }
}

fn request(spans: Vec<Span>) -> Vec<u8> {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

fn frame(message: &[u8]) -> Vec<u8> {
    let mut out = (message.len() as u32).to_be_bytes().to_vec();
    out.extend_from_slice(message);
    out
}

/// Replays bytes from standard input; gives back (exit code, JSON, standard error).
fn replay(bytes: &[u8]) -> (Option<i32>, serde_json::Value, String) {
    let mut child = longpole()
        .args(["replay", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a process");
    let mut stdin = child.stdin.take().expect("a pipe");
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&bytes); // it may stop reading early
    });
    let out = child.wait_with_output().expect("an end");
    writer.join().expect("a writer");
    let talk = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!talk.contains("panicked"), "{talk}");
    (out.status.code(), json(&out), talk)
}

fn received(said: &serde_json::Value) -> u64 {
    assert_eq!(said["accounting"]["spans"]["unexplained"], 0);
    said["accounting"]["spans"]["received"].as_u64().unwrap_or(0)
}

#[test]
fn an_empty_file_says_so() {
    let (code, said, talk) = replay(b"");
    assert_eq!((code, received(&said)), (Some(3), 0));
    assert!(talk.contains("empty"), "{talk}");
}

#[test]
fn a_cut_recording_is_read_as_far_as_it_goes() {
    let mut bytes = frame(&request((1..=10).map(span).collect()));
    let second = frame(&request((11..=20).map(span).collect()));
    bytes.extend_from_slice(&second[..second.len() - 7]);
    let (code, said, talk) = replay(&bytes);
    assert_eq!((code, received(&said)), (Some(0), 10));
    assert!(talk.contains("cut off"), "{talk}");
}

#[test]
fn a_lying_length_allocates_nothing_and_tells() {
    let mut bytes = frame(&request((1..=10).map(span).collect()));
    bytes.extend_from_slice(&[0xff, 0xff, 0xff, 0xf0, 1, 2, 3]);
    let (code, said, talk) = replay(&bytes);
    assert_eq!((code, received(&said)), (Some(0), 10));
    assert!(talk.contains("length prefix"), "{talk}");
}

#[test]
fn one_broken_message_does_not_take_the_others_along() {
    let good = frame(&request((1..=10).map(span).collect()));
    let mut bytes = good.clone();
    bytes.extend(frame(&[0x0a, 0xff, 0xff, 0x01]));
    bytes.extend(frame(&request((11..=20).map(span).collect())));
    let (_, said, talk) = replay(&bytes);
    assert_eq!(received(&said), 20);
    assert!(talk.contains("skipped") || talk.contains("refused"), "{talk}");
}

#[test]
fn lines_that_are_no_requests_are_told_by_number() {
    let good = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0102030405060708090A0b0c0d0e0f10","spanId":"0102030405060708","name":"x","kind":2,"startTimeUnixNano":"1700000000000000000","endTimeUnixNano":1700000000001000000}]}]}]}"#;
    let text = format!("{good}\n{{\"nonsense\": 1}}\nnot json\n{good}\n");
    let (code, said, talk) = replay(text.as_bytes());
    assert_eq!((code, received(&said)), (Some(0), 2));
    assert!(talk.contains("line 2") && talk.contains("line 3"), "{talk}");
}

#[test]
fn bad_spans_are_refused_one_by_one() {
    let bad = [
        Span { trace_id: vec![0; 16], ..span(1) },
        Span { span_id: vec![], ..span(2) },
        Span { parent_span_id: vec![1, 2], ..span(3) },
        Span { end_time_unix_nano: BASE - 1, ..span(4) },
        Span { start_time_unix_nano: 0, ..span(5) },
        Span { start_time_unix_nano: 1, end_time_unix_nano: 2, ..span(6) },
        Span { end_time_unix_nano: u64::MAX, start_time_unix_nano: u64::MAX - 1, ..span(7) },
        Span { end_time_unix_nano: BASE + 90_000_000_000_000, ..span(8) },
    ];
    let mut spans: Vec<Span> = (10..=29).map(span).collect();
    spans.extend(bad);
    let (_, said, _) = replay(&frame(&request(spans)));
    assert_eq!(received(&said), 28);
    let account = &said["accounting"]["spans"];
    let refused: u64 =
        account["rejected"].as_object().expect("reasons").values().filter_map(|n| n.as_u64()).sum();
    assert_eq!(refused, 8, "{account}");
    assert_eq!(account["rejected"]["bad_id"], 3);
    assert_eq!(account["rejected"]["negative_duration"], 1);
}

#[test]
fn values_nested_ten_thousand_deep_are_refused() {
    let mut value = AnyValue { value: Some(Value::IntValue(1)) };
    // Built as bytes: the message structs would overflow their own drop.
    let mut bytes = value.encode_to_vec();
    for _ in 0..10_000 {
        let mut list = Vec::new();
        prost::encoding::encode_key(1, prost::encoding::WireType::LengthDelimited, &mut list);
        prost::encoding::encode_varint(bytes.len() as u64, &mut list);
        list.extend_from_slice(&bytes);
        let mut outer = Vec::new();
        prost::encoding::encode_key(5, prost::encoding::WireType::LengthDelimited, &mut outer);
        prost::encoding::encode_varint(list.len() as u64, &mut outer);
        outer.extend_from_slice(&list);
        bytes = outer;
    }
    value.value = Some(Value::ArrayValue(ArrayValue::default()));
    let shallow = KeyValue { key: "k".to_owned(), value: Some(value), ..KeyValue::default() };
    let wrap = |field: u32, inner: &[u8]| {
        let mut out = Vec::new();
        prost::encoding::encode_key(field, prost::encoding::WireType::LengthDelimited, &mut out);
        prost::encoding::encode_varint(inner.len() as u64, &mut out);
        out.extend_from_slice(inner);
        out
    };
    let deep_attribute = [wrap(1, b"k"), wrap(2, &bytes)].concat();
    let deep_span = [span(1).encode_to_vec(), wrap(9, &deep_attribute)].concat();
    let deep = wrap(1, &wrap(2, &wrap(2, &deep_span)));
    let fine = Span { attributes: vec![shallow], ..span(2) };
    let (_, said, talk) = replay(&[frame(&deep), frame(&request(vec![fine]))].concat());
    assert!(talk.contains("deep"), "{talk}");
    assert_eq!(received(&said), 1);
    let nested = format!("{{\"resourceSpans\":{}1{}}}\n", "[".repeat(10_000), "]".repeat(10_000));
    let (_, _, talk) = replay(nested.as_bytes());
    assert!(talk.contains("line 1"), "{talk}");
}

#[cfg(target_os = "linux")]
#[test]
fn megabytes_of_empty_items_stay_small() {
    // Two million empty spans, and as many empty attributes of one span, in 4 MiB each.
    let empty_spans = {
        let scope = [0x12u8, 0x00].repeat(2 << 20);
        let mut out = Vec::new();
        for field in [2u32, 1] {
            let inner = if out.is_empty() { scope.clone() } else { std::mem::take(&mut out) };
            prost::encoding::encode_key(
                field,
                prost::encoding::WireType::LengthDelimited,
                &mut out,
            );
            prost::encoding::encode_varint(inner.len() as u64, &mut out);
            out.extend_from_slice(&inner);
        }
        out
    };
    let mut child = longpole()
        .args(["replay", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a process");
    let mut stdin = child.stdin.take().expect("a pipe");
    for _ in 0..3 {
        stdin.write_all(&frame(&empty_spans)).expect("written");
    }
    stdin.write_all(&frame(&request((1..=5).map(span).collect()))).expect("written");
    stdin.flush().expect("flushed");
    // Its peak is read while it still waits for more.
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    for _ in 0..200 {
        std::thread::sleep(std::time::Duration::from_millis(10));
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find(|l| l.starts_with("VmHWM")).unwrap_or("");
        peak = line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(peak);
    }
    drop(stdin);
    let out = child.wait_with_output().expect("an end");
    let said = json(&out);
    assert_eq!(received(&said), 5);
    let talk = String::from_utf8_lossy(&out.stderr);
    assert!(talk.contains("at most 131072") || talk.contains("at most 131,072"), "{talk}");
    assert!(peak > 0 && peak < 64 << 10, "peak {peak} KiB");
}

#[test]
fn paths_that_cannot_be_read_are_named() {
    let out = run(&["replay", "no/such/file.binpb"]);
    let talk = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(2));
    assert!(talk.contains("no/such/file.binpb"), "{talk}");
    let empty = tempfile::tempdir().expect("a folder");
    let out = run(&["replay", &empty.path().display().to_string()]);
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("no recording"));
}

#[test]
fn questions_that_make_no_sense_get_an_answer() {
    let mut child = longpole()
        .args(["detect", "--jsonl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let questions = [
        "nonsense",
        r#"{"task":"unknown","id":1}"#,
        r#"{"task":"live","id":"x","i":0,"durations":[1]}"#,
        r#"{"task":"history","id":"h","values":[]}"#,
        r#"{"task":"history","id":"h","values":[null,1e308,-1e308,null]}"#,
        r#"{"task":"gate","id":"g","before":[],"after":[[]]}"#,
        r#"{"task":"live_start","id":"l","warmup":0}"#,
        r#"{"task":"live","id":"l","i":0,"durations":[-1,null,1e300]}"#,
        r#"{"task":"live","id":"l","i":1,"value":3}"#,
    ];
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(format!("{}\n", questions.join("\n")).as_bytes()).expect("written");
    drop(stdin);
    let out = child.wait_with_output().expect("an end");
    assert!(out.status.success());
    let lines: Vec<serde_json::Value> = String::from_utf8_lossy(&out.stdout)
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), questions.len());
    assert!(lines[0]["error"].is_string() && lines[2]["error"].is_string());
    assert_eq!(lines[3]["change_points"], serde_json::json!([]));
    assert_eq!(lines[5]["verdict"], "inconclusive");
    assert_eq!(lines[7]["alarm"], false);
}
