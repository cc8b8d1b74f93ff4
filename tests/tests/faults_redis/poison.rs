//! Entries that nobody can take (DELIVERY F11).

use super::*;
use longpole_tests::collector::wait_until;
use longpole_tests::spans;
use longpole_tests::streams::{Producer, append};
use std::collections::BTreeMap;
use std::io::Write;

#[test]
fn poison_is_buried_with_its_reason_and_delays_nobody() {
    let Some(redis) = server(&[]) else { return };
    let collector = collector(&redis);
    let mut producer = Producer::new(&redis, 5);
    producer.spans(&redis, some(50));
    counted(&collector, 50);
    let mut poison = Vec::new();
    let mut add = |name: &str, value: Vec<u8>, reason: &'static str, producer: &mut Producer| {
        let mut batch = producer.cut("shop", some(1)).remove(0);
        for (field, content) in &mut batch.fields {
            if *field == name {
                content.clone_from(&value);
            }
        }
        poison.push((batch, reason));
    };
    let bomb = bomb();
    assert!(bomb.len() < 256 << 10);
    for _ in 0..3 {
        add("format", b"9.9".to_vec(), "newer_format", &mut producer);
        add("producer", b"nobody".to_vec(), "bad_entry", &mut producer);
        add("otlp", b"no gzip".to_vec(), "bad_encoding", &mut producer);
        add("otlp", spans::gzip(b"\x0a\xff\xff\xff\xff\x7f"), "malformed", &mut producer);
        add("otlp", vec![0; 300 << 10], "too_large", &mut producer);
        add("otlp", bomb.clone(), "too_large", &mut producer);
    }
    let began = Instant::now();
    let mut expected: BTreeMap<&str, u64> = BTreeMap::new();
    let mut good = 50;
    for (batch, reason) in &poison {
        append(&mut redis.connection(), std::slice::from_ref(batch)).expect("acknowledged");
        *expected.entry(reason).or_default() += 1;
        producer.spans(&redis, some(20));
        good += 20;
    }
    let written = Instant::now();
    counted(&collector, good);
    let (delay, all) = (written.elapsed(), began.elapsed());
    for (reason, n) in &expected {
        let told = collector.sum("longpole_redis_dead_letters_total", &[("reason", reason)]);
        assert_eq!(told as u64, *n, "{reason}: {:?}", collector.log());
    }
    let mut letters = 0;
    for n in 0..4 {
        let of: Vec<(String, BTreeMap<String, Vec<u8>>)> =
            redis.ask(&["XRANGE", &format!("lp:{{{n}}}:dead"), "-", "+"]);
        for (_, fields) in &of {
            let text = |name: &str| {
                String::from_utf8_lossy(fields.get(name).map_or(b"", Vec::as_slice)).into_owned()
            };
            assert!(expected.contains_key(text("reason").as_str()), "{fields:?}");
            assert!(text("source").contains('-') && !text("why").is_empty());
            assert!(fields.contains_key("otlp"), "what it held is kept");
        }
        letters += of.len();
    }
    assert_eq!(letters, poison.len());
    assert_eq!(collector.sum("longpole_redis_dead_letter_items_total", &[]) as usize, poison.len());
    say(&format!(
        "{} poisonous entries (6 of them bombs or too long) among {good} good spans: buried, \
         the last good span counted {delay:?} after it was written ({all:?} in all)",
        poison.len()
    ));
    // None of them comes back with the next collector.
    collector.terminate();
    let next = with(&redis, &[]);
    wait_until(SOON, "it has caught up", || next.get("/readyz").status == 200);
    assert_eq!(next.sum("longpole_redis_dead_letters_total", &[]), 0.0);
    assert!(delay < Duration::from_secs(5));
    next.terminate();
}

/// More than a request may have, packed as tightly as gzip can.
fn bomb() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![0; 80 << 20]).expect("memory");
    encoder.finish().expect("memory")
}
