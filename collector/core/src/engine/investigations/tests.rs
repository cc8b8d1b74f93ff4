//! The book on small stories.

mod modes;

use super::*;
use longpole_model::finding::{
    BottleneckKind as Kind, Change, ChangeKind, Confirmation, Direction, EventKind, Measure, Mode,
    Phase, Proof, Severity, Specialist,
};
use longpole_model::signal::Operation;

fn at(second: u64) -> Timestamp {
    Timestamp(1_000_000 * SECOND + second * SECOND)
}

fn window(from: u64, to: u64) -> Window {
    Window { start: at(from), end: at(to) }
}

fn regression(service: &str) -> Regression {
    Regression {
        operation: Operation {
            service: service.into(),
            name: "GET /".into(),
            ..Default::default()
        },
        version: String::new(),
        measure: Measure::Duration { quantile: 0.9 },
        direction: Direction::Up,
        unit: "ns".into(),
        expected: 1.0,
        observed: 2.0,
        absolute_effect: 1.0,
        effect_ratio: Some(2.0),
        interval: None,
        test: "t".into(),
        statistic: 1.0,
        threshold: 1.0,
        baseline_samples: 1,
        window_samples: 1,
        baseline: window(0, 100),
        window: window(100, 110),
        since: at(100),
        confirmation: Confirmation::Confirmed,
        suspect: None,
    }
}

/// A finding on `service`, since `since`, seen until `to`.
fn finding(service: &str, kind: Kind, confidence: f64, since: u64, to: u64) -> Finding {
    let bottleneck = Bottleneck {
        kind,
        service: service.into(),
        site: None,
        confidence,
        evidence: vec![],
        ruled_out: vec![],
    };
    Finding {
        bottlenecks: vec![bottleneck],
        regressions: vec![regression(service)],
        attributions: vec![],
        handoff: None,
        worth: None,
        suspect: None,
        exemplars: vec![],
        baseline: window(0, since),
        window: window(since, to),
        since: at(since),
        share_hurt: 0.05,
        unconfirmed: false,
    }
}

fn worth(value: f64) -> Option<Worth> {
    Some(Worth {
        user_seconds_per_day: value,
        method: "m".into(),
        effort_hours: 1.0,
        return_on_effort: value,
        requests_per_second: 1.0,
    })
}

fn kinds(events: &[longpole_model::finding::Event]) -> Vec<EventKind> {
    events.iter().map(|e| e.kind).collect()
}

/// One open investigation on `cart`, and its id.
fn opened() -> (Book, String) {
    let mut book = Book::new(10);
    let events = book.observe(at(110), vec![finding("cart", Kind::Cpu, 0.6, 100, 110)]);
    (book, events[0].investigation.clone())
}

fn deploy(service: &str) -> Option<Change> {
    let kind = ChangeKind::Deploy;
    let (from, to) = ("1".into(), "2".into());
    Some(Change { kind, service: service.into(), at: at(99), from, to })
}

#[test]
fn the_suspect_is_a_change_of_the_culprit() {
    let (mut book, id) = opened();
    let suspect = |book: &Book| book.find(&id).expect("is there").suspect.clone();
    let told = |service: &str, confidence| {
        let of = finding(service, Kind::Cpu, confidence, 100, 130);
        let mut regressions = of.regressions.clone();
        regressions.push(regression("cart"));
        Finding { suspect: deploy(service), regressions, ..of }
    };
    book.observe(at(120), vec![told("shop", 0.3)]);
    assert_eq!(suspect(&book), None, "the verdict stayed with cart");
    book.observe(at(130), vec![told("cart", 0.6)]);
    assert_eq!(suspect(&book), deploy("cart"));
    book.observe(at(140), vec![Finding { suspect: None, ..told("cart", 0.6) }]);
    assert_eq!(suspect(&book), deploy("cart"), "it stays known");
    book.observe(at(150), vec![told("shop", 0.9)]);
    assert_eq!(suspect(&book), deploy("shop"), "the verdict moved");
    book.observe(at(160), vec![Finding { suspect: None, ..told("till", 0.95) }]);
    assert_eq!(suspect(&book), None);
}

#[test]
fn one_cause_is_one_investigation() {
    let (mut book, id) = opened();
    // The same again says nothing new; clearer evidence changes the verdict, weaker does not.
    let again = finding("cart", Kind::Cpu, 0.6, 100, 120);
    assert_eq!(book.observe(at(120), vec![again]), []);
    let weak = finding("cart", Kind::Lock, 0.3, 100, 130);
    assert_eq!(book.observe(at(130), vec![weak]), []);
    let clear = finding("cart", Kind::Memory, 0.9, 100, 140);
    let events = book.observe(at(140), vec![clear]);
    assert_eq!(kinds(&events), [EventKind::Updated]);
    assert_eq!((events[0].verdict, &events[0].investigation), (Kind::Memory, &id));
    let i = book.find(&id).expect("is there");
    assert_eq!(book.queue().len(), 1);
    assert!(i.history.last().expect("a line").1.contains("from CPU at cart to memory at cart"));
    assert_eq!(i.title, "cart: memory, duration of cart GET / x 2.00");
    // Another service at the same time is another cause, and so is the same one much later.
    let others =
        vec![finding("web", Kind::Cpu, 0.5, 100, 150), finding("cart", Kind::Cpu, 0.5, 900, 950)];
    assert_eq!(kinds(&book.observe(at(950), others)), [EventKind::Opened, EventKind::Opened]);
    assert_eq!(book.open_count(), 3);
}

