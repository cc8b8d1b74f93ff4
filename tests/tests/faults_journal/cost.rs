//! What the journal costs in processor time, beside the same load without.

use super::{QUICK, SENDERS, say, serving, start};
use longpole_tests::collector::Collector;
use longpole_tests::spans::{request, span};
use std::time::Instant;

/// Processor seconds of a process so far, its system calls included.
fn processor(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process lives");
    // Behind the name, which may hold anything: user and system time are the 12th and 13th field.
    let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks: f64 = rest.split(' ').skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    ticks / 100.0
}

#[test]
#[ignore = "a measurement: cargo test -p longpole-tests --test faults_journal -- --ignored"]
fn what_the_journal_costs() {
    const SPANS: usize = 437;
    let round = |data: Option<&str>| {
        let collector = match data {
            Some(data) => start(data, &[]),
            None => Collector::start(&QUICK),
        };
        serving(&collector);
        let bodies = |_| {
            (0..250).map(|i| {
                let name = format!("op{}", i % 20);
                request("cost", (0..SPANS).map(|_| span(&name)).collect())
            })
        };
        let bodies: Vec<Vec<Vec<u8>>> = (0..SENDERS).map(|s| bodies(s).collect()).collect();
        let (before, began) = (processor(collector.pid()), Instant::now());
        std::thread::scope(|scope| {
            for mine in &bodies {
                let collector = &collector;
                scope.spawn(move || {
                    let headers = [("Content-Type", "application/x-protobuf")];
                    for body in mine {
                        assert_eq!(collector.post("/v1/traces", &headers, body).status, 200);
                    }
                });
            }
        });
        let received = collector.account("spans");
        let (cpu, took) = (processor(collector.pid()) - before, began.elapsed());
        say(&format!("  {data:?}: {received} spans, {cpu:.2} s of processor, {took:?}"));
        collector.terminate();
        received as f64 / cpu
    };
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        without.push(round(None));
        let temp = tempfile::tempdir().expect("a folder");
        with.push(round(temp.path().to_str()));
    }
    without.sort_by(f64::total_cmp);
    with.sort_by(f64::total_cmp);
    say(&format!("spans per processor second, journal / none: {:.2}", with[1] / without[1]));
}
