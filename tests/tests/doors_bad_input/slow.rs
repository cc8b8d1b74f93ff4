//! Peers that take their time: closed within thirty seconds, and nobody else waits for them.

use super::{call, collector, even, post};
use longpole_tests::collector::{Collector, wait_until};
use longpole_tests::h2c::{PREFACE, code, h2_frame};
use longpole_tests::http::{connect, parse};
use longpole_tests::spans::good;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// All of them are gone by then.
const LIMIT: Duration = Duration::from_secs(30);

/// What a slow peer does.
struct Peer {
    what: &'static str,
    stream: TcpStream,
    /// A byte of it now and then; empty = silent.
    drip: &'static [u8],
    said: Vec<u8>,
    closed: Option<Duration>,
}

fn peer(what: &'static str, at: SocketAddr, first: &[u8], drip: &'static [u8]) -> Peer {
    let mut stream = connect(at).expect("a connection");
    stream.write_all(first).expect("written");
    stream.set_nonblocking(true).expect("a socket");
    Peer { what, stream, drip, said: Vec::new(), closed: None }
}

impl Peer {
    /// Reads what there is and says a little more.
    fn turn(&mut self, since: Instant) {
        if self.closed.is_some() {
            return;
        }
        let mut buffer = [0; 4096];
        let open = match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(n) => {
                self.said.extend_from_slice(&buffer[..n]);
                true
            }
            Err(e) => e.kind() == ErrorKind::WouldBlock,
        };
        if !open {
            self.closed = Some(since.elapsed());
        } else if !self.drip.is_empty() {
            let _ = self.stream.write(self.drip);
        }
    }
}

fn peers(c: &Collector) -> Vec<Peer> {
    let mut all = Vec::new();
    for at in [c.grpc, c.http, c.listen] {
        all.push(peer("slow first bytes", at, b"P", b""));
        all.push(peer("a preface that stops", at, b"PRI * HT", b""));
        all.push(peer("HTTP/2 and silence", at, PREFACE, b""));
        all.push(peer(
            "half of HEADERS",
            at,
            &[PREFACE, &h2_frame(1, 0, 1, &[0x83])].concat(),
            b"",
        ));
        all.push(peer("slow headers", at, b"GET / HTTP/1.1\r\nX: ", b"x"));
    }
    let long = b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\n\
                 Content-Type: application/x-protobuf\r\nContent-Length: 9999\r\n\r\n";
    all.push(peer("slow body", c.http, long, b"x"));
    all.push(peer("no body", c.http, long, b""));
    let chunked = b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\n\
                    Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    all.push(peer("slow chunks", c.http, chunked, b"1\r\nx\r\n"));
    let change = b"POST /api/v1/changes HTTP/1.1\r\nHost: localhost\r\n\
                   Content-Length: 9999\r\n\r\n";
    all.push(peer("slow change", c.listen, change, b"x"));
    for i in 0..200 {
        all.push(peer("half-open", [c.grpc, c.http, c.listen][i % 3], b"", b""));
    }
    all
}

#[test]
fn slow_peers_are_closed_and_hold_up_nobody() {
    let c = collector();
    let mut all = peers(&c);
    let began = Instant::now();
    wait_until(Duration::from_secs(5), "all are connected", || {
        c.sum("longpole_connections", &[]) >= all.len() as f64
    });
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Good data all the while, on both doors, each within a second.
        let sender = scope.spawn(|| {
            let (mut n, mut slowest) = (0, Duration::ZERO);
            while !done.load(Ordering::Relaxed) {
                let at = Instant::now();
                assert_eq!(post(&c, &good(1)).status, 200);
                assert_eq!(call(&c, &good(1)).code, Some(code::OK));
                slowest = slowest.max(at.elapsed());
                n += 1;
                std::thread::sleep(Duration::from_millis(100)); // the pace of the load
            }
            (n, slowest)
        });
        while all.iter().any(|p| p.closed.is_none()) && began.elapsed() < LIMIT {
            all.iter_mut().for_each(|p| p.turn(began));
            std::thread::sleep(Duration::from_millis(250)); // the pace of the drip
        }
        done.store(true, Ordering::Relaxed);
        let (n, slowest) = sender.join().expect("good data is answered");
        assert!(n > 50 && slowest < Duration::from_secs(2), "{n} pairs, slowest {slowest:?}");
    });
    let open = |p: &&Peer| p.closed.is_none();
    let left: Vec<&str> = all.iter().filter(open).map(|p| p.what).collect();
    assert!(left.is_empty(), "still open after {LIMIT:?}: {left:?}");
    for p in all.iter().filter(|p| matches!(p.what, "slow body" | "no body" | "slow chunks")) {
        assert_eq!(parse(&p.said).map(|a| a.status), Some(408), "{}", p.what);
    }
    let closed = c.sum("longpole_connections_closed_total", &[("reason", "slow_peer")]);
    assert!(closed >= 200.0, "{closed}");
    even(c);
}
