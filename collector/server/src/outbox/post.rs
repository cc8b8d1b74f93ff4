//! One HTTP request: an event to a target, and what its answer means.
//!
//! Follows no redirect, uses no proxy, keeps no cookie. Does not try again.

use super::OutboxError;
use super::queue::Outcome;
use super::settings::Settings;
use super::target::Target;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use longpole_exporters::{text, webhook};
use longpole_model::finding::Event;
use rustls::crypto::ring;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// Of an answer's text, what is kept to explain a failure.
const TOLD_CHARS: usize = 200;

/// The HTTP client of all targets.
pub(super) struct Poster {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
    response_bytes: usize,
}

impl Poster {
    /// Roots of trust are only looked for when a target needs them.
    pub(super) fn new(targets: &[Target], settings: &Settings) -> Result<Self, OutboxError> {
        let trust = |e: &dyn std::fmt::Display| OutboxError::Trust(e.to_string());
        let builder = HttpsConnectorBuilder::new();
        let builder = if targets.iter().any(Target::is_tls) {
            builder
                .with_provider_and_native_roots(ring::default_provider())
                .map_err(|e| trust(&e))?
        } else {
            let config =
                rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                    .with_safe_default_protocol_versions()
                    .map_err(|e| trust(&e))?;
            let nobody = rustls::RootCertStore::empty();
            builder.with_tls_config(config.with_root_certificates(nobody).with_no_client_auth())
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(settings.connect_timeout));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .build(builder.https_or_http().enable_http1().wrap_connector(tcp));
        let timeout = settings.connect_timeout + settings.response_timeout;
        Ok(Self { client, timeout, response_bytes: settings.response_bytes })
    }

    /// Sends one event. `unix_seconds` is the moment of this attempt.
    pub(super) async fn send(
        &self,
        target: &Target,
        event: &Event,
        body: Bytes,
        unix_seconds: u64,
    ) -> Outcome {
        let key = &event.idempotency_key;
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(target.uri.clone())
            .header(CONTENT_TYPE, webhook::CONTENT_TYPE)
            .header(USER_AGENT, concat!("longpole/", env!("CARGO_PKG_VERSION")))
            .header("idempotency-key", key);
        for (name, value) in webhook::headers(key, unix_seconds, &body, &target.secrets) {
            request = request.header(name, value);
        }
        let request = match request.body(Full::new(body)) {
            Ok(request) => request,
            Err(e) => return Outcome::Unsendable(format!("no request can be made of it: {e}")),
        };
        let answered = async {
            match self.client.request(request).await {
                Ok(response) => self.judge(response).await,
                Err(e) => failed(chain(&e)),
            }
        };
        let seconds = self.timeout.as_secs_f64();
        tokio::time::timeout(self.timeout, answered)
            .await
            .unwrap_or_else(|_| failed(format!("no answer within {seconds} s")))
    }

    /// 2xx is the acknowledgement, whatever becomes of the body behind it.
    async fn judge(&self, response: Response<Incoming>) -> Outcome {
        let status = response.status();
        let wait = response.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok());
        let retry_after = wait.and_then(|v| v.trim().parse().ok()).map(Duration::from_secs);
        if status.is_success() {
            // Read to its end so that the connection serves again, but not for long.
            let read = self.read(response.into_body());
            let _ = tokio::time::timeout(Duration::from_secs(1), read).await;
            return Outcome::Delivered;
        }
        let said = self.read(response.into_body()).await;
        let said = String::from_utf8_lossy(&said);
        let said = text::clean_to(said.trim(), TOLD_CHARS);
        let advice = if status.is_redirection() {
            " (redirects are not followed: set the final address)"
        } else {
            ""
        };
        let colon = if said.is_empty() { "" } else { ": " };
        Outcome::Failed { error: format!("answered {status}{advice}{colon}{said}"), retry_after }
    }

    /// As much of the body as is read at all; what breaks off is short.
    async fn read(&self, mut body: Incoming) -> Vec<u8> {
        let mut out = Vec::new();
        while let Some(Ok(frame)) = body.frame().await {
            let Some(data) = frame.data_ref() else { continue };
            let room = self.response_bytes.saturating_sub(out.len());
            out.extend_from_slice(data.get(..room).unwrap_or(data));
            if out.len() >= self.response_bytes {
                break;
            }
        }
        out
    }
}

fn failed(error: String) -> Outcome {
    Outcome::Failed { error, retry_after: None }
}

/// An error with its causes on one line: the outermost says least.
fn chain(error: &dyn Error) -> String {
    let mut out = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !out.contains(&said) {
            out.push_str(": ");
            out.push_str(&said);
        }
        next = cause.source();
    }
    text::clean_to(&out, TOLD_CHARS).into_owned()
}
