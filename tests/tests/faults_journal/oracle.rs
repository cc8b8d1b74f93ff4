//! Who hands out batches, sends each until it is acknowledged, and judges the account.

use longpole_tests::collector::Collector;
use longpole_tests::exposition::sum;
use longpole_tests::http::call;
use longpole_tests::spans::{request, span};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A small generator, so that a failing run can be repeated.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, n: u64) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    }
}

/// What senders share.
pub struct Oracle {
    /// Where the collector is, while there is one.
    at: Mutex<Option<SocketAddr>>,
    pub stop: AtomicBool,
    /// The test has failed: not even what is under way is sent on.
    given_up: AtomicBool,
    /// Spans handed out, each acknowledged in the end.
    pub spans: AtomicU64,
    pub acknowledged: AtomicU64,
    /// Requests sent again because nobody knows what became of them.
    pub again: AtomicU64,
    /// Requests that were told to come later.
    later: AtomicU64,
}

/// Stops all senders when it goes.
pub struct Stop<'a>(pub &'a Oracle);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
        self.0.given_up.store(std::thread::panicking(), Ordering::Relaxed);
    }
}

impl Oracle {
    pub fn new() -> Self {
        Self {
            at: Mutex::new(None),
            stop: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
            spans: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            again: AtomicU64::new(0),
            later: AtomicU64::new(0),
        }
    }

    pub fn at(&self, is: Option<SocketAddr>) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = is;
    }

    /// Sends batches until told to stop, each again and again until it is acknowledged. Odd senders
    /// number their batches, even ones are foreign.
    pub fn send(&self, sender: u64) {
        let mut dice = Dice(0x5eed + sender * 7919);
        let id = format!("{:032x}", 0xabc0_0000u64 + sender);
        let mut sequence = 0u64;
        while !self.stop.load(Ordering::Relaxed) {
            let n = 1 + dice.below(60);
            let name = format!("op{}", dice.below(12));
            let body = request("faulty", (0..n).map(|_| span(&name)).collect());
            sequence += 1;
            let number = sequence.to_string();
            let mut headers = vec![("Content-Type", "application/x-protobuf")];
            if sender % 2 == 1 {
                headers.push(("longpole-producer", &id));
                headers.push(("longpole-sequence", &number));
            }
            self.spans.fetch_add(n, Ordering::Relaxed);
            while !self.given_up.load(Ordering::Relaxed) {
                let at = *self.at.lock().unwrap_or_else(PoisonError::into_inner);
                let answer = at.map(|at| call(at, "POST", "/v1/traces", &headers, &body));
                match answer {
                    Some(Ok(a)) if a.status == 200 => break,
                    Some(Ok(a)) => {
                        assert_eq!(a.status, 503, "{}", a.text());
                        assert_eq!(a.header("Retry-After"), Some("1"));
                        self.later.fetch_add(1, Ordering::Relaxed);
                    }
                    Some(Err(_)) => {
                        self.again.fetch_add(1, Ordering::Relaxed);
                    }
                    None => {}
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            self.acknowledged.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// Everything handed out was counted once; gives spans and duplicates.
    pub fn judge(&self, collector: &Collector) -> (u64, u64) {
        // Scrapes share totals that may be a tenth of a second old.
        std::thread::sleep(Duration::from_millis(300));
        let received = collector.account("spans");
        let text = collector.metrics();
        let of = |name: &str| sum(&text, name, &[("signal", "spans")]) as u64;
        let (recorded, duplicate) =
            (of("longpole_recorded_items_total"), of("longpole_duplicate_items_total"));
        let sent = self.spans.load(Ordering::Relaxed);
        assert_eq!(self.acknowledged.load(Ordering::Relaxed), sent);
        assert_eq!(received, recorded + duplicate, "nothing was refused");
        assert_eq!(recorded, sent, "acknowledged and lost, or counted twice");
        let calls = sum(&text, "traces_span_metrics_calls_total", &[]) as u64;
        assert_eq!(calls, sent, "RED says the same");
        assert_eq!(sum(&text, "longpole_missing_sequences_total", &[]) as u64, 0);
        (sent, duplicate)
    }
}
