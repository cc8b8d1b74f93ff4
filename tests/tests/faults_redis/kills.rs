//! Collectors and Redis killed under load (DELIVERY F1, F3).

use super::*;
use longpole_tests::collector::wait_until;
use longpole_tests::streams::Producer;

#[test]
fn a_killed_collector_goes_on_where_its_windows_were_open() {
    let Some(redis) = server(&[]) else { return };
    let mut first = Some(collector(&redis));
    let mut producer = Producer::new(&redis, 2);
    let (mut kills, mut worst) = (0, Duration::ZERO);
    while kills < 3 {
        for _ in 0..60 {
            producer.spans(&redis, some(40));
            std::thread::sleep(Duration::from_millis(50));
        }
        let collector = first.take().expect("one runs");
        // SIGKILL.
        drop(collector);
        // What came while nobody read.
        producer.spans(&redis, some(40));
        let began = Instant::now();
        let next = with(&redis, &[]);
        counted(&next, producer.acknowledged);
        worst = worst.max(began.elapsed());
        first = Some(next);
        kills += 1;
    }
    say(&format!(
        "{kills} kills of the collector: {} spans acknowledged, 0 lost, 0 twice, totals go on; restart to all \
         counted at most {worst:?} (the dead owner's lease ends after 4 s)",
        producer.acknowledged
    ));
}

/// Traces reach two seconds back, so that a stream is read on from a place within it, and
/// what lies before is trimmed.
#[test]
fn a_collector_killed_late_reads_on_from_a_place_within_the_stream() {
    let Some(redis) = server(&[]) else { return };
    let short = ["--horizon", "2s"];
    let first = with(&redis, &short);
    let mut producer = Producer::new(&redis, 13);
    let low = || -> u64 {
        let of = |n: u32| redis.hash(&format!("lp:{{{n}}}:position")).get("low")?.parse().ok();
        (0..4).map(|n| of(n).unwrap_or(0)).min().unwrap_or(0)
    };
    let began = Instant::now();
    let mut begun = 0;
    // A place, and another far behind it.
    while begun == 0 || low() < begun + 8_000_000_000 {
        assert!(began.elapsed() < Duration::from_secs(60), "no place: {:?}", first.log());
        begun = if begun == 0 { low() } else { begun };
        producer.spans(&redis, some(40));
        std::thread::sleep(Duration::from_millis(50));
    }
    counted(&first, producer.acknowledged);
    // SIGKILL.
    drop(first);
    let next = with(&redis, &short);
    counted(&next, producer.acknowledged);
    let again = next.sum("longpole_redis_replayed_items_total", &[]) as u64;
    assert!(again > 0 && again < producer.acknowledged, "{again} of {}", producer.acknowledged);
    say(&format!(
        "of {} spans {again} were read again, and none counted twice",
        producer.acknowledged
    ));
    next.terminate();
}

#[test]
fn a_killed_redis_with_its_file_loses_nothing() {
    let Some(mut redis) = server(&["--appendonly", "yes", "--appendfsync", "everysec"]) else {
        return;
    };
    let collector = collector(&redis);
    let mut producer = Producer::new(&redis, 3);
    let (mut kills, mut batches) = (0, 0);
    while kills < 3 {
        for _ in 0..40 {
            producer.spans(&redis, some(30));
            batches += 1;
        }
        redis.kill();
        wait_until(SOON, "that Redis is gone is seen", || {
            collector.sum("longpole_redis_up", &[]) == 0.0
        });
        let ready = collector.get("/readyz");
        assert!(ready.status == 503 && ready.text().contains("\"redis\""), "{}", ready.text());
        redis.restart();
        kills += 1;
    }
    let began = Instant::now();
    counted(&collector, producer.acknowledged);
    let missing = collector.sum("longpole_awaited_sequences", &[]);
    assert_eq!(missing, 0.0);
    say(&format!(
        "{kills} kills of Redis (AOF everysec): {} spans in {batches} rounds acknowledged, 0 lost, 0 \
         twice; counted {:?} after the last start",
        producer.acknowledged,
        began.elapsed()
    ));
    collector.terminate();
}
