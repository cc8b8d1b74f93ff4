//! A service and its caller in one process, instrumented, with a collector that counts: every span
//! arrives once, linked over HTTP, and metrics come along. A door that is busy is tried again.

#[path = "support/collector.rs"]
mod collector;

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use collector::{Seen, listen};
use opentelemetry_proto::tonic::trace::v1::Span;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[tracing::instrument(fields(rows = 3))]
async fn inner() {
    tracing::error!(exception.type = "Oops", "it broke");
}

async fn hello() -> (StatusCode, Json<bool>) {
    inner().await;
    (StatusCode::INTERNAL_SERVER_ERROR, Json(true))
}

#[tokio::test(flavor = "current_thread")]
async fn every_span_arrives_once_and_linked() {
    let seen = Arc::new(Seen::default());
    // The first two requests are told to come back at once.
    seen.busy.store(2, Ordering::SeqCst);
    let collector = collector::start(&seen);
    let guard = longpole_sdk::Builder::new("checkout")
        .version("1.4.0")
        .endpoint(&format!("http://{collector}"))
        .schedule_delay(Duration::from_millis(50))
        .quiet(true)
        .env(|name| match name {
            "OTEL_RESOURCE_ATTRIBUTES" => Some("team=a%20b".to_owned()),
            _ => None,
        })
        .init()
        .expect("starts");
    longpole_sdk::Counter::new("app.jobs", "{job}").add(2, &[("kind", "x")]);

    let app = Router::new().route("/hello/{name}", get(hello)).layer(longpole_sdk::axum());
    let app = listen(app).await;
    let client = reqwest::Client::new();
    for i in 0..40 {
        let request = client.get(format!("http://{app}/hello/{i}")).build().expect("a request");
        let answer = longpole_sdk::reqwest::execute(&client, request).await.expect("an answer");
        assert_eq!(answer.status(), 500);
    }
    assert!(guard.flush(Duration::from_secs(20)), "flushed in time");

    let spans = seen.spans.lock().expect("sound").clone();
    assert_eq!(spans.len(), 120, "client, server and inner of 40 requests");
    let by_id: BTreeMap<&[u8], &Span> = spans.iter().map(|s| (s.span_id.as_slice(), s)).collect();
    assert_eq!(by_id.len(), 120);
    for span in &spans {
        let parent = by_id.get(span.parent_span_id.as_slice());
        match span.kind {
            1 => {
                assert_eq!((span.name.as_str(), parent.map(|p| p.kind)), ("inner", Some(2)));
                assert_eq!(span.events.first().map(|e| e.name.as_str()), Some("exception"));
                assert_eq!(span.status.as_ref().map(|s| s.code), Some(2));
            }
            2 => {
                assert_eq!(span.name, "GET /hello/{name}");
                assert_eq!(parent.map(|p| (p.kind, &p.trace_id)), Some((3, &span.trace_id)));
                assert_eq!(span.flags & 0x300, 0x300, "its parent is remote, and it says so");
                assert_eq!(span.status.as_ref().map(|s| s.code), Some(2), "500 is an error");
            }
            3 => assert!(span.parent_span_id.is_empty()),
            other => panic!("kind {other}"),
        }
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    }
    let resources = seen.resources.lock().expect("sound").clone();
    let resources = collector::shown(&resources);
    let has = |text: &str| resources.iter().any(|r| r == text);
    assert!(has(r#"service.name="checkout""#) && has(r#"service.version="1.4.0""#));
    assert!(has(r#"team="a b""#), "percent-decoded");
    let metrics = seen.metrics.lock().expect("sound").clone();
    assert!(metrics.iter().any(|m| m == "app.jobs"), "{metrics:?}");
    #[cfg(target_os = "linux")]
    assert!(metrics.iter().any(|m| m == "process.cpu.time"), "{metrics:?}");
    let stats = longpole_sdk::stats();
    assert_eq!((stats.created, stats.sent, stats.dropped(), stats.queued), (120, 120, 0, 0));
    assert!(guard.shutdown(Duration::from_secs(5)));
}
