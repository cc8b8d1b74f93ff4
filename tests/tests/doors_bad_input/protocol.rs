//! HTTP and HTTP/2 as no client should speak it: a 4xx or a closed connection, never a second answer
//! to one request, and the others are served on.

use super::{collector, even, lives};
use longpole_tests::h2c::{PREFACE, closes, h2_frame};
use longpole_tests::http::{answers, parse, raw};
use longpole_tests::spans::good;
use std::time::Duration;

/// Bytes on a connection; the statuses that are right, empty = closed without a word.
type Row = (&'static str, Vec<u8>, &'static [u16]);

/// Requests that end wrongly; `tail` would be answered if the end were misread.
fn framing(path: &str) -> Vec<Row> {
    let tail = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let post = |headers: &str, body: &str| {
        let kind = "Host: localhost\r\nContent-Type: application/x-protobuf";
        format!("POST {path} HTTP/1.1\r\n{kind}\r\n{headers}\r\n\r\n{body}{tail}").into_bytes()
    };
    let chunked = "Transfer-Encoding: chunked";
    let (bad, any): (&[u16], &[u16]) = (&[400], &[200, 400]);
    vec![
        // Chunked counts, as the standard wants; the connection must end behind the answer.
        ("length, chunked", post(&format!("Content-Length: 5\r\n{chunked}"), "0\r\n\r\n"), any),
        ("chunked, length", post(&format!("{chunked}\r\nContent-Length: 5"), "0\r\n\r\n"), any),
        ("negative length", post("Content-Length: -1", ""), bad),
        ("signed length", post("Content-Length: +5", ""), bad),
        ("two lengths", post("Content-Length: 0\r\nContent-Length: 9", ""), bad),
        ("a list of lengths", post("Content-Length: 0, 9", ""), bad),
        ("a word as length", post("Content-Length: ten", ""), bad),
        ("huge length", post("Content-Length: 99999999999999999999", ""), bad),
        ("unknown coding", post("Transfer-Encoding: gzip", ""), bad),
        ("chunked not last", post("Transfer-Encoding: chunked, gzip", ""), bad),
        ("lying chunk", post(chunked, "zz\r\n"), bad),
        ("huge chunk", post(chunked, "ffffffffffffffff1\r\n"), bad),
        ("chunk too short", post(chunked, "1\r\nabc\r\n"), bad),
        ("space before the colon", post("Content-Length : 0", ""), bad),
        ("folded header", post("X: a\r\n b", ""), bad),
    ]
}

