//! A collector for tests: on a thread of its own, so that a flush on a test's thread does not hold it up. It keeps
//! what comes in.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// What came in.
#[derive(Default)]
pub struct Seen {
    /// Requests that are still answered with "come back at once".
    pub busy: AtomicU32,
    pub spans: Mutex<Vec<Span>>,
    pub resources: Mutex<Vec<KeyValue>>,
    pub scopes: Mutex<Vec<KeyValue>>,
    pub metrics: Mutex<Vec<String>>,
}

type Answer = (StatusCode, [(&'static str, &'static str); 1]);

async fn traces(State(seen): State<Arc<Seen>>, body: Bytes) -> Answer {
    let come_back = |left: u32| left.checked_sub(1);
    if seen.busy.fetch_update(Ordering::SeqCst, Ordering::SeqCst, come_back).is_ok() {
        return (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "0")]);
    }
    let request = ExportTraceServiceRequest::decode(body).expect("OTLP");
    for part in request.resource_spans {
        seen.resources.lock().expect("sound").extend(part.resource.expect("one").attributes);
        for scope in part.scope_spans {
            seen.scopes.lock().expect("sound").extend(scope.scope.expect("one").attributes);
            assert!(scope.spans.len() <= 512, "{}", scope.spans.len());
            seen.spans.lock().expect("sound").extend(scope.spans);
        }
    }
    (StatusCode::OK, [("x-x", "")])
}

async fn metrics(State(seen): State<Arc<Seen>>, body: Bytes) {
    let request = ExportMetricsServiceRequest::decode(body).expect("OTLP");
    let scopes = request.resource_metrics.into_iter().flat_map(|r| r.scope_metrics);
    let names = scopes.flat_map(|s| s.metrics).map(|m| m.name);
    seen.metrics.lock().expect("sound").extend(names);
}

/// Listens on a free port.
#[allow(dead_code)] // not every test needs everything
pub async fn listen(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, router).await });
    at
}

/// Starts one; gives its address.
pub fn start(seen: &Arc<Seen>) -> SocketAddr {
    let router = Router::new()
        .route("/v1/traces", post(traces))
        .route("/v1/metrics", post(metrics))
        .with_state(Arc::clone(seen));
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            tell.send(listen(router).await).expect("heard");
            std::future::pending::<()>().await;
        });
    });
    told.recv().expect("listens")
}

/// The one span of this name.
#[allow(dead_code)] // not every test needs everything
pub fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found: Vec<&Span> = spans.iter().filter(|s| s.name == name).collect();
    assert_eq!(found.len(), 1, "{name}");
    found[0]
}

/// A list of attributes as text, for comparing.
#[allow(dead_code)] // not every test needs everything
pub fn shown(attributes: &[KeyValue]) -> Vec<String> {
    let value = |a: &KeyValue| match a.value.as_ref().and_then(|v| v.value.as_ref()) {
        Some(Value::StringValue(v)) => format!("{}={v:?}", a.key),
        Some(Value::IntValue(v)) => format!("{}={v}", a.key),
        Some(Value::DoubleValue(v)) => format!("{}={v:?}f", a.key),
        Some(Value::BoolValue(v)) => format!("{}={v}", a.key),
        other => format!("{}={other:?}", a.key),
    };
    attributes.iter().map(value).collect()
}
