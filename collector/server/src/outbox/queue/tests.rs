//! The queue without waiting: a day passes in a loop.

use super::*;
use longpole_model::finding::{BottleneckKind, EventKind};
use longpole_model::signal::SECOND;
use proptest::prelude::*;

const T0: Timestamp = Timestamp(1_767_323_040 * SECOND);

fn event(investigation: u32, n: u32, kind: EventKind) -> Event {
    Event {
        at: T0,
        kind,
        investigation: format!("i{investigation}"),
        verdict: BottleneckKind::Cpu,
        idempotency_key: format!("i{investigation}-{n}"),
    }
}

fn queue(settings: Settings) -> Queue {
    Queue::new("http://h".into(), settings)
}

fn push(q: &mut Queue, now: Timestamp, investigation: u32, n: u32, kind: EventKind) {
    q.push(now, event(investigation, n, kind), Bytes::from_static(b"0123456789"));
}

fn failed(error: &str) -> Outcome {
    Outcome::Failed { error: error.into(), retry_after: None }
}

fn keys(q: &Queue) -> Vec<String> {
    q.waiting().into_iter().map(|w| w.event.idempotency_key).collect()
}

#[test]
fn a_lane_keeps_its_order_and_holds_up_no_other() {
    let mut q = queue(Settings::default());
    push(&mut q, T0, 1, 0, EventKind::Opened);
    push(&mut q, T0, 1, 1, EventKind::Resolved);
    push(&mut q, T0, 2, 0, EventKind::Opened);
    let first = q.take(T0).expect("due");
    assert_eq!(first.event.idempotency_key, "i1-0");
    let other = q.take(T0).expect("due");
    assert_eq!(other.event.idempotency_key, "i2-0");
    assert!(q.take(T0).is_none(), "i1-1 waits for i1-0");
    q.done(T0, &first, failed("500"));
    q.done(T0, &other, Outcome::Delivered);
    assert!(q.take(T0).is_none(), "i1-0 waits for its time");
    let at = q.next_at().expect("a time");
    assert!((SECOND / 2..=SECOND).contains(&at.since(T0)));
    let again = q.take(at).expect("due");
    assert_eq!(again.event, first.event);
    q.done(at, &again, Outcome::Delivered);
    let last = q.take(at).expect("due at once");
    assert_eq!(last.event.idempotency_key, "i1-1");
    q.done(at, &last, Outcome::Delivered);
    assert!(q.is_empty() && q.next_at().is_none());
    let stats = q.stats();
    assert_eq!((stats.accepted, stats.delivered, stats.attempts, stats.failures), (3, 3, 4, 1));
}

#[test]
fn a_day_of_failures_is_a_dead_letter() {
    let mut q = queue(Settings::default());
    push(&mut q, T0, 1, 0, EventKind::Opened);
    let (mut tries, mut longest, mut last) = (0, 0, T0);
    while let Some(at) = q.next_at() {
        longest = longest.max(at.since(last));
        last = at;
        let attempt = q.take(at).expect("due");
        assert_eq!(attempt.event.idempotency_key, "i1-0");
        tries += 1;
        q.done(at, &attempt, failed("connection refused"));
    }
    assert_eq!(last.since(T0), 24 * 3_600 * SECOND, "the last try falls on the end");
    assert!(longest <= 300 * SECOND);
    assert!((288..=600).contains(&tries), "{tries}");
    let letters: Vec<&DeadLetter> = q.dead_letters().collect();
    assert_eq!(letters.len(), 1);
    let letter = letters.first().expect("one");
    assert_eq!((letter.reason, letter.attempts), (DeadReason::GaveUp, tries));
    assert_eq!(letter.last_error, "connection refused");
    assert_eq!((q.stats().dead_gave_up, q.stats().dead(), q.stats().waiting), (1, 1, 0));
}

#[test]
fn the_next_of_a_dead_one_gets_its_try() {
    let mut q = queue(Settings { give_up: Duration::ZERO, ..Settings::default() });
    push(&mut q, T0, 1, 0, EventKind::Opened);
    push(&mut q, T0, 1, 1, EventKind::Resolved);
    let later = T0.plus(SECOND);
    for outcome in [failed("500"), Outcome::Delivered] {
        let attempt = q.take(later).expect("due");
        q.done(later, &attempt, outcome);
    }
    assert_eq!((q.stats().dead_gave_up, q.stats().delivered), (1, 1));
}

#[test]
fn a_target_may_ask_for_more_distance_but_not_for_days() {
    let mut q = queue(Settings::default());
    push(&mut q, T0, 1, 0, EventKind::Opened);
    for (asked, least, most) in [(60, 60, 60), (86_400, 300, 300), (0, 1, 4)] {
        let at = q.next_at().expect("a time");
        let attempt = q.take(at).expect("due");
        let retry_after = Some(Duration::from_secs(asked));
        q.done(at, &attempt, Outcome::Failed { error: "429".into(), retry_after });
        let distance = q.next_at().expect("a time").since(at);
        assert!((least * SECOND..=most * SECOND).contains(&distance), "{asked}: {distance}");
    }
}

