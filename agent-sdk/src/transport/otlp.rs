//! The road by OTLP, over HTTP or gRPC: what is put into a request and how its answer is fetched. What
//! an answer means is `reply` and `grpc`.

mod grpc;
mod profile;
mod reply;

use super::parcel::Parcel;
use super::remote::Remote;
use super::settings::{Endpoint, shown};
use super::{Outcome, Signal};
use crate::builder::Protocol;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use longpole_proto::road;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An answer is never read further than this.
const LONGEST_ANSWER: usize = 64 << 10;
const USER_AGENT: &str = concat!(
    "longpole-sdk/",
    env!("CARGO_PKG_VERSION"),
    " OTel-OTLP-Exporter-Rust/",
    env!("CARGO_PKG_VERSION")
);

#[cfg(feature = "tls")]
type Connector = hyper_rustls::HttpsConnector<HttpConnector>;
#[cfg(not(feature = "tls"))]
type Connector = HttpConnector;

/// Sends one signal to one place.
pub(crate) struct Otlp {
    http: legacy::Client<Connector, Full<Bytes>>,
    uri: Uri,
    headers: HeaderMap,
    protocol: Protocol,
    signal: Signal,
    timeout: Duration,
    gzip: bool,
    remote: Option<Arc<Remote>>,
    pub shown: String,
}

impl Otlp {
    /// Checks the endpoint and makes ready; connects when there is something to send. The error says
    /// what is wrong with the address.
    pub fn new(
        endpoint: &Endpoint,
        signal: Signal,
        remote: Option<Arc<Remote>>,
    ) -> Result<Self, String> {
        let grpc = endpoint.protocol == Protocol::Grpc;
        let mut text = endpoint.url.clone();
        if grpc {
            text = format!("{}{}", text.trim_end_matches('/'), grpc::path(signal));
        }
        let uri: Uri = text.parse().map_err(|e: http::uri::InvalidUri| e.to_string())?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") if cfg!(feature = "tls") => {}
            Some("https") => return Err("https needs the feature `tls`".to_owned()),
            _ => return Err("it must begin with http:// or https://".to_owned()),
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err("it names no host".to_owned());
        }
        if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
            return Err("user and password belong into OTEL_EXPORTER_OTLP_HEADERS".to_owned());
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(endpoint.timeout));
        #[cfg(feature = "tls")]
        let connector = secure(connector, endpoint, uri.scheme_str() == Some("https"), grpc)?;
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(1)
            .http2_only(grpc)
            .build(connector);
        Ok(Self {
            http,
            uri,
            headers: headers(endpoint)?,
            protocol: endpoint.protocol,
            signal,
            timeout: endpoint.timeout,
            gzip: endpoint.gzip,
            remote,
            shown: shown(&endpoint.url),
        })
    }

    /// Tries once, within the timeout.
    pub async fn send(&self, parcel: &mut Parcel) -> Outcome {
        let body = if self.gzip { Some(parcel.body.gzip()) } else { parcel.body.unpacked() };
        let Some(body) = body else { return Outcome::Spoilt };
        let body = match self.protocol {
            Protocol::HttpProtobuf => body,
            Protocol::Grpc => grpc::frame(&body, self.gzip),
        };
        match tokio::time::timeout(self.timeout, self.once(parcel, body)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let why = format!("no answer within {} ms", self.timeout.as_millis());
                Outcome::Later { why, asked: None, reached: true }
            }
        }
    }

    async fn once(&self, parcel: &Parcel, body: Bytes) -> Outcome {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        stamp(parcel, request.headers_mut());
        self.remote.iter().for_each(|r| r.say(request.headers_mut()));
        self.exchange(request).await
    }

    /// One request and what its answer means.
    async fn exchange(&self, request: Request<Full<Bytes>>) -> Outcome {
        let (head, body) = match self.http.request(request).await {
            Ok(answer) => answer.into_parts(),
            Err(why) => return failed(&why),
        };
        self.remote.iter().for_each(|r| r.hear(&head.headers, Instant::now()));
        let (bytes, trailers) = match Limited::new(body, LONGEST_ANSWER).collect().await {
            Ok(body) => {
                let trailers = body.trailers().cloned();
                (body.to_bytes(), trailers)
            }
            // Too long or cut off: the status alone has to do.
            Err(_) => (Bytes::new(), None),
        };
        match self.protocol {
            Protocol::HttpProtobuf => reply::http(head.status, &head.headers, &bytes, self.signal),
            Protocol::Grpc => {
                grpc::reply(head.status, &head.headers, trailers.as_ref(), &bytes, self.signal)
            }
        }
    }
}

/// Which batch it is, so that a receiver counts it once.
fn stamp(parcel: &Parcel, headers: &mut HeaderMap) {
    let Some(stamp) = parcel.stamp else { return };
    if let Ok(id) = HeaderValue::from_str(&road::producer_hex(stamp.producer)) {
        headers.insert(road::HEADER_PRODUCER, id);
    }
    headers.insert(road::HEADER_SEQUENCE, stamp.sequence.into());
    if stamp.shard != road::UNSHARDED {
        headers.insert(road::HEADER_SHARD, stamp.shard.into());
    }
}

#[cfg(feature = "tls")]
fn secure(
    mut http: HttpConnector,
    endpoint: &Endpoint,
    https: bool,
    grpc: bool,
) -> Result<Connector, String> {
    http.enforce_http(false);
    let config = match https {
        true => super::tls::config(&endpoint.tls)?,
        // No certificate is read for what is not encrypted.
        false => rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(
            rustls::crypto::ring::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth(),
    };
    let builder =
        hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(config).https_or_http();
    Ok(match grpc {
        true => builder.enable_http2().wrap_connector(http),
        false => builder.enable_http1().wrap_connector(http),
    })
}

/// The headers of every request: the user's, ours not to be overwritten but for the agent.
fn headers(endpoint: &Endpoint) -> Result<HeaderMap, String> {
    let mut out = HeaderMap::new();
    out.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    for (name, value) in &endpoint.headers {
        // The value may be a secret: it is not shown.
        let bad = || format!("the header {name:?} cannot be sent");
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| bad())?;
        value.set_sensitive(true);
        out.insert(key, value);
    }
    let (content, encoding) = match endpoint.protocol {
        Protocol::HttpProtobuf => ("application/x-protobuf", header::CONTENT_ENCODING),
        Protocol::Grpc => {
            out.insert(header::TE, HeaderValue::from_static("trailers"));
            ("application/grpc", HeaderName::from_static("grpc-encoding"))
        }
    };
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(content));
    if endpoint.gzip {
        out.insert(encoding, HeaderValue::from_static("gzip"));
    }
    Ok(out)
}

/// Puts the innermost cause into words: "connection refused" says more than "client error".
fn failed(why: &legacy::Error) -> Outcome {
    let mut cause: &(dyn Error + 'static) = why;
    let mut refused = false;
    while let Some(next) = cause.source() {
        cause = next;
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        refused |= kind == Some(io::ErrorKind::ConnectionRefused);
    }
    let text = if refused { "connection refused".to_owned() } else { cause.to_string() };
    Outcome::Later { why: text, asked: None, reached: !why.is_connect() }
}
