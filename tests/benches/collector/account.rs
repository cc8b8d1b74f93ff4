//! The collector's own account after a load: what was acknowledged was received, all of it, and nothing
//! was refused.

use longpole_tests::exposition::sum;
use longpole_tests::http;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The queue has this long to be worked off.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the collector told after a load.
#[derive(Clone, Copy, Debug, Default)]
pub struct Account {
    /// Seconds until all of it was worked off.
    pub drained: f64,
    /// Spans that only RED saw, for want of room.
    pub shed: u64,
}

/// Compares the scrape with what the generator counted; waits while spans are still queued.
///
/// # Errors
/// The numbers, when they differ.
pub fn check(listen: SocketAddr, acknowledged: u64) -> Result<Account, String> {
    let began = Instant::now();
    // Not too often: each scrape is work for the thread that works the queue off.
    let mut pause = Duration::from_millis(10);
    loop {
        let scrape = http::call(listen, "GET", "/metrics", &[], b"");
        let scrape = scrape.map_err(|e| format!("the collector gives no scrape: {e}"))?.text();
        // Many operations are many lines, and our reader is slow.
        let own = |l: &&str| {
            l.strip_prefix("# HELP ")
                .or(l.strip_prefix("# TYPE "))
                .unwrap_or(l)
                .starts_with("longpole_")
        };
        let scrape: String = scrape.split_inclusive('\n').filter(own).collect();
        let of = |term: &str| {
            let name = format!("longpole_{term}_items_total");
            sum(&scrape, &name, &[("signal", "spans")]) as u64
        };
        let (received, recorded) = (of("received"), of("recorded"));
        let (rejected, dropped, duplicate) = (of("rejected"), of("dropped"), of("duplicate"));
        let even = received == recorded + rejected + dropped + duplicate;
        if even && received == acknowledged && rejected == 0 && dropped == 0 {
            let name = "longpole_shed_items_total";
            let shed =
                ["plain_spans", "precious_spans"].map(|what| sum(&scrape, name, &[("what", what)]));
            let drained = began.elapsed().as_secs_f64();
            return Ok(Account { drained, shed: shed.iter().sum::<f64>() as u64 });
        }
        let behind = received < acknowledged && rejected == 0;
        if !behind || began.elapsed() > PATIENCE {
            return Err(format!(
                "the collector's account: {acknowledged} spans acknowledged, {received} received = \
                 {recorded} recorded + {rejected} rejected + {dropped} dropped + {duplicate} duplicate"
            ));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}
