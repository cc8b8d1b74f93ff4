//! Collectors that share the streams of one Redis: one is stopped, killed, joined by another (DELIVERY F13); and
//! one that is cut off from Redis.

use super::*;
use longpole_tests::collector::wait_until;
use longpole_tests::streams::Producer;

/// An owner's name and token, by the position that it wrote.
fn fence(redis: &Redis, shard: u32) -> (String, u64) {
    let position = redis.hash(&format!("lp:{{{shard}}}:position"));
    let of = |name: &str| position.get(name).cloned().unwrap_or_default();
    (of("owner"), of("token").parse().unwrap_or(0))
}

fn leads(collector: &Collector) -> bool {
    collector.sum("longpole_redis_leads", &[]) == 1.0
}

/// Two that share; the first leads.
fn two(redis: &Redis) -> (Collector, Collector) {
    let first = collector(redis);
    wait_until(SOON, "the first owns all", || owned(&first) == 4 && leads(&first));
    let second = collector(redis);
    wait_until(SOON, "they share", || (owned(&first), owned(&second)) == (2, 2));
    assert!(leads(&first) && !leads(&second));
    (first, second)
}

fn produce(redis: &Redis, producer: &mut Producer, rounds: u32) {
    for _ in 0..rounds {
        producer.spans(redis, some(20));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_stopped_one_is_taken_over_and_when_it_wakes_it_changes_nothing() {
    let Some(redis) = server(&[]) else { return };
    let (first, second) = two(&redis);
    let mut producer = Producer::new(&redis, 8);
    produce(&redis, &mut producer, 60);
    // Of the other's streams the leader knows what closed.
    wait_until(SOON, "the leader counts", || calls(&first) == producer.acknowledged);
    let follower = second.get("/api/v1/red");
    assert!(follower.status == 503 && follower.text().contains("leads"), "{}", follower.text());
    let before: Vec<(String, u64)> = (0..4).map(|n| fence(&redis, n)).collect();
    signal(first.pid(), "-STOP");
    let began = Instant::now();
    for _ in 0..20 {
        producer.spans(&redis, some(20));
    }
    wait_until(Duration::from_secs(10), "the other has all and leads", || {
        owned(&second) == 4 && leads(&second)
    });
    let took = began.elapsed();
    counted(&second, producer.acknowledged);
    let all = began.elapsed();
    let at_wake: Vec<(String, u64)> = (0..4).map(|n| fence(&redis, n)).collect();
    let moved = before.iter().zip(&at_wake).filter(|(b, a)| b.1 < a.1 && b.0 != a.0).count();
    assert_eq!(moved, 2, "{before:?} {at_wake:?}");
    signal(first.pid(), "-CONT");
    wait_until(SOON, "the woken one sees it", || {
        first.log().iter().any(|line| line.contains("was taken over"))
    });
    wait_until(SOON, "and has its share again", || (owned(&first), owned(&second)) == (2, 2));
    assert!(!leads(&first) && leads(&second), "who leads goes on leading");
    produce(&redis, &mut producer, 20);
    counted(&second, producer.acknowledged);
    for _ in 0..10 {
        assert_eq!(calls(&second), producer.acknowledged, "and stays so");
        std::thread::sleep(Duration::from_millis(50));
    }
    say(&format!(
        "one of two collectors, the leader, was stopped: taken over in {took:?}, all counted after {all:?}; {} \
         spans acknowledged, 0 lost, 0 twice; it woke, changed nothing, and shares again",
        producer.acknowledged
    ));
    first.terminate();
    second.terminate();
}

#[test]
fn a_killed_one_is_followed_within_ten_seconds() {
    let Some(redis) = server(&[]) else { return };
    let (first, second) = two(&redis);
    let mut producer = Producer::new(&redis, 9);
    produce(&redis, &mut producer, 40);
    let began = Instant::now();
    // SIGKILL.
    drop(first);
    producer.spans(&redis, some(20));
    wait_until(Duration::from_secs(10), "the other has all and leads", || {
        owned(&second) == 4 && leads(&second)
    });
    let took = began.elapsed();
    counted(&second, producer.acknowledged);
    say(&format!(
        "one of two collectors, the leader, was killed: taken over in {took:?}, all {} spans counted after {:?}",
        producer.acknowledged,
        began.elapsed()
    ));
    second.terminate();
}

/// New ones come while old ones go, as in a rolling upgrade: no counter of whoever leads goes back.
#[test]
fn collectors_come_and_go_and_no_counter_goes_back() {
    let Some(redis) = server(&[]) else { return };
    let mut here = vec![collector(&redis)];
    wait_until(SOON, "it owns all", || owned(&here[0]) == 4 && leads(&here[0]));
    let mut producer = Producer::new(&redis, 12);
    for _ in 0..3 {
        here.push(collector(&redis));
        let mut last = 0;
        let shares = |here: &[Collector]| here.iter().map(owned).collect::<Vec<_>>();
        let began = Instant::now();
        while shares(&here).iter().any(|n| *n != 4 / here.len() as u64) {
            assert!(began.elapsed() < SOON, "{:?}", shares(&here));
            producer.spans(&redis, some(20));
            let now = calls(&here[0]);
            assert!(now >= last, "{now} after {last}");
            last = now;
        }
        produce(&redis, &mut producer, 10);
        if here.len() > 1 {
            here.remove(0).terminate();
            wait_until(SOON, "the other leads", || leads(&here[0]) && owned(&here[0]) == 4);
        }
        counted(&here[0], producer.acknowledged);
    }
    say(&format!(
        "three collectors came and three went under load: {} spans acknowledged, 0 lost, 0 twice",
        producer.acknowledged
    ));
    here.into_iter().for_each(Collector::terminate);
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
