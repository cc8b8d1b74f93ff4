//! Two collectors of one Redis (DELIVERY F13), and one that is cut off from it.

use super::*;
use longpole_tests::collector::wait_until;
use longpole_tests::streams::Producer;

/// An owner's name and token, by the position that it wrote.
fn fence(redis: &Redis, shard: u32) -> (String, String) {
    let position = redis.hash(&format!("lp:{{{shard}}}:position"));
    let of = |name: &str| position.get(name).cloned().unwrap_or_default();
    (of("owner"), of("token"))
}

fn two(redis: &Redis) -> (Collector, Collector) {
    let first = collector(redis);
    wait_until(SOON, "the first owns all", || owned(&first) == 4);
    let second = collector(redis);
    wait_until(SOON, "the second stands by", || {
        let told = second.table("/api/v1/streams");
        let streams = told["redis"]["streams"].as_array().cloned().unwrap_or_default();
        streams.len() == 4
            && streams.iter().all(|s| s["owner"].as_str().is_some_and(|o| !o.is_empty()))
    });
    assert_eq!((owned(&first), owned(&second)), (4, 0));
    (first, second)
}

/// What a collector that took over must have counted: all but what closed windows of the first hold.
fn taken_over(redis: &Redis, second: &Collector, producer: &Producer) -> u64 {
    wait_until(SOON, "everything is counted by one of them", || {
        let replayed = second.sum("longpole_redis_replayed_items_total", &[]) as u64;
        replayed + calls(second) == producer.acknowledged
    });
    for _ in 0..10 {
        // And stays so.
        let replayed = second.sum("longpole_redis_replayed_items_total", &[]) as u64;
        assert_eq!(replayed + calls(second), producer.acknowledged);
        std::thread::sleep(Duration::from_millis(20));
    }
    second.account("spans");
    let _ = redis;
    second.sum("longpole_redis_replayed_items_total", &[]) as u64
}

#[test]
fn a_second_collector_takes_over_and_a_woken_first_changes_nothing() {
    let Some(redis) = server(&[]) else { return };
    let (first, second) = two(&redis);
    let mut producer = Producer::new(&redis, 8);
    for _ in 0..60 {
        producer.spans(&redis, some(20));
        std::thread::sleep(Duration::from_millis(50));
    }
    wait_until(SOON, "the first counts", || calls(&first) == producer.acknowledged);
    let (owner, token) = fence(&redis, 0);
    signal(first.pid(), "-STOP");
    let began = Instant::now();
    for _ in 0..20 {
        producer.spans(&redis, some(20));
    }
    let took = loop {
        if owned(&second) == 4 {
            break began.elapsed();
        }
        assert!(began.elapsed() < SOON, "nobody took over: {:?}", second.log());
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(took <= Duration::from_secs(10), "{took:?}");
    let before = taken_over(&redis, &second, &producer);
    let (now_owner, now_token) = fence(&redis, 0);
    assert!(now_owner != owner && now_token != token);
    let at_wake = redis.hash("lp:{0}:position");
    signal(first.pid(), "-CONT");
    let mut first = first;
    wait_until(SOON, "the woken one ends by itself", || first.ended().is_some());
    let log = first.log().concat();
    assert!(log.contains("was taken over by"), "{log}");
    assert_eq!(fence(&redis, 0), (now_owner, now_token), "it wrote nothing");
    let after = redis.hash("lp:{0}:position");
    assert!(after["read"] >= at_wake["read"] && after["closed"] >= at_wake["closed"]);
    producer.spans(&redis, some(20));
    assert_eq!(taken_over(&redis, &second, &producer), before);
    say(&format!(
        "an owner that was stopped: taken over in {took:?}; {} spans acknowledged, {before} in windows \
         that the first had closed, the rest counted by the second, 0 lost, 0 twice; the first woke, \
         wrote nothing and ended",
        producer.acknowledged
    ));
    second.terminate();
}

#[test]
fn a_killed_owner_is_followed_within_ten_seconds() {
    let Some(redis) = server(&[]) else { return };
    let (first, second) = two(&redis);
    let mut producer = Producer::new(&redis, 9);
    for _ in 0..40 {
        producer.spans(&redis, some(20));
        std::thread::sleep(Duration::from_millis(50));
    }
    signal(first.pid(), "-KILL");
    let began = Instant::now();
    drop(first);
    producer.spans(&redis, some(20));
    wait_until(Duration::from_secs(10), "the second takes over", || owned(&second) == 4);
    let took = began.elapsed();
    let before = taken_over(&redis, &second, &producer);
    say(&format!(
        "an owner that was killed: taken over in {took:?}; {before} of {} spans had been closed by it, \
         the rest counted by the second",
        producer.acknowledged
    ));
    second.terminate();
}

#[test]
fn a_redis_that_does_not_answer_is_seen_and_come_back_to() {
    let Some(redis) = server(&[]) else { return };
    let collector = collector(&redis);
    let mut producer = Producer::new(&redis, 10);
    producer.spans(&redis, some(20));
    counted(&collector, 20);
    signal(redis.pid(), "-STOP");
    wait_until(SOON, "it is seen", || {
        let text = collector.metrics();
        let of = |name: &str| longpole_tests::exposition::sum(&text, name, &[]);
        of("longpole_redis_up") == 0.0 && of("longpole_stream_lag_seconds") > 4.0
    });
    let connects = collector.sum("longpole_redis_connects_total", &[]);
    signal(redis.pid(), "-CONT");
    producer.spans(&redis, some(20));
    counted(&collector, 40);
    wait_until(SOON, "nothing lags", || {
        collector.sum("longpole_stream_lag_seconds", &[]) == 0.0
            && collector.sum("longpole_redis_up", &[]) == 1.0
    });
    let again = collector.sum("longpole_redis_connects_total", &[]) - connects;
    assert!((1.0..=3.0).contains(&again), "{again} connections: it must not spin");
    collector.terminate();
}
