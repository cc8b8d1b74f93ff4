//! The outbox against a real, small and nasty HTTP server.

mod receiver;

use super::*;
use longpole_exporters::webhook::{Secret, headers};
use longpole_model::finding::{BottleneckKind, EventKind};
use longpole_model::signal::Timestamp;
use receiver::{Receiver, Reply, Seen};
use std::time::Instant;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const LONG: Duration = Duration::from_secs(20);

fn settings() -> Settings {
    Settings {
        first_delay: Duration::from_millis(10),
        max_delay: Duration::from_millis(60),
        connect_timeout: Duration::from_secs(5),
        response_timeout: Duration::from_secs(5),
        ..Settings::default()
    }
}

fn event(investigation: usize, n: usize) -> Event {
    Event {
        at: Timestamp(0),
        kind: [EventKind::Opened, EventKind::Updated, EventKind::Resolved][n.min(2)],
        investigation: format!("i{investigation}"),
        verdict: BottleneckKind::Cpu,
        idempotency_key: format!("i{investigation}n{n}"),
    }
}

fn start(url: &str, settings: Settings) -> OutboxHandle {
    let secret = Secret::parse(SECRET).expect("a secret");
    let target = Target::new(url, vec![secret], vec![]).expect("a target");
    Outbox::start(vec![target], settings).expect("started")
}

/// Three investigations with three events each.
fn push_nine(outbox: &OutboxHandle) {
    for n in 0..3 {
        for i in 0..3 {
            outbox.push(event(i, n), format!("{{\"n\":\"i{i}n{n}\"}}"));
        }
    }
}

/// Each event at least once, its first arrivals in order, key and body the same in every try.
fn judge(seen: &[Seen]) {
    for i in 0..3 {
        let id = format!("i{i}n");
        let mut first: Vec<&str> = Vec::new();
        for s in seen.iter().filter(|s| s.key.starts_with(&id)) {
            assert_eq!(s.header("webhook-id"), Some(s.key.as_str()));
            assert_eq!(s.body, format!("{{\"n\":\"{}\"}}", s.key));
            if first.last() != Some(&s.key.as_str()) {
                first.push(&s.key);
            }
        }
        let expected: Vec<String> = (0..3).map(|n| format!("{id}{n}")).collect();
        assert_eq!(first, expected, "once each, in order, nothing between its tries");
    }
}

async fn nine_through(script: fn(usize) -> Reply) -> (Vec<Seen>, Stats) {
    nine_with(settings(), script).await
}

async fn nine_with(settings: Settings, script: fn(usize) -> Reply) -> (Vec<Seen>, Stats) {
    let receiver = Receiver::start(script).await;
    let outbox = start(&receiver.url, settings);
    push_nine(&outbox);
    assert_eq!(outbox.drain(LONG).await, 0, "{:?}", outbox.stats());
    let seen = receiver.seen();
    judge(&seen);
    let stats = outbox.stats().remove(0);
    assert_eq!((stats.accepted, stats.delivered, stats.waiting), (9, 9, 0));
    assert_eq!(stats.attempts, 9 + stats.failures);
    (seen, stats)
}

#[tokio::test]
async fn good_target() {
    let (seen, stats) = nine_through(|_| Reply::Status(204)).await;
    assert_eq!((seen.len(), stats.failures), (9, 0));
    let one = seen.first().expect("one");
    assert_eq!(one.header("content-type"), Some("application/cloudevents+json"));
    let stamp: u64 = one.header("webhook-timestamp").expect("a stamp").parse().expect("a number");
    let secret = Secret::parse(SECRET).expect("a secret");
    let made = headers(&one.key, stamp, one.body.as_bytes(), &[secret]);
    for (name, value) in made {
        assert_eq!(one.header(name), Some(value.as_str()));
    }
}

#[tokio::test]
async fn errors_then_success() {
    let (seen, stats) = nine_through(|n| Reply::Status(if n % 3 == 2 { 200 } else { 500 })).await;
    assert!(stats.failures >= 9, "{stats:?}");
    assert!(seen.len() > 17);
}

#[tokio::test]
async fn slow_then_success() {
    let short = Duration::from_millis(200);
    let hasty = Settings { connect_timeout: short, response_timeout: short, ..settings() };
    let script = |n| if n < 4 { Reply::Never } else { Reply::Status(200) };
    let (_, stats) = nine_with(hasty, script).await;
    assert!(stats.failures >= 4, "{stats:?}");
}

