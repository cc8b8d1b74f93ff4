//! Batches sent again, out of order, or trimmed before they were read (DELIVERY F12).

use super::*;
use longpole_tests::collector::wait_until;
use longpole_tests::streams::Producer;

#[test]
fn batches_sent_again_and_out_of_order_count_once() {
    let Some(redis) = server(&[]) else { return };
    let collector = collector(&redis);
    let mut producer = Producer::new(&redis, 6);
    let mut batches = Vec::new();
    for _ in 0..30 {
        batches.extend(producer.cut("shop", some(20)));
    }
    let unique: u64 = batches.iter().map(|b| b.spans).sum();
    let mut sent: Vec<_> =
        batches.iter().cloned().enumerate().flat_map(|(i, b)| vec![b; 1 + i % 3]).collect();
    // A fixed shuffle.
    let n = sent.len();
    for i in 0..n {
        sent.swap(i, (i * 7_919 + 13) % n);
    }
    producer.send(&redis, &sent);
    counted(&collector, unique);
    let total: u64 = sent.iter().map(|b| b.spans).sum();
    wait_until(SOON, "all of it has been read", || {
        collector.sum("longpole_received_items_total", &[("signal", "spans")]) as u64 == total
    });
    assert_eq!(calls(&collector), unique);
    let duplicate = collector.sum("longpole_duplicate_items_total", &[("signal", "spans")]) as u64;
    assert_eq!(duplicate, total - unique);
    assert_eq!(collector.sum("longpole_awaited_sequences", &[]), 0.0);
    say(&format!(
        "{} batches sent {n} times, shuffled: {unique} spans counted once",
        batches.len()
    ));
    collector.terminate();
}

#[test]
fn what_was_trimmed_unread_is_named() {
    let Some(redis) = server(&[]) else { return };
    let first = collector(&redis);
    let mut producer = Producer::new(&redis, 7);
    for _ in 0..20 {
        producer.spans(&redis, some(20));
    }
    counted(&first, 400);
    first.terminate();
    let before: u64 = (0..4).map(|n| redis.ask::<u64>(&["XLEN", &format!("lp:{{{n}}}")])).sum();
    assert!(before > 40);
    let mut lost = 0;
    for _ in 0..10 {
        let batches = producer.cut("shop", some(20));
        lost += batches.len() as u64;
        producer.send(&redis, &batches);
    }
    for n in 0..4 {
        let _: u64 = redis.ask(&["XTRIM", &format!("lp:{{{n}}}"), "MAXLEN", "0"]);
    }
    // Whatever comes next shows what is missing by its number.
    for _ in 0..10 {
        producer.spans(&redis, some(20));
    }
    let next = with(&redis, &[]);
    wait_until(SOON, "it is noticed", || {
        next.sum("longpole_redis_gone_entries_total", &[]) as u64 == lost
    });
    say(&format!("{lost} entries trimmed before they were read: all named"));
    next.terminate();
}
