//! The whole road: a program under our SDK, Redis, the collector. Redis shuts the program out, and its spans take
//! OTLP, by which the collector brings them to the same streams; Redis is killed and stopped, and they wait.
//! What was on its way by both roads counts once.

use super::*;
use longpole_sdk::{span, stats};
use longpole_tests::collector::wait_until;

/// Records so many spans, a root each, and sends them.
fn work(guard: &longpole_sdk::Guard, spans: u64) {
    for number in 0..spans {
        let _span = span!(kind: Server, "job", number = number);
    }
    guard.flush(SOON);
}

#[test]
fn a_program_changes_roads_and_every_span_counts_once() {
    let Some(mut redis) = server(&["--appendonly", "yes", "--appendfsync", "everysec"]) else {
        return;
    };
    let collector = collector(&redis);
    wait_until(SOON, "the streams are there", || owned(&collector) > 0);
    let guard = longpole_sdk::Builder::new("worker")
        .redis(&redis.producer_url())
        .endpoint(&format!("http://{}", collector.http))
        .schedule_delay(Duration::from_millis(20))
        .timeout(Duration::from_secs(1))
        .quiet(true)
        .init()
        .expect("starts");
    let received =
        |way: &str| collector.sum("longpole_spans_received_total", &[("transport", way)]) as u64;
    let created = || stats().created;
    // Its own metrics take the same roads; they are no spans.
    let all = || counted(&collector, created());

    work(&guard, 3_000);
    all();
    assert_eq!((received("redis"), received("http")), (3_000, 0), "by Redis alone");

    redis.ask::<()>(&["ACL", "SETUSER", "longpole-producer", "off"]);
    redis.ask::<u64>(&["CLIENT", "KILL", "USER", "longpole-producer"]);
    work(&guard, 500);
    all();
    assert_eq!(received("http"), 500, "by OTLP while Redis is closed to the program");
    redis.ask::<()>(&["ACL", "SETUSER", "longpole-producer", "on"]);
    let by_redis_again = || {
        let before = received("redis");
        wait_until(SOON, "spans go by Redis again", || {
            work(&guard, 50);
            received("redis") > before
        });
    };
    by_redis_again();
    // Killed while batches are under way.
    for _ in 0..2 {
        for number in 0..4_000u64 {
            let _span = span!(kind: Server, "job", number = number);
            if number == 2_000 {
                redis.kill();
            }
        }
        redis.restart();
        guard.flush(SOON);
        by_redis_again();
    }
    // Stopped: what was sent lies in its socket, no answer comes, and OTLP brings the same batches. Then it
    // wakes and takes them all.
    let told_to_wait = || {
        let waits =
            |way| collector.sum("longpole_overloaded_requests_total", &[("transport", way)]);
        waits("http")
    };
    let before = told_to_wait();
    signal(redis.pid(), "-STOP");
    for number in 0..1_000u64 {
        let _span = span!(kind: Server, "job", number = number);
    }
    wait_until(SOON, "OTLP cannot bring them either", || told_to_wait() > before);
    signal(redis.pid(), "-CONT");
    let duplicates = || collector.sum("longpole_duplicate_batches_total", &[]) as u64;
    wait_until(SOON, "the batches that came by both roads are known", || duplicates() > 0);
    wait_until(SOON, "nothing is on its way", || {
        guard.flush(Duration::from_secs(1));
        stats().queued == 0
    });
    let s = stats();
    assert_eq!((s.created, s.dropped()), (s.sent, 0), "{s:?}");
    wait_until(SOON, "the streams are read again", || {
        collector.table("/api/v1/streams")["redis"]["up"] == true
    });
    all();
    say(&format!(
        "the SDK by both roads, Redis closed to it once, killed twice and stopped once: {} spans, {} by Redis, {} by OTLP, {} batches came twice and were \
         known; 0 lost, 0 twice",
        s.created,
        received("redis"),
        received("http"),
        duplicates(),
    ));
    assert!(guard.shutdown(SOON));
}