#[tokio::test]
async fn reset_before_the_answer_is_whole() {
    let (seen, stats) =
        nine_through(|n| if n % 2 == 0 { Reply::HalfThenReset } else { Reply::Status(200) }).await;
    assert!(stats.failures > 3 && seen.len() >= 13, "{stats:?}");
}

#[tokio::test]
async fn ok_then_reset_counts_as_taken() {
    let (seen, stats) = nine_through(|_| Reply::OkThenReset).await;
    assert_eq!((seen.len(), stats.failures), (9, 0));
}

#[tokio::test]
async fn endless_answers_are_cut() {
    let (_, stats) = nine_through(|n| Reply::Endless(if n < 3 { 500 } else { 200 })).await;
    assert_eq!(stats.failures, 3);
}

#[tokio::test]
async fn redirects_are_failures() {
    let receiver = Receiver::start(|_| Reply::Redirect).await;
    let outbox = start(&receiver.url, Settings { give_up: Duration::ZERO, ..settings() });
    outbox.push(event(0, 0), "{}".into());
    assert_eq!(outbox.drain(LONG).await, 0);
    let letters = outbox.dead_letters();
    let letter = letters.first().expect("one");
    assert!(letter.last_error.contains("redirects are not followed"), "{}", letter.last_error);
    assert_eq!(receiver.seen().len(), 1);
}

/// What is not trusted gets nothing: the handshake fails before any request.
#[tokio::test]
async fn tls_is_spoken_to_https() {
    let receiver = Receiver::start(|_| Reply::Status(200)).await;
    let url = receiver.url.replace("http:", "https:");
    let target = Target::new(&url, vec![], vec![]).expect("a target");
    // The receiver waits for the rest of what it cannot read.
    let response_timeout = Duration::from_millis(100);
    let connect_timeout = response_timeout;
    let give_up =
        Settings { give_up: Duration::ZERO, connect_timeout, response_timeout, ..settings() };
    let outbox = match Outbox::start(vec![target], give_up) {
        Ok(outbox) => outbox,
        // A machine without any roots says so instead.
        Err(e) => return assert!(e.to_string().contains("ca-certificates"), "{e}"),
    };
    outbox.push(event(0, 0), "{}".into());
    assert_eq!(outbox.drain(LONG).await, 0);
    assert_eq!((outbox.stats().remove(0).dead_gave_up, receiver.seen().len()), (1, 0));
}

#[tokio::test]
async fn refused_then_up() {
    let address = Receiver::reserve();
    let outbox = start(&format!("http://{address}/"), settings());
    push_nine(&outbox);
    assert_eq!(outbox.drain(Duration::from_millis(500)).await, 9, "nobody listens");
    let stats = outbox.stats().remove(0);
    assert!(stats.last_error.contains("refused"), "{}", stats.last_error);
    assert_eq!(outbox.waiting().len(), 9);
    let receiver = Receiver::at(address, |_| Reply::Status(200)).await;
    assert_eq!(outbox.drain(LONG).await, 0);
    judge(&receiver.seen());
}

#[tokio::test]
async fn down_for_good_is_told_and_does_not_hold_up_others() {
    let good = Receiver::start(|_| Reply::Status(200)).await;
    let bad = Receiver::start(|_| Reply::Status(503)).await;
    let only_ends = Target::new(&good.url, vec![], vec![EventKind::Resolved]).expect("a target");
    let targets = [&bad.url, &good.url].map(|u| Target::new(u, vec![], vec![]).expect("a target"));
    let give_up = Settings { give_up: Duration::from_millis(300), ..settings() };
    let all = targets.into_iter().chain([only_ends]).collect();
    let outbox = Outbox::start(all, give_up).expect("started");
    let began = Instant::now();
    push_nine(&outbox);
    assert_eq!(outbox.drain(LONG).await, 0);
    assert!(began.elapsed() >= Duration::from_millis(300));
    let stats = outbox.stats();
    let fates: Vec<(u64, u64)> = stats.iter().map(|s| (s.delivered, s.dead_gave_up)).collect();
    assert_eq!(fates, [(0, 9), (9, 0), (3, 0)]);
    let letters = outbox.dead_letters();
    assert_eq!(letters.len(), 9);
    assert!(letters.iter().all(|l| l.last_error.contains("503") && l.attempts > 0));
    assert!(good.seen().iter().all(|s| s.header("webhook-signature").is_none()));
}

#[test]
fn needs_a_runtime() {
    assert!(matches!(Outbox::start(vec![], settings()), Err(OutboxError::NoRuntime)));
}
