//! Sampling, rates and many threads: what is decided when a trace begins, and that nothing leaks over.

#[path = "support/collector.rs"]
mod collector;

use collector::Seen;
use longpole_sdk::{Sampler, set_rate, set_sampler, span};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn roots_are_decided_and_every_span_is_accounted_for() {
    let seen = Arc::new(Seen::default());
    let guard = longpole_sdk::Builder::new("sampled")
        .endpoint(&format!("http://{}", collector::start(&seen)))
        .sampler(Sampler::ParentRatio(0.5))
        .quiet(true)
        .init()
        .expect("starts");
    let root = || {
        let root = span!("half");
        let _child = span!("child");
        root.is_recording()
    };
    let half = (0..1_000).filter(|_| root()).count();
    assert!((400..600).contains(&half), "{half}");
    assert!(set_rate("half", Some(0.0)) && set_rate("all", Some(1.0)));
    assert_eq!((0..100).filter(|_| root()).count(), 0, "none of this operation");
    assert!((0..100).all(|_| span!("all").is_recording()), "and all of that");
    assert!(set_rate("half", None) && set_rate("all", None));
    // The tracing layer asks by the name that the span has in the end.
    set_rate("GET /x", Some(0.0));
    let traced = |name: &str| {
        let _span = tracing::info_span!("request", otel.name = name).entered();
        longpole_sdk::current().expect("it has a context").sampled
    };
    assert!((0..50).all(|_| !traced("GET /x")) && (0..50).any(|_| traced("GET /y")));
    set_sampler(Sampler::AlwaysOff);
    assert!(!root());
    set_sampler(Sampler::AlwaysOn);

    // Threads that come and go use rings again.
    for _ in 0..50 {
        let threads: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| (0..25).for_each(|_| drop(span!("short")))))
            .collect();
        threads.into_iter().for_each(|t| t.join().expect("it ends"));
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(guard.flush(Duration::from_secs(20)));
    let spans = seen.spans.lock().expect("sound").clone();
    let stats = longpole_sdk::stats();
    assert_eq!((stats.created, stats.sent), (spans.len() as u64, spans.len() as u64), "{stats:?}");
    let ids: BTreeSet<&[u8]> = spans.iter().map(|s| s.span_id.as_slice()).collect();
    assert_eq!(ids.len(), spans.len(), "no id twice");
    let of = |name: &str| spans.iter().filter(|s| s.name == name).collect::<Vec<_>>();
    assert_eq!((of("short").len(), of("half").len(), of("child").len()), (5_000, half, half));
    assert!(of("half").iter().all(|s| s.trace_state == "ot=th:8"), "a weight of two");
    assert!(of("all").iter().all(|s| s.trace_state == "ot=th:0"));
    assert!(of("short").iter().all(|s| s.trace_state.is_empty() && s.parent_span_id.is_empty()));
    assert!(guard.shutdown(Duration::from_secs(5)));
}
