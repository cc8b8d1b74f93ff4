//! OTLP over HTTP, as protobuf.

use super::{Answer, Settings, Signal};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use std::io::Write;
use std::time::Duration;

/// Bytes of an answer that are read.
const ANSWER: usize = 64 << 10;

/// The client, made when it is first needed.
#[derive(Default)]
pub(super) struct Client(Option<::reqwest::Client>);

impl Client {
    pub(super) async fn send(&mut self, s: &Settings, signal: Signal, payload: &[u8]) -> Answer {
        let client = match &self.0 {
            Some(client) => client.clone(),
            None => {
                let made = ::reqwest::Client::builder()
                    .redirect(::reqwest::redirect::Policy::none())
                    .user_agent(&s.user_agent)
                    .build();
                match made {
                    Ok(made) => self.0.insert(made).clone(),
                    Err(e) => return later(None, &e),
                }
            }
        };
        let url = match signal {
            Signal::Traces => &s.traces,
            Signal::Metrics => &s.metrics,
        };
        let mut request = client.post(url).header("content-type", "application/x-protobuf");
        for (key, value) in &s.headers {
            request = request.header(key, value);
        }
        let request = match s.gzip.then(|| gzip(payload)).flatten() {
            Some(body) => request.header("content-encoding", "gzip").body(body),
            None => request.body(payload.to_vec()),
        };
        let mut answer = match request.send().await {
            Ok(answer) => answer,
            Err(e) if e.is_builder() => return Answer::Refused(reason(&e)),
            Err(e) => return later(None, &e),
        };
        let code = answer.status().as_u16();
        let after = answer.headers().get("retry-after").and_then(|v| v.to_str().ok()?.parse().ok());
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = answer.chunk().await {
            if body.len() + chunk.len() > ANSWER {
                break;
            }
            body.extend_from_slice(&chunk);
        }
        match code {
            200..=299 => taken(signal, &body),
            429 | 502 | 503 | 504 => Answer::Later {
                after: after.map(Duration::from_secs),
                why: format!("it answers {code}"),
            },
            _ => Answer::Refused(format!("it answers {code}")),
        }
    }
}

/// What a partial success says.
pub(super) fn taken(signal: Signal, body: &[u8]) -> Answer {
    let (rejected, message) = match signal {
        Signal::Traces => ExportTraceServiceResponse::decode(body)
            .ok()
            .and_then(|r| r.partial_success)
            .map(|p| (p.rejected_spans, p.error_message)),
        Signal::Metrics => ExportMetricsServiceResponse::decode(body)
            .ok()
            .and_then(|r| r.partial_success)
            .map(|p| (p.rejected_data_points, p.error_message)),
    }
    .unwrap_or_default();
    // Said by the other side: one line, no control characters.
    let message = message.chars().filter(|c| !c.is_control()).take(500).collect();
    Answer::Taken { rejected: u64::try_from(rejected).unwrap_or(0), message }
}

fn later(after: Option<Duration>, e: &::reqwest::Error) -> Answer {
    Answer::Later { after, why: reason(e) }
}

/// The innermost cause: "connection refused" says more than "error sending request".
fn reason(e: &::reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = e;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn gzip(payload: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(payload).ok()?;
    encoder.finish().ok()
}
