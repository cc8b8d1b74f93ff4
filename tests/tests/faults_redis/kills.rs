//! Collectors and Redis killed under load (DELIVERY F1, F3).

use super::*;
use longpole_tests::collector::wait_until;
use longpole_tests::streams::Producer;
use std::collections::BTreeMap;

/// Spans by shard and end of their window of a second: what a closed window holds.
type Ends = Vec<(u32, u64)>;

fn sent(producer: &mut Producer, redis: &Redis, n: usize) -> Ends {
    let spans = some(n);
    let ends: BTreeMap<Vec<u8>, u64> =
        spans.iter().map(|s| (s.trace_id.clone(), s.end_time_unix_nano)).collect();
    let shard = |id: &[u8]| {
        let id: [u8; 16] = id.try_into().expect("16 bytes");
        longpole_proto::shard::shard_of(longpole_proto::shard::trace_hash(id), 4)
    };
    let batches = producer.cut("shop", spans);
    producer.send(redis, &batches);
    ends.iter().map(|(id, end)| (shard(id), (end / 1_000_000_000 + 1) * 1_000_000_000)).collect()
}

/// How many of these spans lie in windows that were closed when the positions were written.
fn closed(redis: &Redis, ends: &Ends) -> u64 {
    let until: Vec<u64> = (0..4)
        .map(|n| {
            redis
                .hash(&format!("lp:{{{n}}}:position"))
                .get("closed")
                .map_or(0, |c| c.parse().expect("a number"))
        })
        .collect();
    ends.iter().filter(|(shard, end)| *end <= until[*shard as usize]).count() as u64
}

#[test]
fn a_killed_collector_goes_on_where_its_windows_were_open() {
    let Some(redis) = server(&[]) else { return };
    let mut ends = Ends::new();
    let mut first = Some(collector(&redis));
    let mut producer = Producer::new(&redis, 2);
    let (mut kills, mut worst) = (0, Duration::ZERO);
    while kills < 3 {
        for _ in 0..60 {
            ends.extend(sent(&mut producer, &redis, 40));
            std::thread::sleep(Duration::from_millis(50));
        }
        let collector = first.take().expect("one runs");
        signal(collector.pid(), "-KILL");
        drop(collector);
        // What came while nobody read.
        ends.extend(sent(&mut producer, &redis, 40));
        let before = closed(&redis, &ends);
        let began = Instant::now();
        let next = with(&redis, &[]);
        counted(&next, producer.acknowledged - before);
        worst = worst.max(began.elapsed());
        let replayed = next.sum("longpole_redis_replayed_items_total", &[]) as u64;
        assert_eq!(replayed, before, "what had been counted is told");
        assert!(before > 0, "windows had closed");
        first = Some(next);
        kills += 1;
    }
    say(&format!(
        "{kills} kills of the collector: {} spans acknowledged, 0 lost, 0 twice; restart to all \
         counted at most {worst:?} (the dead owner's lease ends after 4 s)",
        producer.acknowledged
    ));
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
