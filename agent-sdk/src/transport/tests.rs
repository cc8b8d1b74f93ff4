//! The chain against real servers and bad ones. What each road sends is looked at from the other side.

#[cfg(feature = "bridge")]
mod bridge;
mod chain;
mod collector;
mod deadlines;
mod many_servers;
mod redis_road;
mod server;
#[cfg(feature = "tls")]
mod tls_roads;

use super::settings::{Endpoint, Redis, Settings, Spill, TlsFiles};
use super::{Delivery, Encoded, Signal, Transport};
use crate::builder::Protocol;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(20);

/// A request of `spans` spans whose ids begin at `first`.
fn request(first: u64, spans: u64) -> Encoded {
    let span = |id: u64| Span {
        // Ids are spread as random ones are.
        trace_id: (u128::from(id.wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1 << 100)
            .to_be_bytes()
            .to_vec(),
        span_id: (id + 1).to_be_bytes().to_vec(),
        name: "GET /cart with something to say that is not too short to be packed".into(),
        start_time_unix_nano: 1,
        end_time_unix_nano: 2,
        ..Span::default()
    };
    let scope =
        ScopeSpans { spans: (first..first + spans).map(span).collect(), ..Default::default() };
    let of = ResourceSpans { scope_spans: vec![scope], ..Default::default() };
    let payload = ExportTraceServiceRequest { resource_spans: vec![of] }.encode_to_vec();
    let payload = bytes::Bytes::from(payload).into();
    Encoded { signal: Signal::Traces, payload, items: spans as u32 }
}

/// The numbers of the spans in a request, as [`request`] gave them.
fn numbers(payload: &[u8]) -> Vec<u64> {
    let read = ExportTraceServiceRequest::decode(payload).expect("OTLP");
    let scopes = read.resource_spans.into_iter().flat_map(|r| r.scope_spans);
    scopes
        .flat_map(|s| s.spans)
        .map(|s| u64::from_be_bytes(s.span_id.try_into().expect("8 bytes")) - 1)
        .collect()
}

fn http(at: SocketAddr) -> Option<Endpoint> {
    Some(Endpoint {
        url: format!("http://{at}/v1/traces"),
        protocol: Protocol::HttpProtobuf,
        headers: Vec::new(),
        timeout: Duration::from_secs(5),
        gzip: false,
        tls: TlsFiles::default(),
    })
}

fn redis(port: u16) -> Option<Redis> {
    Some(Redis {
        places: vec![("127.0.0.1".into(), port)],
        master: None,
        tls: None,
        user: None,
        password: None,
        database: 0,
        replicas: 0,
        timeout: Duration::from_secs(5),
    })
}

fn spill(folder: &Path, bytes: u64) -> Option<Spill> {
    Some(Spill { folder: folder.to_path_buf(), bytes })
}

fn start(settings: Settings) -> Transport {
    Transport::start(Settings { memory: 8 << 20, quiet: true, ..settings }).expect("a thread")
}

fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !reached() {
        assert!(Instant::now() < end, "{what}: not in {SOON:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The identity that holds at every end.
fn settled(d: &Delivery) {
    assert_eq!(d.on_the_way(), 0, "{d:?}");
    assert_eq!(d.offered + d.recovered, d.delivered + d.dropped() + d.on_disk, "{d:?}");
}
