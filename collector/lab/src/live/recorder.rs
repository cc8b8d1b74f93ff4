//! Takes what the shop's processes tell, as a collector's door would, and keeps it in the order in which it came.
//! Nothing is read or judged here.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinHandle;

/// Bytes of one request at most; senders here stay far below it.
const LARGEST: usize = 64 << 20;

/// What a request holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// Spans.
    Traces,
    /// Readings.
    Metrics,
}

type Kept = Arc<Mutex<Vec<(Signal, Vec<u8>)>>>;

/// A door for OTLP over HTTP that keeps requests. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Recorder {
    /// Where it listens.
    pub(super) at: SocketAddr,
    kept: Kept,
    serving: JoinHandle<()>,
}

impl Recorder {
    /// Opens the door.
    pub(super) async fn open() -> std::io::Result<Self> {
        let kept = Kept::default();
        let router = Router::new()
            .route("/v1/traces", post(|s, h, b| keep(Signal::Traces, s, h, b)))
            .route("/v1/metrics", post(|s, h, b| keep(Signal::Metrics, s, h, b)))
            .layer(DefaultBodyLimit::max(LARGEST))
            .with_state(Arc::clone(&kept));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let at = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            // It ends with its task; an error of accepting shows as a recording without messages.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { at, kept, serving })
    }

    /// What came since the last call, oldest first.
    pub(super) fn take(&self) -> Vec<(Signal, Vec<u8>)> {
        std::mem::take(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Keeps one request; packed ones are refused, since they would be kept as they come.
async fn keep(
    signal: Signal,
    State(kept): State<Kept>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE;
    }
    kept.lock().unwrap_or_else(PoisonError::into_inner).push((signal, body.to_vec()));
    StatusCode::OK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_are_kept_in_order() {
        let recorder = Recorder::open().await.expect("a port");
        let client = reqwest::Client::new();
        for (path, body) in [("traces", "one"), ("metrics", "two")] {
            let url = format!("http://{}/v1/{path}", recorder.at);
            let answer = client.post(url).body(body).send().await.expect("answered");
            assert!(answer.status().is_success());
        }
        let url = format!("http://{}/v1/traces", recorder.at);
        let packed = client.post(url).header("content-encoding", "gzip").body("three");
        assert_eq!(packed.send().await.expect("answered").status(), 415);
        assert_eq!(
            recorder.take(),
            [(Signal::Traces, b"one".to_vec()), (Signal::Metrics, b"two".to_vec())]
        );
        assert_eq!(recorder.take().len(), 0);
    }
}
