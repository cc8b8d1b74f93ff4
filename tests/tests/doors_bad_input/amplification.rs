//! Small messages that would grow large: the collector's peak memory stays within the cap on one
//! request, and other senders do not notice.

use super::{GZIP, JSON, PROTOBUF, call, collector, even, lives, post};
use longpole_tests::collector::Collector;
use longpole_tests::h2c::{self, TRACES, code};
use longpole_tests::spans::{field, request, span};
use opentelemetry_proto::tonic::trace::v1::Span;
use std::io::Write;
use std::sync::OnceLock;

/// The cap on one request.
const CAP: usize = 64 << 20;
/// Buffers and windows of the decoders themselves.
const DECODERS: usize = 8 << 20;

/// Does something to a fresh collector; its peak must not rise by more than the cap and the message.
fn small(what: &str, message: usize, work: impl FnOnce(&Collector)) {
    let c = collector();
    lives(&c, "the start");
    let before = c.peak_kib();
    work(&c);
    lives(&c, what);
    let rise = c.peak_kib() - before;
    let allowed = ((CAP + message + DECODERS) >> 10) as u64;
    let line = format!("{what}: {message} bytes raised the peak by {rise} KiB of {allowed}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
    assert!(rise <= allowed, "{line}");
    even(c);
}

/// Two million empty messages of a field in four MiB, wrapped in fields.
fn empties(number: u8, around: &[u32]) -> Vec<u8> {
    let inner = [number << 3 | 2, 0].repeat(2 << 20);
    around.iter().fold(inner, |inner, n| field(*n, &inner))
}

#[test]
fn millions_of_empty_items() {
    let forms = [
        ("empty spans", empties(2, &[2, 1])),
        ("empty scopes", empties(2, &[1])),
        ("empty resources", empties(1, &[])),
        ("empty attributes", empties(9, &[2, 2, 1])),
        ("empty resource attributes", empties(1, &[1, 1])),
        ("empty events", empties(11, &[2, 2, 1])),
        ("empty links", empties(13, &[2, 2, 1])),
    ];
    for (what, message) in forms {
        small(what, message.len(), |c| {
            for _ in 0..3 {
                let answer = post(c, &message);
                assert!(matches!(answer.status, 200 | 400), "{what}: {}", answer.text());
                let reply = call(c, &message);
                assert!(
                    matches!(reply.code, Some(code::OK | code::INVALID_ARGUMENT)),
                    "{what}: {reply:?}"
                );
            }
        });
    }
}

/// A GiB of zeros in one gzip member.
fn bomb() -> &'static [u8] {
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    BOMB.get_or_init(|| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let zeros = vec![0; 1 << 20];
        for _ in 0..1 << 10 {
            encoder.write_all(&zeros).expect("memory");
        }
        encoder.finish().expect("memory")
    })
}

#[test]
fn gzip_bombs() {
    small("a gzip bomb over HTTP", bomb().len(), |c| {
        for form in [PROTOBUF, JSON] {
            let answer = super::refused(c, "http", "too_large", || {
                c.post("/v1/traces", &[form, GZIP], bomb())
            });
            assert_eq!(answer.status, 413, "{}", answer.text());
        }
    });
    small("a gzip bomb over gRPC", bomb().len(), |c| {
        let headers = [("grpc-encoding", "gzip")];
        let reply = super::refused(c, "grpc", "too_large", || {
            h2c::call_raw(c.grpc, TRACES, &headers, h2c::frame(1, bomb())).expect("an answer")
        });
        assert_eq!(reply.code, Some(code::RESOURCE_EXHAUSTED), "{reply:?}");
        assert!(!reply.retry_info, "clients must not send it again");
    });
}

#[test]
fn a_zstd_bomb() {
    let zeros = vec![0; 256 << 20];
    let bomb = zstd::encode_all(zeros.as_slice(), 1).expect("memory");
    drop(zeros);
    small("a zstd bomb over both", bomb.len(), |c| {
        let headers = [PROTOBUF, ("Content-Encoding", "zstd")];
        let answer =
            super::refused(c, "http", "too_large", || c.post("/v1/traces", &headers, &bomb));
        assert_eq!(answer.status, 413, "{}", answer.text());
        let headers = [("grpc-encoding", "zstd")];
        let reply = super::refused(c, "grpc", "too_large", || {
            h2c::call_raw(c.grpc, TRACES, &headers, h2c::frame(1, &bomb)).expect("an answer")
        });
        assert_eq!(reply.code, Some(code::RESOURCE_EXHAUSTED), "{reply:?}");
    });
}

#[test]
fn a_message_one_byte_too_long() {
    // One field of its own that nobody knows: the rest of it is valid.
    let head = field(99, &[]).len() + 3;
    let message = field(99, &vec![0; CAP + 1 - head]);
    assert_eq!(message.len(), CAP + 1);
    small("64 MiB and a byte over HTTP", message.len(), |c| {
        let answer = super::refused(c, "http", "too_large", || post(c, &message));
        assert_eq!(answer.status, 413, "{}", answer.text());
    });
    small("64 MiB and a byte over gRPC", message.len(), |c| {
        let reply = super::refused(c, "grpc", "too_large", || call(c, &message));
        assert_eq!(reply.code, Some(code::RESOURCE_EXHAUSTED), "{reply:?}");
        assert!(!reply.retry_info, "clients must not send it again");
    });
    let just = &message[..CAP - 1]; // cut, so malformed; but not too large
    let c = collector();
    assert_eq!(super::refused(&c, "http", "malformed", || post(&c, just)).status, 400);
    even(c);
}

#[test]
fn a_length_that_is_announced_and_never_sent() {
    small("lying lengths", 0, |c| {
        // A frame of 4 GiB, and of just the cap, with three bytes in it.
        for length in [u32::MAX, CAP as u32] {
            let frame = [&[0][..], &length.to_be_bytes(), b"abc"].concat();
            let reply = h2c::call_raw(c.grpc, TRACES, &[], frame).expect("an answer");
            assert_ne!(reply.code, Some(code::OK), "{reply:?}");
        }
    });
}

#[test]
fn one_full_request_of_long_texts() {
    // Not an attack, but the most that one request may bring: its texts are cut, not kept.
    let spans: Vec<Span> =
        (0..400).map(|_| Span { name: "x".repeat(100_000), ..span("") }).collect();
    let message = request("shop", spans);
    small("forty MB of names", message.len(), |c| {
        let answer = post(c, &message);
        assert_eq!(answer.status, 200, "{}", answer.text());
    });
}
