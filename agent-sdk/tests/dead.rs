//! Nobody listens: the host goes on, memory stays bounded, every span is accounted for, and flush and
//! shutdown are back by their deadlines, from inside a task of a current-thread runtime.

use longpole_sdk::DropReason;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "current_thread")]
async fn a_dead_collector_costs_the_host_nothing() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    let guard = longpole_sdk::Builder::new("lonely")
        .endpoint(&format!("http://{}", port.expect("a port that is closed again")))
        .schedule_delay(Duration::from_millis(20))
        .quiet(true)
        .env(|name| match name {
            "OTEL_BSP_MAX_QUEUE_SIZE" => Some("100".to_owned()),
            // Behind the queue the transport keeps what it has been given.
            "LONGPOLE_MEMORY_BYTES" => Some("20000".to_owned()),
            _ => None,
        })
        .init()
        .expect("starts without anybody listening");
    let began = Instant::now();
    for i in 0..10_000 {
        let _span = tracing::info_span!("work", i).entered();
    }
    assert!(began.elapsed() < Duration::from_secs(5), "no span waits for the network");
    let s = longpole_sdk::stats();
    assert_eq!((s.created, s.sent), (10_000, 0));
    // What may wait: a ring of 64 KiB (a span here takes 72 bytes), the queue, a batch before it and
    // one behind.
    let full = s.dropped_for(DropReason::RingFull);
    assert!(full >= 8_500 && s.queued <= 1_300 && s.queued + full == 10_000, "{s:?}");

    let began = Instant::now();
    assert!(!guard.flush(Duration::from_millis(300)), "it cannot be done");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let began = Instant::now();
    guard.shutdown(Duration::from_millis(500));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    // The sender's last try may still be ending; then everything has its reason.
    let until = Instant::now() + Duration::from_secs(10);
    while longpole_sdk::stats().queued > 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    let s = longpole_sdk::stats();
    assert_eq!((s.created, s.queued), (s.dropped(), 0), "{s:?}");
}