#[test]
fn a_full_queue_coalesces_updates_of_the_same_investigation_only() {
    let mut q = queue(Settings { events: 4, ..Settings::default() });
    push(&mut q, T0, 1, 0, EventKind::Opened);
    push(&mut q, T0, 1, 1, EventKind::Updated);
    push(&mut q, T0, 1, 2, EventKind::Updated);
    push(&mut q, T0, 2, 0, EventKind::Opened);
    push(&mut q, T0, 2, 1, EventKind::Updated);
    assert_eq!(q.stats().dead_full, 1, "2 has no update waiting, 1 is not touched for it");
    push(&mut q, T0, 1, 3, EventKind::Updated);
    assert_eq!(keys(&q), ["i1-0", "i1-2", "i1-3", "i2-0"], "the oldest went");
    push(&mut q, T0, 1, 4, EventKind::Resolved);
    assert_eq!(keys(&q), ["i1-0", "i1-3", "i1-4", "i2-0"]);
    let attempt = q.take(T0).expect("due");
    let later = T0.plus(SECOND);
    q.done(later, &attempt, Outcome::Delivered);
    let under_way = q.take(later).expect("due");
    assert_eq!(under_way.event.idempotency_key, "i2-0");
    push(&mut q, T0, 2, 2, EventKind::Updated);
    assert_eq!(keys(&q), ["i1-3", "i1-4", "i2-0", "i2-2"]);
    assert_eq!((q.stats().coalesced, q.stats().dead_full), (2, 1));
    let letter = q.dead_letters().next().expect("one");
    assert_eq!((letter.event.idempotency_key.as_str(), letter.attempts), ("i2-1", 0));
}

#[test]
fn what_is_under_way_is_not_coalesced() {
    let mut q = queue(Settings { events: 1, ..Settings::default() });
    push(&mut q, T0, 1, 0, EventKind::Updated);
    let under_way = q.take(T0).expect("due");
    push(&mut q, T0, 1, 1, EventKind::Updated);
    assert_eq!((q.stats().coalesced, q.stats().dead_full), (0, 1));
    q.done(T0, &under_way, failed("500"));
    push(&mut q, T0, 1, 2, EventKind::Updated);
    assert_eq!((q.stats().coalesced, keys(&q)), (1, vec!["i1-2".to_owned()]));
}

#[test]
fn bytes_are_bounded_and_nothing_is_coalesced_in_vain() {
    let mut q = queue(Settings { bytes: 25, ..Settings::default() });
    push(&mut q, T0, 1, 0, EventKind::Updated);
    push(&mut q, T0, 1, 1, EventKind::Updated);
    q.push(T0, event(1, 2, EventKind::Updated), Bytes::from(vec![0; 26]));
    assert_eq!((q.stats().coalesced, q.stats().dead_full, q.len()), (0, 1, 2));
    q.push(T0, event(1, 3, EventKind::Updated), Bytes::from(vec![0; 25]));
    assert_eq!((q.stats().coalesced, q.stats().waiting_bytes, q.len()), (2, 25, 1));
}

#[test]
fn a_key_waits_once_and_letters_are_bounded() {
    let mut q = queue(Settings { letters: 2, events: 1, ..Settings::default() });
    push(&mut q, T0, 1, 0, EventKind::Opened);
    push(&mut q, T0, 1, 0, EventKind::Opened);
    assert_eq!((q.stats().duplicate, q.len()), (1, 1));
    for n in 1..6 {
        push(&mut q, T0, 1, n, EventKind::Resolved);
    }
    assert_eq!((q.stats().dead_full, q.dead_letters().count()), (5, 2));
    let attempt = q.take(T0).expect("due");
    q.done(T0, &attempt, Outcome::Unsendable("a header".into()));
    assert_eq!((q.stats().dead_unsendable, q.len()), (1, 0));
}

proptest! {
    /// Whatever happens: every event has one fate, order holds, the bounds hold.
    #[test]
    fn every_event_has_one_fate(
        steps in prop::collection::vec((0u8..10, 0u32..4, 0u8..3), 1..300),
        events in 1usize..12,
    ) {
        let settings = Settings { events, give_up: Duration::from_secs(60), ..Settings::default() };
        let mut q = queue(settings);
        let (mut now, mut n, mut under_way) = (T0, 0, Vec::new());
        let mut delivered: Vec<(String, u32)> = Vec::new();
        let told = |e: &Event| e.idempotency_key.split_once('-').map(|(_, n)| n.parse().unwrap());
        for (what, investigation, kind) in steps {
            match what {
                0..=4 => {
                    n += 1;
                    let kinds = [EventKind::Opened, EventKind::Updated, EventKind::Resolved];
                    push(&mut q, now, investigation, n, kinds[usize::from(kind)]);
                }
                5..=6 => under_way.extend(q.take(now)),
                7 => now = now.plus(u64::from(kind + 1) * 7 * SECOND),
                _ if under_way.is_empty() => {}
                _ => {
                    let attempt = under_way.remove(0);
                    let good = kind > 0;
                    if good {
                        let id = attempt.event.investigation.clone();
                        delivered.push((id, told(&attempt.event).unwrap()));
                    }
                    q.done(now, &attempt, if good { Outcome::Delivered } else { failed("x") });
                }
            }
            let s = q.stats();
            let ended = s.delivered + s.coalesced + s.duplicate + s.dead();
            prop_assert_eq!(s.accepted, ended + s.waiting);
            prop_assert_eq!(s.waiting, q.len() as u64);
            prop_assert_eq!(s.waiting_bytes, 10 * s.waiting);
            prop_assert!(q.len() <= events);
        }
        for i in 0..4 {
            let id = format!("i{i}");
            let order: Vec<u32> =
                delivered.iter().filter(|(j, _)| *j == id).map(|(_, n)| *n).collect();
            prop_assert!(order.windows(2).all(|w| w[0] < w[1]), "{id}: {order:?}");
        }
    }
}