fn lines() -> Vec<Row> {
    let get = |target: &str, rest: &str| {
        format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{rest}\r\n")
            .into_bytes()
    };
    let many: String = (0..500).map(|i| format!("X-{i}: y\r\n")).collect();
    vec![
        ("noise", vec![0xf0; 64], &[400]),
        ("an unknown method", b"G@T / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), &[400]),
        ("no target", b"GET HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), &[400]),
        ("two spaces", b"GET  / HTTP/1.1\r\n\r\n".to_vec(), &[400]),
        ("HTTP/9.9", b"GET / HTTP/9.9\r\n\r\n".to_vec(), &[400, 505]),
        ("a NUL in the target", get("/\0", ""), &[400]),
        ("a broken authority", get("http://[::1/metrics", ""), &[400, 403]),
        ("a colon", get(":", ""), &[400, 403, 404]),
        ("a star", get("*", ""), &[400, 403, 404]),
        ("a NUL in a header", get("/", "X: a\0b\r\n"), &[400]),
        ("a bare CR in a header", get("/", "X: a\rb\r\n"), &[400]),
        ("a header without name", get("/", ": b\r\n"), &[400]),
        ("500 headers", get("/", &many), &[431]),
        ("100 KiB of target", get(&format!("/{}", "a".repeat(100 << 10)), ""), &[414, 431]),
        ("300 KiB of header", get("/", &format!("X: {}\r\n", "a".repeat(300 << 10))), &[431]),
    ]
}

#[test]
fn malformed_http_on_every_port() {
    let c = collector();
    let mut faults = Vec::new();
    for (port, at) in [("grpc", c.grpc), ("http", c.http), ("web", c.listen)] {
        let path = if port == "web" { "/api/v1/changes" } else { "/v1/traces" };
        for (what, bytes, expected) in framing(path).into_iter().chain(lines()) {
            let said = raw(at, &bytes).unwrap_or_default();
            let status = parse(&said).map(|a| a.status);
            let n = answers(&said);
            // The gRPC port answers all that is HTTP/1 with one explanation.
            let explained = port == "grpc" && status == Some(505);
            if n > 1 || !(explained || status.is_none_or(|s| expected.contains(&s))) {
                faults.push(format!("{port}: {what}: {n} answers, the first {status:?}"));
            }
        }
        lives(&c, "malformed HTTP");
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let closed = c.sum("longpole_connections_closed_total", &[("reason", "protocol")]);
    assert!(closed > 20.0, "{closed}");
    even(c);
}

#[test]
fn the_wrong_protocol_is_told_or_closed() {
    let c = collector();
    let hello = [0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0];
    for at in [c.grpc, c.http, c.listen] {
        assert_eq!(raw(at, &hello).unwrap_or_default(), b"", "TLS on a plain port");
    }
    assert_eq!(c.sum("longpole_connections_closed_total", &[("reason", "tls_on_plain_port")]), 3.0);
    let get = b"GET /v1/traces HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = parse(&raw(c.grpc, get).expect("an answer")).expect("HTTP");
    assert_eq!(answer.status, 505);
    assert!(answer.text().contains("4318"), "{}", answer.text());
    lives(&c, "the wrong protocol");
    even(c);
}

#[test]
fn hostile_http2_is_closed() {
    let c = collector();
    // HPACK: POST, http, "/" and an authority, all from the static table but the last.
    let block = [0x83, 0x86, 0x84, 0x41, 1, b'x'];
    let reset: Vec<u8> = (0..20_000u32)
        .flat_map(|i| {
            let stream = 2 * i + 1;
            [h2_frame(1, 4, stream, &block), h2_frame(3, 0, stream, &[0, 0, 0, 8])].concat()
        })
        .collect();
    let flood: Vec<u8> = (0..20_000)
        .flat_map(|i| {
            h2_frame(if i == 0 { 1 } else { 9 }, 0, 1, &[0x40, 1, b'a', 1, b'b'].repeat(10))
        })
        .collect();
    let pings: Vec<u8> = (0..3).flat_map(|_| h2_frame(6, 0, 1, &[0; 8])).collect();
    let rows = [
        ("rapid reset", reset),
        ("CONTINUATION flood", flood),
        ("a frame too large", h2_frame(0, 0, 1, &vec![0; 1 << 20])),
        ("data on stream 0", h2_frame(0, 0, 0, b"abc")),
        ("data before headers", h2_frame(0, 0, 1, b"abc")),
        ("PING on a stream", pings),
        ("settings of odd length", h2_frame(4, 0, 0, &[1])),
        ("window overflow", h2_frame(8, 0, 0, &[0x7f, 0xff, 0xff, 0xff]).repeat(2)),
        ("window by nothing", h2_frame(8, 0, 0, &[0; 4])),
        ("broken HPACK", h2_frame(1, 4, 1, &[0xff; 16])),
        ("even stream", h2_frame(1, 4, 2, &block)),
    ];
    for (what, frames) in rows {
        for at in [c.grpc, c.http, c.listen] {
            let bytes = [PREFACE, &frames].concat();
            assert!(closes(at, &bytes, Duration::from_secs(5)), "{what} is not closed");
        }
        lives(&c, what);
    }
    even(c);
}

#[test]
fn methods_and_paths_that_are_not_there() {
    let c = collector();
    let call = |at, method, path| {
        let body = if method == "GET" { vec![] } else { good(1) };
        let headers = [super::PROTOBUF];
        longpole_tests::http::call(at, method, path, &headers, &body).expect("an answer").status
    };
    for (method, path, status) in [
        ("GET", "/v1/traces", 405),
        ("DELETE", "/v1/traces", 405),
        ("POST", "/", 404),
        ("POST", "/v1/traces/", 404),
        ("POST", "/v1/../v1/traces", 404),
        ("POST", "/V1/TRACES", 404),
        ("POST", "/v1development/profiles", 404),
    ] {
        assert_eq!(call(c.http, method, path), status, "{method} {path}");
    }
    for (method, path, status) in [
        ("POST", "/metrics", 405),
        ("PUT", "/api/v1/changes", 405),
        ("GET", "/api/v1/", 404),
        ("GET", "/api/v2/red", 404),
        ("GET", "/../etc/passwd", 404),
        ("GET", "/api/v1/investigations/%00", 404),
        ("GET", "/api/v1/investigations/%ff", 400),
    ] {
        assert_eq!(call(c.listen, method, path), status, "{method} {path}");
    }
    assert_eq!(c.sum("traces_span_metrics_calls_total", &[]), 0.0);
    lives(&c, "methods and paths that are not there");
    even(c);
}
