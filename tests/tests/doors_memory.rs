//! Many large requests that come slowly, and many that unpack to much: the collector stays within `--memory`, tells
//! who found no room to come again, and goes on taking small requests.

use bytes::Bytes;
use longpole_tests::collector::{Collector, wait_until};
use longpole_tests::figures::say;
use longpole_tests::h2c::TRACES;
use longpole_tests::http::{connect, parse};
use longpole_tests::spans::good;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const MIB: usize = 1 << 20;
/// What the collector may take.
const CAP: usize = 128;
/// What each sender announces, and what of it comes at once. All of it would be three times the cap.
const ANNOUNCED: usize = 7 * MIB;
const SENT: usize = 6 * MIB;
const SENDERS: usize = 48;
const PROTOBUF: (&str, &str) = ("Content-Type", "application/x-protobuf");

fn collector() -> Collector {
    let cap = format!("{CAP}MiB");
    Collector::start(&["--window", "1s", "--lateness", "1s", "--memory", &cap])
}

fn full(c: &Collector, transport: &str) -> f64 {
    c.sum("longpole_full_doors_total", &[("transport", transport)])
}

fn small(c: &Collector) {
    let answer = c.post("/v1/traces", &[PROTOBUF], &good(1));
    assert_eq!(answer.status, 200, "small requests have room: {}", answer.text());
}

/// A length-delimited field that nobody knows, so that all of it is read and nothing recorded.
fn filler(bytes: usize) -> Vec<u8> {
    longpole_tests::spans::field(15, &vec![0; bytes])
}

/// Says a part of a request and leaves it at that.
fn begun(at: SocketAddr) -> TcpStream {
    let mut stream = connect(at).expect("a connection");
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n{}: {}\r\nContent-Length: {ANNOUNCED}\r\n\r\n",
        PROTOBUF.0, PROTOBUF.1
    );
    stream.write_all(head.as_bytes()).expect("written");
    // Whoever is refused is not listened to any longer.
    let _ = stream.write_all(&filler(ANNOUNCED)[..SENT]);
    stream
}

/// What was answered so far.
fn said(stream: &mut TcpStream) -> Option<(u16, bool)> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    stream.set_read_timeout(Some(Duration::from_secs(40))).expect("a socket");
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            // A server that refuses does not read the rest: its answer may be cut off by that.
            Err(_) => break,
        }
    }
    parse(&bytes).map(|a| (a.status, a.header("Retry-After").is_some()))
}

#[test]
fn large_bodies_that_come_slowly_over_http() {
    let c = collector();
    let senders: Vec<_> = (0..SENDERS).map(|_| c.http).collect();
    let mut streams: Vec<TcpStream> = std::thread::scope(|scope| {
        let one = |at| scope.spawn(move || begun(at));
        let all: Vec<_> = senders.into_iter().map(one).collect();
        all.into_iter().map(|t| t.join().expect("a stream")).collect()
    });
    wait_until(Duration::from_secs(20), "most find no room", || full(&c, "http") >= 40.0);
    small(&c);
    let answers: Vec<_> = streams.iter_mut().filter_map(said).collect();
    let later = answers.iter().filter(|(status, when)| *status == 503 && *when).count();
    let slow = answers.iter().filter(|(status, _)| *status == 408).count();
    assert!(later + slow <= SENDERS && later >= 10, "{answers:?}");
    assert!(slow >= 1, "who had room and did not use it is given up: {answers:?}");
    let body = [good(1), filler(ANNOUNCED - 100)].concat();
    let answer = c.post("/v1/traces", &[PROTOBUF], &body);
    assert_eq!(answer.status, 200, "there is room again: {}", answer.text());
    within(c, "bodies that come slowly over HTTP");
}

#[test]
fn large_messages_that_come_slowly_over_grpc() {
    let c = collector();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let at = c.grpc;
    let tasks: Vec<_> = (0..SENDERS).map(|_| runtime.spawn(slow_call(at))).collect();
    wait_until(Duration::from_secs(20), "most find no room", || full(&c, "grpc") >= 40.0);
    small(&c);
    let codes: Vec<_> = tasks
        .into_iter()
        .map(|t| runtime.block_on(t).expect("a task").unwrap_or_default())
        .collect();
    let unavailable = codes.iter().filter(|code| *code == "14").count();
    assert!(unavailable >= 40, "{codes:?}");
    within(c, "messages that come slowly over gRPC");
}

/// The status of a call whose message does not end.
async fn slow_call(at: SocketAddr) -> Option<String> {
    let stream = tokio::net::TcpStream::connect(at).await.ok()?;
    let (client, connection) = h2::client::handshake(stream).await.ok()?;
    tokio::spawn(connection);
    let request = http::Request::post(format!("http://{at}{TRACES}"))
        .header("te", "trailers")
        .header("content-type", "application/grpc");
    let mut client = client.ready().await.ok()?;
    let (response, mut send) = client.send_request(request.body(()).ok()?, false).ok()?;
    let length = u32::try_from(ANNOUNCED).ok()?.to_be_bytes();
    let part = [&[0][..], &length, &filler(ANNOUNCED)[..SENT]].concat();
    send.send_data(Bytes::from(part), false).ok()?;
    let head = response.await.ok()?.into_parts().0;
    Some(head.headers.get("grpc-status")?.to_str().ok()?.to_owned())
}

#[test]
fn bodies_that_unpack_to_much() {
    let c = collector();
    let plain = [good(1), filler(7 * MIB)].concat();
    let zstd = zstd::bulk::compress(&plain, 1).expect("memory");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).expect("memory");
    let gzip = gzip.finish().expect("memory");
    let mut taken = 0;
    std::thread::scope(|scope| {
        let one = |n: usize| {
            let (body, name) = if n.is_multiple_of(2) { (&zstd, "zstd") } else { (&gzip, "gzip") };
            let c = &c;
            scope.spawn(move || {
                let headers = [PROTOBUF, ("Content-Encoding", name)];
                c.post("/v1/traces", &headers, body)
            })
        };
        let all: Vec<_> = (0..SENDERS).map(one).collect();
        for answer in all.into_iter().map(|t| t.join().expect("an answer")) {
            assert!(matches!(answer.status, 200 | 503), "{}", answer.text());
            taken += u64::from(answer.status == 200);
        }
    });
    assert!(taken > 0);
    // One that is larger than there is room at all is not told to come again.
    let huge = zstd::bulk::compress(&filler(13 * MIB), 1).expect("memory");
    let answer = c.post("/v1/traces", &[PROTOBUF, ("Content-Encoding", "zstd")], &huge);
    assert_eq!(answer.status, 413, "{}", answer.text());
    within(c, "bodies that unpack to much");
}

fn within(c: Collector, what: &str) {
    let peak = c.peak_kib() >> 10;
    let asked: f64 = ["grpc", "http"].iter().map(|t| full(&c, t)).sum();
    say(&format!("doors: {SENDERS} {what}: peak {peak} MiB of {CAP}, {asked} told to come again"));
    assert!(peak <= CAP as u64, "{peak} MiB");
    wait_until(Duration::from_secs(10), "all room is given back", || {
        c.sum("longpole_receiving_bytes", &[]) == 0.0
    });
    c.terminate();
}
