//! Spans of the helpers, as a collector sees them: messages alone and in batches, queries with a plan, calls of
//! tonic. No `tracing` layer is asked for any of them.

#[path = "support/collector.rs"]
mod collector;

use collector::{Seen, named, shown};
use longpole_sdk::database::{Database, System};
use longpole_sdk::{batch_span, inject_fields, receive, span};
use opentelemetry_proto::tonic::trace::v1::Span;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The id of an entry that was put so long ago.
fn id(ago: Duration) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    format!("{}-0", (now - ago).as_millis())
}

/// A message as it lies in the stream: put under a span of its own.
fn put(name: &str) -> Vec<(&'static str, String)> {
    let mut span = span!(kind: Producer, "send");
    span.rename(name);
    inject_fields()
}

fn get<'a>(fields: &'a [(&'static str, String)]) -> impl Fn(&str) -> Option<&'a str> {
    |key| fields.iter().find(|(k, _)| *k == key).map(|(_, v)| v.as_str())
}

fn messages() {
    let (one, two) = (put("send 1"), put("send 2"));
    let ago = Duration::from_secs(5);
    let first = receive(&id(ago), get(&one));
    let second = receive(&id(Duration::from_secs(2)), get(&two));
    drop(first.span("jobs", "workers").enter());
    drop(batch_span(&[first, second], "jobs", "workers"));
}

fn queries() {
    let shop = Database::new(System::Sqlite, "shop").explain_above(Duration::ZERO);
    let plan = |statement: &str| {
        assert_eq!(statement, "EXPLAIN QUERY PLAN SELECT * FROM orders WHERE name = 'ada'");
        Some("SCAN orders WHERE name = 'ada'".to_owned())
    };
    let query = || {
        drop(span!("within the query"));
        Ok::<_, String>(7)
    };
    assert_eq!(shop.run("SELECT * FROM orders WHERE name = 'ada'", query, plan), Ok(7));
    let failing = || Err::<(), _>("no such table: 'secrets'".to_owned());
    assert!(shop.run("CREATE TABLE x (y)", failing, |_| None).is_err());
}

fn attribute(span: &Span, key: &str) -> String {
    let all = shown(&span.attributes);
    let found = all.iter().find_map(|a| a.strip_prefix(key)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("{key} among {all:?}")).to_owned()
}

#[test]
fn helpers_make_spans_of_their_own() {
    let seen = Arc::new(Seen::default());
    let guard = longpole_sdk::Builder::new("helpers")
        .endpoint(&format!("http://{}", collector::start(&seen)))
        .quiet(true)
        .init()
        .expect("starts");
    messages();
    queries();
    #[cfg(feature = "tonic")]
    calls();
    assert!(guard.flush(Duration::from_secs(20)), "flushed in time");
    let spans = seen.spans.lock().expect("sound").clone();

    let (one, two) = (named(&spans, "send 1"), named(&spans, "send 2"));
    let handled: Vec<&Span> = spans.iter().filter(|s| s.name == "process jobs").collect();
    let [single, batch] = handled[..] else { panic!("{handled:?}") };
    assert_eq!((single.kind, &single.parent_span_id), (5, &one.span_id));
    assert_eq!((single.flags & 0x300, &single.trace_id), (0x300, &one.trace_id));
    let wait = |span: &Span| {
        let text = attribute(span, "longpole.queue_wait");
        text.trim_end_matches('f').parse::<f64>().expect("seconds")
    };
    assert!((5.0..60.0).contains(&wait(single)) && (5.0..60.0).contains(&wait(batch)));
    assert!(batch.parent_span_id.is_empty() && batch.trace_id != one.trace_id);
    assert_eq!(attribute(batch, "messaging.batch.message_count"), "2");
    let links: Vec<&Vec<u8>> = batch.links.iter().map(|l| &l.span_id).collect();
    assert_eq!(links, [&one.span_id, &two.span_id]);

    let query = named(&spans, "SELECT orders");
    assert_eq!((query.kind, attribute(query, "db.system.name")), (3, "\"sqlite\"".to_owned()));
    assert_eq!(attribute(query, "db.query.text"), "\"SELECT * FROM orders WHERE name = ?\"");
    assert_eq!(named(&spans, "within the query").parent_span_id, query.span_id);
    let plan = shown(&query.events[0].attributes);
    let expected = [
        "db.query.plan=\"SCAN orders WHERE name = ?\"",
        "db.query.full_scan=true",
        "db.query.plan.finding=\"full_scan orders\"",
    ];
    assert_eq!(plan, expected);
    let failed = spans.iter().find(|s| s.status.as_ref().is_some_and(|s| s.code == 2));
    let failed = failed.expect("one failed");
    assert_eq!(attribute(failed, "error.type"), "\"no such table: ?\"");
    assert!(!spans.iter().any(|s| format!("{s:?}").contains("ada")), "literals stay here");
    #[cfg(feature = "tonic")]
    {
        let call = named(&spans, "shop.v1.Carts/Add");
        assert_eq!((call.kind, &call.parent_span_id[..]), (2, &[0x33; 8][..]));
        assert_eq!(call.status.as_ref().map(|s| s.code), Some(2));
    }
    assert!(guard.shutdown(Duration::from_secs(5)));
}

#[cfg(feature = "tonic")]
fn calls() {
    let mut metadata = tonic::metadata::MetadataMap::new();
    let parent = "00-11111111111111111111111111111111-3333333333333333-01";
    metadata.insert("traceparent", parent.parse().expect("text"));
    let mut span = longpole_sdk::grpc_span(&metadata, "shop.v1.Carts/Add");
    longpole_sdk::grpc_status(&mut span, tonic::Code::Internal);
}