#[test]
fn the_blame_may_move_on() {
    let (mut book, id) = opened();
    let mut deeper = finding("db", Kind::DatabaseIo, 0.8, 100, 120);
    deeper.regressions.push(regression("cart"));
    let events = book.observe(at(120), vec![deeper.clone()]);
    assert_eq!((events.len(), &events[0].investigation), (1, &id));
    assert_eq!(events[0].verdict, Kind::DatabaseIo);
    // While both are found in one tick, they are two.
    let (mut book, _) = opened();
    let both = vec![deeper, finding("cart", Kind::Cpu, 0.6, 100, 120)];
    assert_eq!(kinds(&book.observe(at(120), both)), [EventKind::Opened]);
    assert_eq!(book.open_count(), 2);
}

#[test]
fn order_does_not_matter_and_ids_are_stable() {
    let all = [
        finding("web", Kind::Cpu, 0.5, 100, 110),
        finding("cart", Kind::Cpu, 0.6, 100, 110),
        finding("cart", Kind::Lock, 0.2, 101, 110),
        finding("db", Kind::DatabaseIo, 0.7, 90, 110),
        finding("none", Kind::None, 0.9, 90, 110),
        Finding { bottlenecks: vec![], ..finding("x", Kind::Cpu, 0.9, 90, 110) },
    ];
    let mut forth = Book::new(10);
    let events = forth.observe(at(110), all.to_vec());
    let mut back = Book::new(10);
    assert_eq!(back.observe(at(110), all.iter().rev().cloned().collect()), events);
    assert_eq!(back.queue(), forth.queue());
    assert_eq!(events.len(), 3);
    let mut keys: Vec<_> = events.iter().map(|e| &e.idempotency_key).collect();
    keys.dedup();
    assert_eq!(keys.len(), 3);
    assert_eq!(opened().1, GOLDEN_ID);
}
/// A change here renames every stored investigation.
const GOLDEN_ID: &str = "7d5de45783da217f";

#[test]
fn what_goes_away_is_resolved_and_may_come_back() {
    let (mut book, id) = opened();
    assert_eq!(book.calm(at(130), 60 * SECOND), []);
    assert_eq!(kinds(&book.calm(at(170), 60 * SECOND)), [EventKind::Resolved]);
    assert_eq!(book.open_count(), 0);
    let mut flap = finding("cart", Kind::Cpu, 0.6, 200, 210);
    flap.share_hurt = 0.6;
    let events = book.observe(at(210), vec![flap]);
    assert_eq!((kinds(&events), &events[0].investigation), (vec![EventKind::Updated], &id));
    let i = book.find(&id).expect("is there");
    assert_eq!((i.resolved_at, i.severity, i.since), (None, Severity::Three, at(100)));
    assert_eq!((i.assess_by, i.decide_by), (at(510), at(1_110)));
}

#[test]
fn the_book_is_bounded() {
    let mut book = Book::new(2);
    book.observe(at(10), vec![finding("a", Kind::Cpu, 0.5, 5, 10)]);
    book.calm(at(20), SECOND);
    book.observe(at(1_010), vec![finding("b", Kind::Cpu, 0.5, 1_005, 1_010)]);
    let three = |s: &str| vec![finding(s, Kind::Cpu, 0.5, 1_005, 1_010)];
    assert_eq!(kinds(&book.observe(at(1_011), three("c"))), [EventKind::Opened]);
    assert_eq!((book.evicted(), book.refused(), book.open_count()), (1, 0, 2));
    assert_eq!(book.observe(at(1_012), three("d")), []);
    assert_eq!((book.evicted(), book.refused(), book.queue().len()), (1, 1, 2));
    // A cause that flaps for ever keeps its first line and a bounded history.
    let mut book = Book::new(2);
    for n in 0..2_000u64 {
        let mut f = finding("a", Kind::Cpu, 0.5, 10, 20 + n);
        f.share_hurt = if n.is_multiple_of(2) { 0.05 } else { 0.6 };
        book.observe(at(20 + n), vec![f]);
    }
    let history = &book.queue()[0].history;
    assert!(history.len() <= 200 && history[0].1.starts_with("opened"));
}

#[test]
fn the_queue_is_ordered_by_return_on_effort() {
    let mut book = Book::new(10);
    let valued = |s: &str, v: f64| Finding { worth: worth(v), ..finding(s, Kind::Cpu, 0.5, 5, 10) };
    let plain = finding("plain", Kind::Cpu, 0.5, 5, 10);
    let hurt = Finding { share_hurt: 0.9, ..finding("hurt", Kind::Cpu, 0.5, 5, 10) };
    book.observe(at(10), vec![plain, valued("low", 1.0), valued("high", 9.0), hurt]);
    book.observe(at(900), vec![valued("gone", 99.0)]);
    let names = |b: &Book| -> Vec<String> {
        b.queue().iter().map(|i| i.bottlenecks[0].service.clone()).collect()
    };
    assert_eq!(names(&book), ["gone", "high", "low", "hurt", "plain"]);
    book.observe(at(990), vec![valued("high", 9.0), valued("low", 1.0)]);
    book.calm(at(1_000), 50 * SECOND);
    assert_eq!(names(&book)[..2], ["high", "low"]);
}
