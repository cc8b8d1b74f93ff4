//! Spans of our own macros, from threads and tasks to a collector: what was said arrives, typed and in its
//! place.

#[path = "support/collector.rs"]
mod collector;

use collector::{Seen, named, shown};
use longpole_sdk::{Context, FutureExt, Kind, in_current_span, span, trace, with_context};
use opentelemetry_proto::tonic::trace::v1::Span;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
#[error("no {0} left")]
struct SoldOut(&'static str);

#[trace(kind = Client, fields(what = what, n = 2))]
fn sync(what: &str) -> usize {
    let _inner = span!("inner");
    what.len()
}

#[trace(name = "renamed")]
async fn asynchronous(fail: bool) -> Result<u32, SoldOut> {
    tokio::task::yield_now().await;
    if fail {
        return Err(SoldOut("tea"));
    }
    let _local = span!("after");
    Ok(7)
}

fn speak() -> Context {
    let name = String::from("ada");
    let minus = 4;
    let mut root = span!(kind: Server, "root",
        user = &name, order.id = 17_i64, minus = -minus, "quoted key" = 1.5,
        literal = "EUR", yes = true, number = 42, float = 2.5, shown = %name, debugged = ?name,
        gone = None::<i64>, there = Some("x"),
    );
    root.set("later", 3u64);
    root.set("literal", "USD");
    root.set("user", "grace");
    root.event("halfway", &[("percent", &50), ("by", &"hand")]);
    root.link(&Context {
        trace_id: [7; 16],
        span_id: [8; 8],
        sampled: true,
        trace_state: None,
        remote: true,
    });
    root.error(&SoldOut("milk"));
    assert_eq!(sync("thing"), 5);
    let context = root.context().expect("it is recorded");
    assert_eq!(longpole_sdk::current(), Some(context.clone()));
    let elsewhere = in_current_span(|| drop(span!("elsewhere")));
    std::thread::spawn(elsewhere).join().expect("it ends");
    context
}

fn spans_of(seen: &Seen, trace: [u8; 16]) -> Vec<Span> {
    let mut spans = seen.spans.lock().expect("sound").clone();
    spans.retain(|s| s.trace_id == trace);
    spans
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_arrives() {
    let seen = Arc::new(Seen::default());
    let guard = longpole_sdk::Builder::new("native")
        .endpoint(&format!("http://{}", collector::start(&seen)))
        .quiet(true)
        .env(|name| (name == "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT").then(|| "40".to_owned()))
        .init()
        .expect("starts");
    let said = speak();
    let (remote, quiet) = (Context::parse(REMOTE, Some("x=y")), Context::parse(QUIET, None));
    let remote = remote.expect("valid");
    with_context(&remote, || drop(span!("continued", long = "é".repeat(40))));
    let unsampled = with_context(&quiet.expect("valid"), || {
        let span = span!("unheard", n = panic_if_looked_at());
        let inner = span!("nor this");
        assert!(!span.is_recording() && !inner.is_recording());
        longpole_sdk::current().expect("its trace goes on")
    });
    assert_eq!((unsampled.sampled, unsampled.trace_id), (false, [0x22; 16]));
    assert_eq!(longpole_sdk::current(), None, "the thread is out of every trace again");
    let tasks = async {
        let spawned = tokio::spawn(asynchronous(false).in_current_span());
        assert!(asynchronous(true).await.is_err());
        assert_eq!(spawned.await.expect("ends").expect("is well"), 7);
    };
    let explicit = span!(parent: &remote, "explicit").detach();
    explicit.run(|| drop(span!("below explicit")));
    let over = span!("tasks");
    let task_trace = over.context().expect("recorded").trace_id;
    tasks.in_span(over).await;
    drop(explicit);
    let mut kind = span!("kind").detach();
    kind.set_kind(Kind::Producer);
    kind.ok();
    kind.fail("not any more");
    kind.rename("kind changed");
    let kind_trace = kind.context().expect("recorded").trace_id;
    std::thread::spawn(move || drop(kind)).join().expect("ends on another thread");
    let unwound = std::panic::catch_unwind(|| {
        let _span = span!("panics");
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(unwound.is_err() && longpole_sdk::current().is_none());
    // Roots that end in the wrong order leave no trace open.
    let (first, second) = (span!("first"), span!("second"));
    drop(first);
    let third = span!("third");
    drop(second);
    drop(third);
    assert_eq!(longpole_sdk::current(), None);

    assert!(guard.flush(Duration::from_secs(20)), "flushed in time");
    let spans = spans_of(&seen, said.trace_id);
    assert_eq!(spans.len(), 4);
    let root = named(&spans, "root");
    assert_eq!((root.kind, root.flags, root.parent_span_id.len()), (2, 1, 0));
    let mut attributes = shown(&root.attributes);
    let code = attributes.split_off(attributes.len() - 2);
    assert!(code[0].ends_with("tests/native.rs\"") && code[1].starts_with("code.line.number="));
    let expected = [
        "order.id=17",
        "quoted key=1.5f",
        "yes=true",
        "number=42",
        "float=2.5f",
        "minus=-4",
        "shown=\"ada\"",
        "debugged=\"\\\"ada\\\"\"",
        "there=\"x\"",
        "later=3",
        "literal=\"USD\"",
        "user=\"grace\"",
    ];
    assert_eq!(attributes, expected);
    let status = root.status.as_ref().expect("it failed");
    assert_eq!((status.code, status.message.as_str()), (2, "no milk left"));
    assert_eq!(root.events.len(), 2);
    assert_eq!(shown(&root.events[0].attributes), ["percent=50", "by=\"hand\""]);
    assert_eq!(root.events[1].name, "exception");
    assert!(shown(&root.events[1].attributes)[0].ends_with("SoldOut\""));
    let within = root.start_time_unix_nano..=root.end_time_unix_nano;
    assert!(root.events.iter().all(|e| within.contains(&e.time_unix_nano)));
    assert_eq!((root.links.len(), &root.links[0].trace_id), (1, &vec![7; 16]));
    let sync = named(&spans, "sync");
    assert_eq!((sync.kind, &sync.parent_span_id), (3, &root.span_id));
    assert_eq!(shown(&sync.attributes)[..2], ["n=2", "what=\"thing\""]);
    assert_eq!(named(&spans, "inner").parent_span_id, sync.span_id);
    assert_eq!(named(&spans, "elsewhere").parent_span_id, root.span_id);

    let spans = spans_of(&seen, [0x11; 16]);
    let continued = named(&spans, "continued");
    assert_eq!((continued.trace_state.as_str(), continued.flags), ("x=y", 0x301));
    assert_eq!(continued.parent_span_id, [0x33; 8]);
    assert_eq!(shown(&continued.attributes)[0], format!("long={:?}", "é".repeat(20)), "cut");
    let explicit = named(&spans, "explicit");
    assert_eq!(explicit.parent_span_id, [0x33; 8]);
    assert_eq!(named(&spans, "below explicit").parent_span_id, explicit.span_id);

    let spans = spans_of(&seen, task_trace);
    let over = named(&spans, "tasks");
    let renamed: Vec<&Span> = spans.iter().filter(|s| s.name == "renamed").collect();
    assert!(renamed.len() == 2 && renamed.iter().all(|s| s.parent_span_id == over.span_id));
    assert!(renamed.iter().any(|s| s.span_id == named(&spans, "after").parent_span_id));
    let kind = spans_of(&seen, kind_trace);
    assert_eq!((kind[0].name.as_str(), kind[0].kind), ("kind changed", 4));
    assert_eq!(kind[0].status.as_ref().map(|s| s.code), Some(1), "OK is the last word");

    let all = seen.spans.lock().expect("sound").clone();
    assert!(!all.iter().any(|s| s.trace_id == [0x22; 16]));
    let panics = named(&all, "panics").status.clone().expect("it failed");
    assert_eq!((panics.code, panics.message.as_str()), (2, "panicked"));
    let first = named(&all, "first");
    assert_eq!(named(&all, "third").parent_span_id, named(&all, "second").span_id);
    assert_eq!(named(&all, "second").parent_span_id, first.span_id);
    assert!(all.iter().all(|s| s.end_time_unix_nano >= s.start_time_unix_nano));
    let stats = longpole_sdk::stats();
    assert_eq!((stats.created, stats.sent, stats.queued), (all.len() as u64, all.len() as u64, 0));
    assert!(guard.shutdown(Duration::from_secs(5)));
    drop(span!("afterwards"));
    assert_eq!(longpole_sdk::stats().created, stats.created, "nothing begins any more");
}

const REMOTE: &str = "00-11111111111111111111111111111111-3333333333333333-01";
const QUIET: &str = "00-22222222222222222222222222222222-3333333333333333-00";

fn panic_if_looked_at() -> i64 {
    panic!("values of unrecorded spans are not asked for")
}
